"""The descriptor of a version as it lies beside its files in the blob store. Pure; the key is `layout`'s."""

from collections.abc import Mapping
from typing import Any

from couchreg.docstore.base import Attachment
from couchreg.package.descriptor import descriptor_of


def built(document: Mapping[str, Any], files: Mapping[str, Attachment]) -> dict[str, Any]:
    """The descriptor of a version document, with `bytes` and `hash` of each resource that is one file
    and does not tell them itself."""
    descriptor = descriptor_of(document)
    resources = descriptor.get("resources")
    if isinstance(resources, list):
        descriptor["resources"] = [_completed(resource, files) for resource in resources]
    return descriptor


def _completed(resource: Any, files: Mapping[str, Attachment]) -> Any:
    path = resource.get("path") if isinstance(resource, dict) else None
    file = files.get(path) if isinstance(path, str) else None
    if file is None or file.encoding != "identity":
        return resource
    return {
        **resource,
        "bytes": resource.get("bytes", file.length),
        "hash": resource.get("hash", f"sha256:{file.sha256}"),
    }
