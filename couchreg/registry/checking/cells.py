"""What a publisher may do about a cell, or a header, that is not of its type: the forms that tables of people
have, by the words in which the standard describes them. Pure.

Source: https://datapackage.org/standard/table-schema/#field-types and #missingValues,
https://datapackage.org/standard/table-dialect/.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from couchreg.model import json
from couchreg.registry.checking.local_forms import moment_formats

_TYPE = re.compile(r'type is "([a-z]+)/([^"]*)"')
_LONGEST = 40  # characters of a cell that is looked at
# By which programs and offices say that there is no value (R, SQL, Excel, Python, Eurostat, …).
_NO_VALUE = frozenset(
    (
        *(
            "na",
            "n/a",
            "n.a.",
            "n.a",
            "#n/a",
            "nan",
            "null",
            "none",
            "nil",
            "nd",
            "n.d.",
            "missing",
            "unknown",
        ),
        *("-", "--", "–", "—", ".", "..", "...", "…", ":", "?", "*", "x", "/", "\\n", "(null)", "<na>"),
    )
)
_NUMBER = re.compile(
    r"[-+]?(?:\d{1,3}(?P<group>[.,'’ \u00a0\u202f])\d{3}(?:(?P=group)\d{3})*(?!\d)|\d+)"
    r"(?:(?P<decimal>[.,])(?P<fraction>\d+))?",
    re.ASCII,
)
_WRITTEN = {"year": "2024", "yearmonth": "2024-12", "geopoint": "90.5, 45.5 (longitude, latitude)"}
_MOMENTS = {"date": "2024-12-31", "datetime": "2024-12-31T23:59:59", "time": "23:59:59"}
_EXAMPLE = datetime(2024, 12, 31, 23, 59, 58)  # noqa: DTZ001 — it is only written down
_NUMERIC = ("integer", "number")
_AROUND = 3  # letters: a currency, a unit
_ROWS = 20  # among which a header is looked for
_PARTING = ",;\t|"


def is_no_value(cell: object) -> bool:
    """Whether a cell has a word by which tables say that there is no value."""
    return isinstance(cell, str) and cell.strip().casefold() in _NO_VALUE


def cell_remedy(said: str, cell: object) -> str:
    """The end of the message on a cell that is not of its type, as `said` tells it; empty where nothing is
    known of the cell's form."""
    found = _TYPE.search(said)
    if found is None or not isinstance(cell, str) or len(cell) > _LONGEST:
        return ""
    kind, form = found.groups()
    text = cell.strip()
    if is_no_value(cell) and kind not in ("string", "any"):
        stated = json.brief({"missingValues": ["", cell]})[1:-1]
        return f": if it says that there is no value, state it in the schema, as in {stated}"
    if kind in _MOMENTS:
        return _of_moment(kind, form, text)
    if kind in _NUMERIC:
        return _of_number(kind, text)
    if kind == "boolean" and text and not any(char.isdigit() for char in text):
        return ": name the words that the table has, in “trueValues” and “falseValues” of the field"
    if kind in _WRITTEN and form == "default":
        return f", which is written as {_WRITTEN[kind]}"
    return ""


def _of_moment(kind: str, form: str, text: str) -> str:
    """Of a day, a time or both: by its format, and by that which the cell has."""
    if form == "any":
        return ""
    own = " or ".join(json.brief({"format": item})[1:-1] for item in moment_formats(kind, text))
    if form == "default":
        stated = f"state the “format” that it has{f', {own}' if own else ''}"
        return f", which is written as {_MOMENTS[kind]}: write it so, or {stated}"
    try:
        written = _EXAMPLE.strftime(form)
    except ValueError:
        return ""
    return f", which is written as {written[:_LONGEST]}{f': the cell has {own}' if own else ''}"


def _of_number(kind: str, text: str) -> str:
    found = _NUMBER.search(text)
    if found is None:
        return ""
    around = (text[: found.start()] + text[found.end() :]).strip()
    group, decimal, fraction = found["group"], found["decimal"], found["fraction"]
    is_odd = sum(map(str.isalpha, around)) > _AROUND or any(char.isdigit() or char in ".," for char in around)
    if is_odd or (group and group == decimal):
        return ""
    members: dict[str, object] = {}
    if kind == "integer" and decimal:
        if not fraction.strip("0"):
            return ": write it without its fraction, or make the type number"
        members["type"] = "number"
    members |= {"groupChar": group} if group else {}
    members |= {"decimalChar": ","} if decimal == "," else {}
    members |= {"bareNumber": False} if around else {}
    if not members:
        return ""
    return f": if it is a number, say in the field how it is written: {json.brief(members)[1:-1]}"


def pattern_remedy(said: str, cell: object) -> str:
    """Likewise of one that a pattern does not match."""
    is_pattern = 'constraint "pattern" is' in said and "\\w" in said
    if is_pattern and isinstance(cell, str) and "_" in cell:
        return ": by XML Schema, \\w has no “_” in it: write [\\w_]"
    return ""


def shape_remedy(kind: str, label: object, *, is_text: bool) -> str:
    """Likewise of a row or a header that has more or fewer cells than the table has fields."""
    if kind == "extra-cell" and is_text:
        return (
            ": the header has fewer labels. If the value has the delimiter in it, put it in quotes; if it is "
            "one of its own, give it a label"
        )
    if kind == "missing-cell" and is_text:
        return ": put a delimiter there, even where there is no value"
    if kind == "missing-label":
        return ": add the column, or take the field out of the schema"
    if kind == "extra-label" and label:
        return ": add a field of this name to the schema, or remove the column"
    if kind == "incorrect-label":
        return ": write both alike, and fields in the order of the columns"
    return ""


def header_below(lines: Iterable[str], names: Sequence[str], parting: str = "") -> str:
    """The end of the message on a header that is not the schema's, where that stands in a later line of the
    text; empty where it does not. `parting` is the delimiter, if that is known."""
    wanted = [name.strip() for name in names]
    before: list[str] = []
    for number, line in zip(range(1, _ROWS + 1), lines, strict=False):
        if (
            number > 1
            and len(wanted) > 1
            and any(_cells(line, mark) == wanted for mark in parting or _PARTING)
        ):
            return _above(number, before)
        before.append(line)
    return ""


def _cells(line: str, mark: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=mark), [])]
    except (csv.Error, TypeError, ValueError):  # no delimiter, no line
        return []


def _above(number: int, before: Sequence[str]) -> str:
    words = f": line {number} has the names of the schema. Remove what stands above it"
    marks = {line.strip()[:1] for line in before if line.strip()}
    if len(marks) == 1 and (mark := marks.pop()) in "#%!;*":
        return f"{words}, or state {json.brief({'commentChar': mark})[1:-1]} in the “dialect”"
    return f'{words}, or state "headerRows": [{number}] in the “dialect” (version 2)'
