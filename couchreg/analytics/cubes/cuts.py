"""Cuts, as `cofog1:"4";"10"|amount:>40|year:2010..2020|name:~Booz*`, made into SQL. Pure.

Several values of one reference are alternatives; all references have to hold. Beside babbage's values there
are negative numbers and fractions, comparisons and ranges of numbers and moments, and beginnings of texts. A
quoted value is a text as it stands.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any, NamedTuple

from couchreg.analytics.cubes.models import Column
from couchreg.analytics.filters import literal
from couchreg.errors import BadRequest

LONGEST = 8 << 10  # characters
_MOST = 200  # values
_REF = re.compile(r"([A-Za-z0-9._]*+)\s*+:")
_VALUE = re.compile(r'\s*+"((?:[^"\\]|\\.)*+)"\s*+(?=[|;]|\Z)|([^|;]*+)', re.DOTALL)
_NUMBER = re.compile(r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+")
_COMPARED = re.compile(r"(>=|<=|>|<)\s*+(.*+)", re.DOTALL)


class Value(NamedTuple):
    """One of a cut: its text, and whether it was quoted."""

    text: str
    quoted: bool


class Cut(NamedTuple):
    ref: str
    values: list[Value]


def cuts_of(text: str) -> list[Cut]:
    """Raises BadRequest."""
    if len(text) > LONGEST:
        raise BadRequest(f"Cuts have {LONGEST} characters at most.")
    found: list[Cut] = []
    at = count = 0
    while text.strip() and at <= len(text):
        ref = _REF.match(text, at)
        if ref is None or not ref[1]:
            shown = text[at : at + 50]
            raise BadRequest(f"A cut is written reference:value, with | between cuts: not {shown!r}.")
        at, values = ref.end(), []
        while True:
            value = _VALUE.match(text, at)
            if value is None:
                raise AssertionError("the second alternative matches anything")
            values.append(Value(*_unquoted(value)))
            at, count = value.end() + 1, count + 1
            if count > _MOST:
                raise BadRequest(f"Cuts have {_MOST} values at most.")
            if text[value.end() : at] != ";":
                break
        found.append(Cut(ref[1], values))
    return found


def _unquoted(value: re.Match[str]) -> tuple[str, bool]:
    if value[1] is None:
        return value[2].strip(), False
    try:
        return str(json.loads(f'"{value[1]}"', strict=False)), True
    except ValueError:
        raise BadRequest(f"A quoted value is written as in JSON: not {value[0][:50]!r}.") from None


def condition(column: Column, name: str, values: list[Value]) -> str:
    """What the cut asks of the expression `name`. Raises BadRequest for a value that is not of its type."""
    return "(" + " OR ".join(_one(column, name, value) for value in values) + ")"


def shown(column: Column, value: Value) -> Any:
    """A value as the answer repeats it."""
    if column.is_number and re.fullmatch(r"-?[0-9]{1,15}", value.text):
        return int(value.text)
    return value.text if value.text or value.quoted else None


def _one(column: Column, name: str, value: Value) -> str:
    text = value.text
    if not text and not value.quoted:
        return f"{name} IS NULL"
    if column.is_number:
        return _ordered(name, text, _number)
    if column.arrow.startswith("date"):
        return _ordered(name, text, _date)
    if column.arrow.startswith("timestamp"):
        return _ordered(name, text, lambda one: _moment(one, column.arrow), _is_day(text))
    if column.arrow.startswith("time"):
        return _ordered(name, text, _time)
    if column.arrow == "bool":
        if text.casefold() not in ("true", "false"):
            raise BadRequest(f"{text[:50]!r} is neither true nor false.")
        return f"{name} = {text.upper()}"
    if not value.quoted and column.type == "yearmonth":
        return _ordered(name, text, literal)
    if not value.quoted and text.startswith("~"):
        return f"{name} ILIKE {literal(_pattern(text[1:]))} ESCAPE '\\'"
    return f"{name} = {literal(text)}"


def _ordered(name: str, text: str, read: Callable[[str], str], days: bool = False) -> str:
    """A value, a comparison or a range. With `days` a day stands for all of its moments."""
    compared = _COMPARED.fullmatch(text)
    if compared is not None:
        sign, bound = compared[1], read(compared[2].strip())
        whole = days and sign in (">", "<=")
        return f"{name} {_turned(sign) if whole else sign} {_next_day(bound) if whole else bound}"
    if ".." in text:
        least, _, most = (part.strip() for part in text.partition(".."))
        parts = list(_bounds(name, least, most, read, days))
        if parts:
            return "(" + " AND ".join(parts) + ")"
    if days:
        return f"({name} >= {read(text)} AND {name} < {_next_day(read(text))})"
    return f"{name} = {read(text)}"


def _bounds(name: str, least: str, most: str, read: Callable[[str], str], days: bool) -> Iterator[str]:
    if least:
        yield f"{name} >= {read(least)}"
    if most:
        yield f"{name} < {_next_day(read(most))}" if days else f"{name} <= {read(most)}"


def _turned(sign: str) -> str:
    """That of the next day's beginning."""
    return {">": ">=", "<=": "<"}[sign]


def _next_day(moment: str) -> str:
    return f"({moment} + INTERVAL 1 DAY)"


def _is_day(text: str) -> bool:
    """Whether the last moment in it is a day without a time."""
    last = text.rpartition("..")[2].lstrip("<>= ") or text.partition("..")[0]
    return len(last.strip()) == len("2024-02-29")


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text) or len(text) > 100:
        raise BadRequest(f"{text[:50]!r} is not a number.")
    return text


def _date(text: str) -> str:
    return f"DATE {literal(_checked(date.fromisoformat, text, 'date, such as 2024-02-29'))}"


def _time(text: str) -> str:
    return f"TIME {literal(_checked(time.fromisoformat, text, 'time, such as 23:59'))}"


def _moment(text: str, arrow: str) -> str:
    checked = _checked(datetime.fromisoformat, text, "moment, such as 2024-02-29T23:59:00Z")
    return f"{'TIMESTAMPTZ' if 'tz' in arrow else 'TIMESTAMP'} {literal(checked)}"


def _checked(read: Callable[[str], Any], text: str, what: str) -> str:
    try:
        return str(read(text).isoformat())
    except ValueError:
        raise BadRequest(f"{text[:50]!r} is not a {what}.") from None


def _pattern(text: str) -> str:
    """`Booz*` as SQL's LIKE has it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
