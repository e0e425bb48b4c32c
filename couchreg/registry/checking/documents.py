"""Files of JSON that are no tables: can they be read, and is a map one? Only in the child process.

What is found is said and refuses nothing: many a program writes what strict readers do not take (`NaN`, or a
line for each value), and what the file is for is the publisher's to know.

Source: RFC 7946 (GeoJSON), https://github.com/topojson/topojson-specification.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from couchreg.package.report import shown
from couchreg.package.text import BadText, check_json

LARGEST = 64 << 20  # bytes of a file that is looked into
_GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
# The `type` that the object of a format has; None: any value will do.
_TYPES: dict[str, frozenset[str] | None] = {
    "json": None,
    "geojson": frozenset((*_GEOMETRIES, "GeometryCollection", "Feature", "FeatureCollection")),
    "topojson": frozenset(("Topology",)),
}
FORMATS = frozenset(_TYPES)
# Formats of which one file is whole, so that two of them one after the other are none.
_WHOLE = frozenset(
    (
        *("pdf", "png", "jpg", "jpeg", "gif", "tif", "tiff", "webp", "bmp", "svg", "mp3", "mp4", "wav"),
        *("xlsx", "xls", "xlsm", "xlsb", "ods", "odt", "doc", "docx", "pptx", "parquet", "feather", "rds"),
        *("rda", "rdata", "sav", "dta", "sas7bdat", "shp", "gpkg", "sqlite", "db", "nc", "hdf5", "h5"),
        *("html", "xml", "kml", "gml", "yaml", "yml"),
    )
)
# How such files begin, whatever they are called.
_MARKS = (
    b"%PDF-",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"II*\x00",
    b"MM\x00*",
    b"PK\x03\x04",
    b"SQLite ",
)
_NAMES = {"geojson": "GeoJSON", "topojson": "TopoJSON"}


class _Typed(msgspec.Struct):
    """All else in the object is passed over."""

    type: str = ""


_typed = msgspec.json.Decoder(_Typed).decode


def are_whole(folder: str, paths: Sequence[str], format: str) -> bool:
    """Whether files of one resource, which is no table, are each complete. Parts of one file are not, as
    programs make them that split what is large: of those the first alone has a beginning."""
    if format in FORMATS or format in _WHOLE:
        return True
    for path in paths[1:]:
        try:
            with Path(folder, path).open("rb") as file:
                if file.read(8).startswith(_MARKS):
                    return True
        except OSError:
            continue  # other checks say it
    return False


def fault_of(file: Path, format: str) -> str | None:
    """What is to be said of a file of a format of `FORMATS`, None where it is what it should be; it ends a
    sentence that begins with the file's name."""
    try:
        if file.stat().st_size > LARGEST:
            return f"has more than {LARGEST >> 20} MiB, so nobody has looked into it"
        data = file.read_bytes()
        check_json(data)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except BadText as error:
        return error.fault
    return _of_type(data, format)


def _of_type(data: bytes, format: str) -> str | None:
    known = _TYPES[format]
    if known is None:
        return None
    try:
        found = _typed(data.removeprefix(b"\xef\xbb\xbf")).type
    except msgspec.MsgspecError:
        found = ""
    if found in known:
        return None
    return f"is not {_NAMES[format]}: " + (
        f"its type is {shown(found)}" if found else "it is not an object with a type"
    )
