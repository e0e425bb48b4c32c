"""Data that stands in a descriptor, as the text its resource's format says. Pure.

Rows are lists of cells, the first of them the header, or objects by field name; both are what Frictionless
takes as inline data. Everything else, and every other format, is JSON: also rows beyond LARGEST, and objects
that have so little in common that a table of them would be nearly empty.

Source: https://specs.frictionlessdata.io/tabular-data-resource/#inline-tabular-data.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from couchreg.model import json
from couchreg.model.media_types import essence
from couchreg.package.descriptor import Resource
from couchreg.package.formats import mediatype, split_format

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_FORMATS = {"text/csv": "csv", "text/tab-separated-values": "tsv"}


LARGEST = 1 << 20  # bytes of JSON that are made a table
ENOUGH = 100_000  # cells that any table may have
SPARSE = 8  # a table beyond that has at most so many cells for each that has something in it


class Inline(NamedTuple):
    """The media type of a resource with `data`, and what makes its bytes."""

    kind: str
    text: Callable[[], bytes | memoryview]


def inline(resource: Resource) -> Inline:
    """Both take a while: not for the event loop."""
    data = resource.members.get("data")
    form = _format(resource.members)
    if isinstance(data, json.Raw):
        data = _unfolded(data, tabular=form in _DELIMITERS)
    if isinstance(data, str):
        return Inline(_kind(resource.members, form or "txt"), partial(data.encode, errors="replace"))
    if form in _DELIMITERS and isinstance(data, list) and _is_table(data, resource.members):
        return Inline(_kind(resource.members, form), partial(_csv, data, resource.members, form))
    if isinstance(data, json.Raw):
        return Inline("application/json", lambda: memoryview(data))
    return Inline("application/json", lambda: json.encode(data) + b"\n")


def _unfolded(data: json.Raw, *, tabular: bool) -> Any:
    """Text that stands for itself, and rows that may become a table; the rest stays as it is."""
    first = bytes(memoryview(data)[:1])
    if first == b'"':
        return json.decode(bytes(data))
    if tabular and first == b"[" and len(data) <= LARGEST:
        return [json.decode(bytes(row)) for row in json.items(data)]
    return data


def _format(members: Mapping[str, Any]) -> str | None:
    stated = members.get("format")
    if isinstance(stated, str) and stated:
        return stated.lower()
    kind = members.get("mediatype")
    bare = essence(kind) if isinstance(kind, str) else ""
    return _FORMATS.get(bare)


def _kind(members: Mapping[str, Any], form: str) -> str:
    stated = members.get("mediatype")
    if isinstance(stated, str) and "/" in stated and stated.isascii() and stated.isprintable():
        return stated
    return mediatype(f"x.{form}") if split_format(f"x.{form}")[0] == form else "text/plain"


def _is_table(data: list[Any], members: Mapping[str, Any]) -> bool:
    kinds = {type(row) for row in data}
    if kinds != {dict}:
        return kinds == {list}
    cells = len(data) * len(_header(data, members))
    return cells <= max(ENOUGH, SPARSE * sum(map(len, data)))


def _csv(data: list[Any], members: Mapping[str, Any], form: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=_delimiter(members, form), lineterminator="\n")
    writer.writerows([_cell(cell) for cell in row] for row in _rows(data, members))
    return buffer.getvalue().encode(errors="replace")


def _delimiter(members: Mapping[str, Any], form: str) -> str:
    """The dialect's, so that whoever reads by the descriptor reads what is written."""
    dialect = members.get("dialect")
    stated = dialect.get("delimiter") if isinstance(dialect, dict) else None
    usable = isinstance(stated, str) and len(stated) == 1 and stated not in '"\r\n'
    return str(stated) if usable else _DELIMITERS[form]


def _rows(data: list[Any], members: Mapping[str, Any]) -> Iterator[Iterable[Any]]:
    if isinstance(data[0], list):
        yield from data
        return
    header = _header(data, members)
    yield header
    for row in data:
        yield [row.get(name) for name in header]


def _header(data: list[dict[str, Any]], members: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*_fields(members), *(name for row in data for name in row)]))


def _fields(members: Mapping[str, Any]) -> Iterator[str]:
    schema = members.get("schema")
    listed = schema.get("fields") if isinstance(schema, dict) else None
    for field in listed if isinstance(listed, list) else ():
        if isinstance(field, dict) and isinstance(field.get("name"), str):
            yield field["name"]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()
