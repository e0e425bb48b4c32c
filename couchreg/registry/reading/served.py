"""A published descriptor as clients get it: with addresses for paths, so that it can be read from
anywhere as it is. Pure; the base of the addresses comes as an argument.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from couchreg.docstore.base import Attachment
from couchreg.package.descriptor import OWN, UNDERSCORED, Resource
from couchreg.package.formats import mediatype, split_format
from couchreg.package.recording import RECORDED
from couchreg.package.references import addressed
from couchreg.registry.reading.catalog import Version

_TOLD_ELSEWHERE = frozenset(("hashes", "report", RECORDED, UNDERSCORED))


def url_of(base: str, *segments: str) -> str:
    """`base` (without a slash at its end) with path segments, each encoded whole."""
    return "/".join([base, *(quote(segment, safe="") for segment in segments)])


def file_url(base: str, version: Version, path: str) -> str:
    return url_of(base, version.name, version.version, *path.split("/"))


def served_descriptor(version: Version, base: str, deprecated: str | None = None) -> dict[str, Any]:
    """The descriptor of a version with a URL for each resource, and `couchreg` about the version."""
    members = _addressed(version.descriptor, version, base)
    members.setdefault("name", version.name)
    members.setdefault("version", version.version)
    members["resources"] = [served_resource(version, item, base) for item in version.resources.values()]
    members[OWN] = {**_about(version, base), **({"deprecated": deprecated} if deprecated else {})}
    return members


def _about(version: Version, base: str) -> dict[str, Any]:
    """Publisher, moment, files, and of the report only its outcome, for it can be long."""
    about = {key: value for key, value in version.own.items() if key not in _TOLD_ELSEWHERE}
    report = version.own.get("report")
    if isinstance(report, dict):
        url = url_of(base, "-", "report", version.name, version.version)
        about["report"] = {"valid": report.get("valid"), "errors": report.get("errors"), "url": url}
    return {**about, "files": [file_entry(version, item, base) for item in version.files.values()]}


def file_entry(version: Version, file: Attachment, base: str) -> dict[str, Any]:
    """`{path, bytes, hash, mediatype, url}` of one file; of one that arrived compressed, by
    replication, the bytes that clients get were never hashed."""
    hashed = {"hash": f"sha256:{file.sha256}"} if file.encoding == "identity" else {}
    url = file_url(base, version, file.name)
    return {"path": file.name, "bytes": file.length, **hashed, "mediatype": file.content_type, "url": url}


def served_resource(version: Version, resource: Resource, base: str) -> dict[str, Any]:
    """One resource's descriptor with its URL; of a resource in several files, the URLs of these."""
    members = _addressed(resource.members, version, base)
    members.pop("extrapaths", None)
    if not resource.paths:
        return {**members, "path": resource.urls[0]} if "path" not in members and resource.urls else members
    if "path" not in resource.members:
        del members["url"]
    if len(resource.paths) == 1:
        members["path"] = url_of(base, version.name, version.version, resource.name)
    else:
        members["path"] = [file_url(base, version, path) for path in resource.paths]
    return {**members, **_missing_formats(members, resource.paths[0]), **_missing_sizes(version, resource)}


def _missing_sizes(version: Version, resource: Resource) -> dict[str, Any]:
    """`bytes` and, of a single file, `hash`, for a version that came from elsewhere without them."""
    files = [version.files[path] for path in resource.paths if path in version.files]
    if len(files) != len(resource.paths):
        return {}
    found: dict[str, Any] = {"bytes": sum(file.length for file in files)}
    if len(files) == 1 and files[0].encoding == "identity":
        found["hash"] = f"sha256:{files[0].sha256}"
    return {member: value for member, value in found.items() if member not in resource.members}


def _missing_formats(members: Mapping[str, Any], path: str) -> dict[str, str]:
    form, compression = split_format(path)
    known = {"format": form, "compression": compression, "mediatype": mediatype(path)}
    return {member: value for member, value in known.items() if value and member not in members}


def _addressed(members: Mapping[str, Any], version: Version, base: str) -> dict[str, Any]:
    """The members, with references to files of the package turned into URLs."""
    return addressed(members, lambda path: file_url(base, version, path) if path in version.files else None)
