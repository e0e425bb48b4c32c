"""A first descriptor of files that somebody has: what can be seen in them, to be edited.

Formats, encodings, dialects and schemas are frictionless's guesses; names are made of file names. It looks
into files of strangers: in a server only children of the sandbox do so.
"""

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from couchreg.package.descriptor import PLACEHOLDER
from couchreg.package.formats import mediatype, split_format
from couchreg.package.names import slug
from couchreg.package.paths import file_fault
from couchreg.package.report import shown
from couchreg.registry.checking import documents
from couchreg.registry.checking.books import BOOKS, filled_sheets
from couchreg.registry.checking.encodings import detected
from couchreg.registry.checking.foreign import fault_of
from couchreg.registry.checking.local_forms import recognise, values_of
from couchreg.registry.checking.opening import (
    BROKEN,
    NoMember,
    delimiter_hint,
    member_of_zip,
    open_text_bytes,
)

SAMPLE = 10_000  # rows of a table that are looked at
SCHEMA = "https://datapackage.org/profiles/2.0/datapackage.json"
_TABLES = (".csv", ".tsv", ".tab", ".xlsx", ".xls", ".ods", ".parquet")
_DELIMITED, _BINARY = _TABLES[:3], _TABLES[3:]
_TABBED = "text/tab-separated-values"
_BLANKS = b"\xef\xbb\xbf\x00 \t\r\n"
_OTHERS = (".json", ".jsonl", ".ndjson", ".geojson", ".topojson")
DATA = (*_TABLES, *_OTHERS)
_KEPT = (
    *("name", "path", "type", "title", "format", "mediatype", "compression", "innerpath", "encoding"),
    *("dialect", "schema"),
)


def is_data(path: str) -> bool:
    """Whether a file is one that a resource is made of, by its name."""
    return seems_data(path) and not name_fault(path)


def seems_data(path: str) -> bool:
    """Whether a file is data by its suffix, whatever else is to be said of its name."""
    return _suffix(path) in DATA


def name_fault(path: str) -> str | None:
    """Why no resource is made of such a file, as the end of a sentence; None if one is."""
    if split_format(path)[1] and _suffix(path) not in _DELIMITED:
        return "is compressed: unpack it, or describe it in datapackage.json yourself"
    return file_fault(path)


def content_fault(file: Path) -> str | None:
    """The same of what is in it."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(1 << 16)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if file.suffix.lower() in BOOKS and (found := filled_sheets(file)) and not any(found.values()):
        return "is empty"
    return fault_of(begin, *filter(None, split_format(file.name))) if begin.strip(_BLANKS) else "is empty"


def _suffix(path: str) -> str:
    """Of `a.csv.gz` that of the table in it."""
    return f".{split_format(path)[0]}"


def first(name: str, version: str, resources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A descriptor with these resources, and words that its author has to replace."""
    return {
        "$schema": SCHEMA,
        "name": name,
        "version": version,
        "title": name.replace("-", " ").replace("_", " ").capitalize(),
        "description": PLACEHOLDER,
        "resources": list(resources),
    }


def proposed(
    folder: Path, paths: Iterable[str], unread: list[tuple[str, str]], taken: Collection[Any] = ()
) -> list[dict[str, Any]]:
    """Resources for files of a folder, with names that are not taken. Nothing can be seen in the files that
    are added to `unread`, with the reason."""
    return list(_named(_resources(folder, paths, unread), taken))


def _resources(folder: Path, paths: Iterable[str], unread: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for path in paths:
        sheets, blank = _sheets(folder / path)
        unread += [(path, f"its sheet {shown(name)} is empty, and was left out") for name in blank]
        for sheet in sheets:
            resource, fault = _described(folder, path, sheet)
            if fault:
                unread.append((path, fault))
            yield resource


def _sheets(file: Path) -> tuple[list[str | None], list[str]]:
    """The sheets of an Excel file with more than one, each of which becomes a resource, and those that hold
    nothing."""
    found = filled_sheets(file) if file.suffix.lower() in BOOKS else {}
    if len(found) < 2 or not any(found.values()):
        return [None], []  # whatever is wrong with it is told when it is described
    return [name for name, is_filled in found.items() if is_filled], [
        name for name, is_filled in found.items() if not is_filled
    ]


def _described(folder: Path, path: str, sheet: str | None) -> tuple[dict[str, Any], str | None]:
    """A resource as frictionless sees it, and why it sees nothing."""
    from frictionless import Detector, Dialect, FrictionlessException, Resource
    from frictionless.formats import CsvControl, ExcelControl

    dialect = Dialect(controls=[ExcelControl(sheet=sheet)] if sheet else [])
    from couchreg.registry.checking.plugins import standard_reading
    from couchreg.registry.checking.sheets import advised

    standard_reading()  # no type that a check would refuse, and no dialect
    fault = None
    try:
        is_text = _suffix(path) in _DELIMITED
        stated: dict[str, Any] = _packed(folder, path)
        text = partial(_opened, folder / path, stated)
        stated |= {"encoding": _encoding(text)} if is_text and (folder / path).is_file() else {}
        stated |= {"format": "tsv"} if _suffix(path) == ".tab" else {}
        if is_text and (hint := _hint(text, stated.get("encoding"))):
            dialect = Dialect(header_rows=[2], controls=[CsvControl(delimiter=hint)])
        # Of text more rows are looked at afterwards; here the type is one that all cells have.
        detector = Detector() if is_text else Detector(field_confidence=1)
        found = Resource(path=path, basepath=str(folder), dialect=dialect, detector=detector, **stated)
        found.infer()
        members: dict[str, Any] = found.to_descriptor()
        members |= {key: value for key, value in stated.items() if value}  # not by Python's name for it
    except FrictionlessException as error:
        note = str(error.error.note)
        known = advised(note)
        members, fault = {"path": path}, known if known != note else error.error.message
    except ImportError as error:
        members, fault = {"path": path}, f"{error.name} is not installed"
    except NoMember as error:
        members, fault = {"path": path}, str(error)
    except BROKEN as error:
        members, fault = {"path": path}, f"it cannot be unpacked: {error}"
    stem = Path(path).name.partition(".")[0]
    members["name"] = slug(f"{stem}-{sheet}" if sheet else stem)
    members["mediatype"] = mediatype(path)
    members["format"] = split_format(path)[0] or members.get("format")
    if members["format"] == "tab":
        members |= {"format": "tsv", "mediatype": _TABBED}
    if not fault and members["format"] in documents.FORMATS:
        said = documents.fault_of(folder / path, members["format"])
        fault = said and f"it {said}"
    if _suffix(path) in _BINARY:
        members.pop("encoding", None)
    elif not fault:
        _look_closer(text, members)
    if isinstance(members.get("dialect"), dict):
        members["dialect"] = _standard(members["dialect"])
    if members.get("type") != "table":  # which is the one type that the standard has
        members.pop("type", None)
    return {key: members[key] for key in _KEPT if key in members and members[key] != {}}, fault


def _packed(folder: Path, path: str) -> dict[str, Any]:
    """How a file is compressed, and which file of an archive it is; nothing for one that is not.

    Raises NoMember, and what a damaged file raises.
    """
    compression = split_format(path)[1]
    if compression != "zip":
        return {"compression": compression} if compression else {}
    member, is_first = member_of_zip(folder / path, path, None)
    return {"compression": compression} | ({} if is_first else {"innerpath": member})


def _opened(file: Path, packed: Mapping[str, Any]) -> BinaryIO:
    """The bytes of a table's text."""
    compression = packed.get("compression")
    if compression != "zip":
        return open_text_bytes([str(file)], compression)
    return open_text_bytes(
        [str(file)], compression, member_of_zip(file, file.name, packed.get("innerpath"))[0]
    )


def _encoding(opened: Callable[[], BinaryIO]) -> str | None:
    """As it will be found when the package is published; None where nothing fits."""
    return detected(opened)


def _hint(opened: Callable[[], BinaryIO], encoding: str | None) -> str | None:
    """The delimiter that a first line for Excel tells."""
    with opened() as file:
        return delimiter_hint(file, encoding)


def _look_closer(opened: Callable[[], BinaryIO], members: dict[str, Any]) -> None:
    """Types that frictionless does not guess, or guesses of fewer rows, in the first rows of a text table."""
    schema = members.get("schema") or {}
    fields = schema.get("fields")
    form = _suffix(members["path"])
    if not fields or members.get("type") != "table" or form not in _DELIMITED:
        return
    from couchreg.registry.checking.widening import widen

    options = _standard(members.get("dialect") or {})
    delimiter = options.get("delimiter", "," if form == ".csv" else "\t")
    encoding = members.get("encoding") or "utf-8"
    with io.TextIOWrapper(opened(), encoding, errors="replace", newline="") as text:
        blanks = bool(options.get("skipInitialSpace"))
        rows = csv.reader(text, delimiter=delimiter, skipinitialspace=blanks)
        with contextlib.suppress(csv.Error):  # frictionless has read it otherwise, and its types stay
            header = max(options.get("headerRows") or [1])
            columns = values_of(len(fields), itertools.islice(rows, header, SAMPLE))
            recognise(fields, columns)
            widen(schema, columns)


def _standard(dialect: dict[str, Any]) -> dict[str, Any]:
    """A dialect in the standard's words, which has no place for frictionless's kinds of control."""
    found = {key: value for key, value in dialect.items() if key not in ("csv", "excel", "json")}
    found |= dialect.get("csv", {})
    sheet = dialect.get("excel", {}).get("sheet")
    return found | ({"sheetName": sheet} if sheet else {})


def _named(resources: Iterable[dict[str, Any]], before: Collection[Any] = ()) -> Iterator[dict[str, Any]]:
    """Names that are taken get a number."""
    taken = set(before)
    for resource in resources:
        name, number = resource["name"], 2
        while resource["name"] in taken:
            resource["name"] = f"{name}-{number}"
            number += 1
        taken.add(resource["name"])
        yield resource
