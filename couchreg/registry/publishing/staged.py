"""Files of a package that lie in the blob store already: which of them have to be read, and their hashes.

Reading one through costs the way from the store and nothing else. A file of its own here is needed only for
what looks into it: the checks of tables and schemas, and hashes over several files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.digests import digests_of
from couchreg.package.descriptor import Resource, resources_of
from couchreg.package.references import references

# Formats that no check looks into. Whatever is not named here might be a table.
_OPAQUE = frozenset(
    {
        "tif",
        "tiff",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "webp",
        "svg",
        "bmp",
        "pdf",
        "mp3",
        "mp4",
        "wav",
        "flac",
        "ogg",
        "avi",
        "mov",
        "mkv",
        "webm",
        "nc",
        "h5",
        "hdf5",
        "grib",
        "grib2",
        "grb",
        "fits",
        "shp",
        "shx",
        "dbf",
        "prj",
        "gpkg",
        "las",
        "laz",
        "iso",
        "img",
        "tar",
        "7z",
        "bin",
        "npy",
        "npz",
        "pt",
        "onnx",
        "md",
        "rst",
        "docx",
        "pptx",
        "woff",
        "woff2",
    }
)
_HASHES = ("", "md5", "sha256")  # those that every file is hashed with


async def reference(blobs: BlobStore, key: str) -> Spooled:
    """The blob under `key`, read through and hashed. Raises NotFound, Unavailable."""
    digests = await digests_of(blobs, key)
    return digests.spooled(blobs.local_path(key) or Path("in the blob store only"), kept=key)


def looked_into(members: Mapping[str, Any], *, checked: bool) -> frozenset[str]:
    """The paths of the files that are needed as files, by a descriptor; `checked`: whether data is."""
    found = {item.path for item in references(members) if checked and item.needed}
    for resource in resources_of(members):
        found.update(_of(resource, checked=checked))
    return frozenset(found)


def _of(resource: Resource, *, checked: bool) -> Iterator[str]:
    stated = resource.members.get("hash")
    algorithm = stated.rpartition(":")[0] if isinstance(stated, str) else ""
    if len(resource.paths) > 1 or algorithm not in _HASHES or (checked and _may_be_table(resource)):
        yield from resource.paths


def _may_be_table(resource: Resource) -> bool:
    members = resource.members
    if resource.inline or members.get("type") == "table" or "schema" in members or "profile" in members:
        return True
    endings = [path.rpartition(".")[2] for path in resource.paths]
    forms = [members["format"]] if "format" in members else endings
    return not all(isinstance(form, str) and form.lower() in _OPAQUE for form in forms)
