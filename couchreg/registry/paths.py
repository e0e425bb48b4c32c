"""Which file paths a package may use, and where its files lie in the datastore. Pure.

The rule is the Data Package specification's (relative, POSIX, no parent folders), drawn tighter so
that a published package can be unpacked on any system.
"""

import re

from couchreg.blobstore.keys import MAX_SEGMENT_BYTES, is_valid
from couchreg.errors import BadRequest

DESCRIPTOR = "datapackage.json"
MAX_PATH = 500  # bytes of UTF-8; with name and version it stays a key that every store takes

_DRIVE = re.compile(r"^[A-Za-z]:")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_VERSION_ID = re.compile(r"^([a-z0-9][a-z0-9._-]*)@([0-9A-Za-z][0-9A-Za-z.+_-]*)$")


def path_fault(path: str) -> str | None:
    """Why `path` may not name a file of a package, as the end of a sentence; None if it may."""
    if not path:
        return "is empty"
    if _DRIVE.match(path):
        return "names a drive"
    if _SCHEME.match(path):
        return "is a URL: publish the file itself, nothing is fetched from elsewhere"
    if "\\" in path:
        return "has a backslash: write folders with /"
    return _character_fault(path) or _segment_fault(path)


def _character_fault(path: str) -> str | None:
    if not path.isprintable():  # lone surrogates are not, either
        return "has a control character or another that cannot be seen"
    if len(path.encode()) > MAX_PATH:
        return f"is longer than {MAX_PATH} bytes"
    return None


def _segment_fault(path: str) -> str | None:
    if path.startswith("/"):
        return "is absolute: paths are relative to datapackage.json"
    segments = path.split("/")
    if ".." in segments:
        return "leaves the package's folder"
    if "" in segments or "." in segments:
        return "has an empty or “.” segment"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES or segment.isspace() for segment in segments):
        return f"has a segment that is blank or longer than {MAX_SEGMENT_BYTES} bytes"
    return "begins with “_”, which no attachment of a document may" if path.startswith("_") else None


def check_path(path: str) -> str:
    """`path` itself. Raises BadRequest with the reason why a package may not have such a file."""
    fault = path_fault(path)
    if fault:
        raise BadRequest(f"The path {path[:200]!r} {fault}.")
    return path


def looks_remote(value: str) -> bool:
    """Whether a string would be fetched over a network or from outside the package."""
    return bool(_SCHEME.match(value)) or value.startswith(("/", "\\")) or "\\" in value


def version_id(name: str, version: str) -> str:
    """The id of the document of one published version."""
    return f"{name}@{version}"


def split_version_id(doc_id: str) -> tuple[str, str] | None:
    """Name and version of a version document's id, None for any other id."""
    match = _VERSION_ID.match(doc_id)
    return (match[1], match[2]) if match and match.end() == len(doc_id) else None


def flat_key(database: str, doc_id: str, name: str) -> str | None:
    """The datastore's key for a file of a published version; None: the file has no flat place.

    `datapackage.json` as published has none, because at its place the datastore keeps the completed
    descriptor (with sizes and hashes), which makes the version's folder a data package.
    """
    package = split_version_id(doc_id) if database == "registry" else None
    if package is None or name == DESCRIPTOR or path_fault(name):
        return None
    key = f"{package[0]}/{package[1]}/{name}"
    return key if is_valid(key) else None
