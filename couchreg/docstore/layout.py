"""Where bytes lie in the blob store: published packages as readable folders, the rest by content.

    gdp/2026/datapackage.json      the descriptor, written by the `datastore` follower
    gdp/2026/data/gdp.csv          the attachment "data/gdp.csv" of the document "gdp@2026"
    _blobs/ab/ab12…                any other attachment, by its SHA-256

Pure: names in, keys out. Whether a key is taken is the blob store's to say.
"""

import re
from collections.abc import Callable

from couchreg.blobstore.keys import is_valid

Layout = Callable[[str, str, str], str | None]

DESCRIPTOR = "datapackage.json"
_BLOBS = "_blobs"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_LONGEST = 150  # characters of a package name or a version that may become a folder


def registry_layout(registry: str) -> Layout:
    """The layout in which the documents `name@version` of the database `registry` are folders."""

    def layout(db: str, doc_id: str, attachment: str) -> str | None:
        return package_key(doc_id, attachment) if db == registry else None

    return layout


def package_key(doc_id: str, attachment: str) -> str | None:
    """`name/version/path` for an attachment of a published version; None where the document is no
    version, or the path is not a safe one or is the descriptor's own."""
    name, at, version = doc_id.partition("@")
    if not at or not _folder(_PACKAGE, name) or not _folder(_VERSION, version):
        return None
    key = f"{name}/{version}/{attachment}"
    return key if _safe(attachment) and is_valid(key) else None


def descriptor_key(name: str, version: str) -> str:
    """Where the descriptor of a published version lies."""
    return f"{name}/{version}/{DESCRIPTOR}"


def is_descriptor(key: str) -> bool:
    """Whether `key` is one of `descriptor_key`'s: no attachment, and no sweep's business."""
    return key.count("/") == 2 and key.endswith("/" + DESCRIPTOR) and not key.startswith("_")


def content_key(sha256: str) -> str:
    """The key of bytes that have no place in a package."""
    return f"{_BLOBS}/{sha256[:2]}/{sha256}"


def _folder(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= _LONGEST and pattern.fullmatch(text) is not None


def _safe(path: str) -> bool:
    """A POSIX path that stays below its folder and looks the same everywhere: see the Data Package
    specification on safe resource paths. Hidden files are left out, as Frictionless does."""
    return (
        not any(letter in path for letter in ':*?"<>|')
        and path.casefold() != DESCRIPTOR
        and not path.casefold().startswith(DESCRIPTOR + "/")
        and all(part.strip() == part != "" and part[0] != "." and part[-1] != "." for part in path.split("/"))
    )
