"""Data that stands in the descriptor, as frictionless takes it: rows, and text that is read to rows as a file
would be. Only in the child process.

Source: https://datapackage.org/standard/data-resource/#path-or-data.
"""

import csv
from collections.abc import Mapping
from typing import Any, NamedTuple

from frictionless import Dialect, FrictionlessException
from frictionless.formats.csv import CsvControl

from couchreg.package.text import BadText, read_json
from couchreg.registry.checking.reading import FORMATS, rows_of_text, told_of

_OF_FILES = frozenset(
    ("hash", "bytes", "format", "mediatype", "encoding", "compression", "scheme", "innerpath")
)
_OF_ROWS = ("header", "headerRows", "headerJoin", "headerCase", "commentChar", "commentRows", "skipBlankRows")
_LINES = ("jsonl", "ndjson")
_FORMATS = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "ndjson",
}


class InlineData(NamedTuple):
    """`members` as frictionless takes them, whether they are a table, what was guessed of the dialect, and
    the end of a sentence about text that is not what it is said to be."""

    members: dict[str, Any]
    is_table: bool
    guessed: dict[str, Any]
    fault: BadText | None = None


class OddRow(NamedTuple):
    """Something in the place of a row: its number, where a header is the first, and what it should be."""

    row: int
    value: Any
    wanted: str


def odd_row(rows: Any) -> OddRow | None:
    """The first of a list of rows that is none, or not like the first; None where all are."""
    if not isinstance(rows, list) or not rows:
        return None
    kind = dict if isinstance(rows[0], dict) else list
    first = 2 if kind is dict else 1
    at = next((at for at, row in enumerate(rows) if not isinstance(row, kind)), None)
    if at is None:
        return None
    wanted = "a row is an object or a list"
    if at:
        wanted = f"the others are {'objects' if kind is dict else 'lists'}, and all rows have to be alike"
    return OddRow(at + first, rows[at], wanted)


def form_of(resource: Mapping[str, Any]) -> str:
    """The format that a resource states, in whatever way; empty for none."""
    for stated in (resource.get("format"), resource.get("mediatype")):
        if isinstance(stated, str) and stated:
            plain = stated.partition(";")[0].strip().lower().removeprefix(".")
            return _FORMATS.get(plain, plain)
    return ""


def read_inline(resource: dict[str, Any]) -> InlineData:
    """A resource with `data`."""
    data, dialect, form = resource["data"], resource.get("dialect"), form_of(resource)
    own = {key: value for key, value in resource.items() if key not in _OF_FILES}
    is_text = isinstance(data, str)
    if isinstance(dialect, dict) and not (is_text and form in FORMATS):
        own["dialect"] = {key: value for key, value in dialect.items() if key in _OF_ROWS}
    if isinstance(data, str) and form in FORMATS:
        try:
            control = CsvControl.from_dialect(
                Dialect.from_descriptor(dict(dialect) if isinstance(dialect, dict) else {})
            )
            rows, found = rows_of_text(data, control, form)
        except (FrictionlessException, TypeError, ValueError):  # the form of the dialect is wrong, and told
            return InlineData({**own, "data": [[resource["name"]]]}, False, {})
        except csv.Error as error:
            fault = BadText(f"cannot be read as {form.upper()}: {error}", None, None)
            return InlineData({**own, "data": [[resource["name"]]]}, False, {}, fault)
        return InlineData({**own, "data": rows or {}}, bool(rows), told_of(found, form))
    if isinstance(data, str) and form in ("json", *_LINES):
        try:
            data = own["data"] = _value(data, form, dialect)
        except BadText as fault:
            return InlineData({**own, "data": [[resource["name"]]]}, False, {}, fault)
    is_list = isinstance(data, list) and {type(row) for row in data} in ({list}, {dict})
    if data == []:  # no row, so that none can be wrong
        return InlineData({**own, "data": [[resource["name"]]]}, False, {})
    if is_list or (not isinstance(data, str) and ("schema" in resource or resource.get("type") == "table")):
        return InlineData(own, True, {})
    return InlineData({**own, "data": {}}, False, {})


def _value(text: str, form: str, dialect: Any) -> Any:
    """Raises BadText."""
    if form in _LINES:
        return [read_json(line.encode()) for line in text.split("\n") if line.strip()]
    value = read_json(text.encode())
    control = dialect.get("json") if isinstance(dialect, dict) else None
    member = control.get("property") if isinstance(control, dict) else None
    return value.get(member, value) if isinstance(value, dict) and isinstance(member, str) else value
