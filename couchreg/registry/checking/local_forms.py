"""Dates and numbers as people of some countries write them: `31.12.2024`, `1.234,5`. Pure.

A column is taken for one only where every value of the sample is one, and where they cannot mean two things:
`03/04/2024` may be March or April, until a number above 12 tells. Digits that begin with a zero are no
number but a name, such as a postcode.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_UNSURE = ("string", "any", "geopoint")  # `1,5` may be a place, and hardly ever is
_NUMBERS = ("integer", "number", "year")
_CODE = re.compile(r"[+-]?0[0-9][0-9,. ]*")  # a postcode, a telephone number: zeros before it belong to it
_BLANK = re.compile(r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
_BLANK_FORMAT = "%Y-%m-%d %H:%M:%S"
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_GROUPED = r"\d{1,3}(?:(?P<group>[. \u00a0\u202f'])\d{3})(?:(?P=group)\d{3})*"
_COMMA = re.compile(rf"[+-]?(?:\d+|{_GROUPED})(?:,\d+)?")


def recognise(fields: Sequence[Any], rows: Iterable[Sequence[str]]) -> None:
    """Give fields of no certain type the one that all their values have. `rows` come without a header."""
    columns: list[list[str]] = [[] for _ in fields]
    for row in rows:
        for values, text in zip(columns, row, strict=False):
            if text.strip():
                values.append(text.strip())
    for field, values in zip(fields, columns, strict=True):
        if not isinstance(field, dict) or not values:
            continue
        if field.get("type") in _NUMBERS and any(map(_CODE.fullmatch, values)):
            field["type"] = "string"
        elif field.get("type") in _UNSURE:
            field.update(_date(values) or _moment(values) or _number(values) or {})


def _date(values: Sequence[str]) -> Mapping[str, str] | None:
    if all(_DOTTED.fullmatch(text) for text in values):
        return {"type": "date", "format": "%d.%m.%Y"} if _fit(values, _DOTTED, 1) else None
    if not all(_SLASHED.fullmatch(text) for text in values):
        return None
    day_first, month_first = _fit(values, _SLASHED, 1), _fit(values, _SLASHED, 2)
    if day_first == month_first:
        return None
    return {"type": "date", "format": "%d/%m/%Y" if day_first else "%m/%d/%Y"}


def _moment(values: Sequence[str]) -> Mapping[str, str] | None:
    """Moments with a blank where the standard has a T."""
    return {"type": "datetime", "format": _BLANK_FORMAT} if all(map(_BLANK.fullmatch, values)) else None


def _fit(values: Sequence[str], form: re.Pattern[str], day: int) -> bool:
    """Whether all are dates with the day in this place."""
    found = [match for match in map(form.fullmatch, values) if match]
    return all(1 <= int(one[day]) <= 31 and 1 <= int(one[3 - day]) <= 12 for one in found)


def _number(values: Sequence[str]) -> Mapping[str, str] | None:
    """Numbers with a decimal comma, of which at least one has it."""
    found = [_COMMA.fullmatch(text) for text in values]
    if not all(found) or not any("," in text for text in values):
        return None
    groups = {match["group"] for match in found if match and match["group"]}
    if len(groups) > 1:
        return None
    return {"type": "number", "decimalChar": ",", **({"groupChar": groups.pop()} if groups else {})}
