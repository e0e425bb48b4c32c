"""Where bytes lie in the blob store: published packages as readable folders, the rest by content.

    gdp/2026/datapackage.json      the descriptor, written by the `datastore` follower
    gdp/2026/data/gdp.csv          the attachment "data/gdp.csv" of the document "gdp@2026"
    _blobs/ab/ab12…                any other attachment, by its SHA-256
    _uploads/3f…/0                 a file that waits to be published, see `registry/publishing/direct.py`
    _registry/gdp@2026/1-ab….json  what is recorded of a leaf revision, to rebuild the database from
    _parquet/gdp/2026/gdp.parquet  the table of the resource "gdp", see `analytics`
    _deleted/gdp/2026/3f…/0        a file of a deleted version that may be brought back
    _claims/3f…/7                  which process is changing a package, see `blobstore/claims.py`
    _claims/documents/lease/…/7    which process does what, where a cluster holds the documents
    _datastore/owner.json          which server's documents these are

Pure: names in, keys out. Whether a key is taken is the blob store's to say.
"""

import hashlib
import re
from collections.abc import Callable

from couchreg.blobstore.keys import is_valid
from couchreg.package.names import is_package_name, split_version_id
from couchreg.package.paths import DESCRIPTOR, is_portable

Layout = Callable[[str, str, str], str | None]

OWNER = "_datastore/owner.json"
RECORDS = "_registry/"
UPLOADS = "_uploads/"
PARQUET = "_parquet/"
DELETED = "_deleted/"
CLAIMS = "_claims/"
DELETED_RECORD = "version.json"  # of what lies in the same folder
_BLOBS = "_blobs"
_REV = re.compile(r"[0-9]+-[0-9a-f]{32}")
_PLAIN_ID = re.compile(r"[a-z0-9][0-9A-Za-z@._+-]{0,190}(?<!\.)")


def registry_layout(registry: str) -> Layout:
    """The layout in which the documents `name@version` of the database `registry` are folders."""

    def layout(db: str, doc_id: str, attachment: str) -> str | None:
        return package_key(doc_id, attachment) if db == registry else None

    return layout


def package_key(doc_id: str, attachment: str) -> str | None:
    """`name/version/path` for an attachment of a published version; None where the document is no
    version, or the path is not a safe one or is the descriptor's own."""
    version = split_version_id(doc_id)
    if version is None:
        return None
    key = "/".join((*version, attachment))
    return key if is_portable(attachment) and is_valid(key) else None


def descriptor_key(name: str, version: str) -> str:
    """Where the descriptor of a published version lies."""
    return f"{name}/{version}/{DESCRIPTOR}"


def is_descriptor(key: str) -> bool:
    """Whether `key` is one of `descriptor_key`'s: no attachment, and no sweep's business."""
    return key.count("/") == 2 and key.endswith("/" + DESCRIPTOR) and not key.startswith("_")


def record_folder(doc_id: str) -> str:
    """The prefix of all records of a document: its id, where that can be a folder's name."""
    plain = _PLAIN_ID.fullmatch(doc_id) is not None
    return f"{RECORDS}{doc_id if plain else '_' + _hash(doc_id)}/"


def record_key(doc_id: str, rev: str) -> str:
    """Where a leaf revision is recorded. Never overwritten: another revision has another key."""
    return f"{record_folder(doc_id)}{rev if _REV.fullmatch(rev) else _hash(rev)}.json"


def parse_record_key(key: str) -> tuple[str, str] | None:
    """The document and the revision of a record, where its key says both; of others only the record does."""
    doc_id, _, file = key.removeprefix(RECORDS).partition("/")
    rev = file.removesuffix(".json")
    plain = _PLAIN_ID.fullmatch(doc_id) is not None and _REV.fullmatch(rev) is not None
    return (doc_id, rev) if plain and key == record_key(doc_id, rev) else None


def deleted_folder(name: str, version: str = "") -> str:
    """The prefix of what is kept of a deleted version, a folder for each time that it was deleted; without a
    version of all that is kept of a package."""
    return f"{DELETED}{name}/{version}/" if version else f"{DELETED}{name}/"


def parquet_folder(name: str, version: str) -> str:
    """The prefix of the Parquet files of a version's tables."""
    return f"{PARQUET}{name}/{version}/"


def parquet_name(resource: str) -> str:
    """The file in it of a resource: its name, where that can be a file's and no other one's on any system."""
    file = f"{resource}.parquet"
    plain = file == file.casefold() and "/" not in file and file[0] != "_"
    plain = plain and is_portable(file) and is_valid(PARQUET + file)
    return file if plain else f"_{_hash(resource)[:32]}.parquet"


def descriptor_beside(key: str) -> str | None:
    """The key of the descriptor of the version whose table lies under `key`; None for what is no table."""
    parts = key.removeprefix(PARQUET).split("/")
    return descriptor_key(*parts[:2]) if key.startswith(PARQUET) and len(parts) == 3 else None


def package_of_key(key: str) -> str | None:
    """The package whose file, or whose table, lies under `key`; None where that does not say it."""
    name = key.removeprefix(PARQUET).partition("/")[0]
    return name if is_package_name(name) else None


def is_kept(key: str) -> bool:
    """Whether `key` is no attachment's, so that no document refers to it and no sweep may take it."""
    return is_descriptor(key) or key.startswith((RECORDS, PARQUET, DELETED, CLAIMS)) or key == OWNER


def waits(key: str) -> bool:
    """Whether `key` is a file's that somebody has uploaded and not published yet."""
    return key.startswith(UPLOADS)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def is_by_content(key: str) -> bool:
    """Whether documents of any database may refer to `key`."""
    return key.startswith(_BLOBS + "/")


def content_key(sha256: str) -> str:
    """The key of bytes that have no place in a package."""
    return f"{_BLOBS}/{sha256[:2]}/{sha256}"
