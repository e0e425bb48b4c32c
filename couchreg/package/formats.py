"""Formats and media types of files, for descriptors whose publisher left them out. Pure."""

import mimetypes
import re
from pathlib import PurePosixPath

from couchreg.model.media_types import OCTETS

COMPRESSIONS = {"gz": "application/gzip", "zip": "application/zip"}

# What the machine's own table of types lacks or answers differently from place to place.
_MEDIATYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "ndjson": "application/x-ndjson",
    "geojson": "application/geo+json",
    "topojson": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "md": "text/markdown",
    "txt": "text/plain",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "xml": "application/xml",
}
_PLAIN_SUFFIXES = re.compile(r"[.A-Za-z0-9]{1,20}")
_TYPES = mimetypes.MimeTypes(filenames=())


def split_format(path: str) -> tuple[str | None, str | None]:
    """Format and compression by suffix: `data/gdp.csv.gz` -> ("csv", "gz"); None for what is not there."""
    suffixes = [suffix[1:].lower() for suffix in PurePosixPath(path).suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else None
    return (suffixes[-1] if suffixes else None), compression


def plain_suffixes(path: str) -> str:
    """`data/gdp.csv.gz` -> ".csv.gz", for a file whose name is to tell; nothing where a suffix is odd."""
    suffixes = "".join(f".{part}" for part in split_format(path) if part)
    return suffixes if _PLAIN_SUFFIXES.fullmatch(suffixes) else ""


def mediatype(path: str) -> str:
    """The media type of a file by its name, `application/octet-stream` when that says nothing."""
    form, compression = split_format(path)
    if compression:
        return COMPRESSIONS[compression]
    return _MEDIATYPES.get(form or "") or _TYPES.guess_type(path)[0] or OCTETS
