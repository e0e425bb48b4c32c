"""Types of fields as the standard has them, where frictionless reads them otherwise. Child process only.

Years, months and dates may lie before the year 0 and after 9999; integers may be grouped, and have a currency
around them; durations have bounds; `pattern` and `jsonSchema` are constraints. Moments, durations and numbers
that are written in another way than the standard's are none, for other readers do not take them. Everything
else of these types is frictionless's.

Source: https://datapackage.org/standard/table-schema/#field-types and https://www.w3.org/TR/xmlschema-2/#isoformats.
"""

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
from frictionless import Plugin, fields

from couchreg.registry.checking.equality import one_nan
from couchreg.registry.checking.formats import is_unknown
from couchreg.registry.checking.moments import TimeSpan, far_moment, in_utc
from couchreg.registry.checking.patterns import compiled
from couchreg.registry.checking.readers import Reader, constrained, reader_of
from couchreg.registry.checking.structured import (
    Geopoint,
    ListOfItems,
    Unspecified,
    with_json_schema,
    with_whole_values,
)

_YEAR = r"(-?(?:[1-9][0-9]{4,}|[0-9]{4}))"
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_LONGEST = 60  # characters of a moment; no longer text is turned into numbers
_YEARS = re.compile(_YEAR + _ZONE)
_MONTHS = re.compile(f"{_YEAR}-([0-9]{{2}}){_ZONE}")
_DAYS = re.compile(f"{_YEAR}-([0-9]{{2}})-([0-9]{{2}}){_ZONE}")
_MOMENTS = re.compile(  # RFC 3339 lets a blank stand for the T: databases write it, and every reader takes it
    f"{_YEAR}-([0-9]{{2}})-([0-9]{{2}})[T ]([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}(?:\\.[0-9]+)?){_ZONE}"
)
# The standard says `hh:mm:ss`, version 1 as ISO 8601 has it: as in moments, a fraction and a zone may follow.
_CLOCK = re.compile(rf"[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?{_ZONE}")
_WHOLE = re.compile(r"[+-]?[0-9]+")
# XML Schema's: neither weeks nor a plus, and a fraction of seconds alone. isodate reads more.
_SPAN = re.compile(
    r"-?P(?=[0-9T])(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?"
    r"(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
)
_BOUNDS = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_BASE_64 = re.compile(r"[A-Za-z0-9+/_\s-]*(?:={1,2}\s*)?", re.ASCII)
_SPECIAL = re.compile(r"NaN|-?INF", re.ASCII | re.IGNORECASE)


def _written_so(inner: Reader, pattern: re.Pattern[str]) -> Reader:
    """A reader of what is written as the standard has it, and of nothing that merely resembles it; also of
    moments that Python's own types do not reach."""

    def read(cell: Any) -> Any:
        if not isinstance(cell, str):
            return inner(cell)
        match = pattern.fullmatch(cell) if len(cell) <= _LONGEST else None
        if match is None:
            return None
        found = inner(cell)
        return far_moment(match) if found is None else found

    return read


def _if_written_so(inner: Reader, pattern: re.Pattern[str], longest: int | None = None) -> Reader:
    """A reader of what is written so, and of what is no text."""

    def read(cell: Any) -> Any:
        if isinstance(cell, str) and ((longest and len(cell) > longest) or not pattern.fullmatch(cell)):
            return None
        return inner(cell)

    return read


@attrs.define(kw_only=True, repr=False)
class Year(fields.YearField):
    def create_value_reader(self) -> Reader:
        def read(cell: Any) -> int | None:
            if isinstance(cell, int):
                return None if isinstance(cell, bool) else cell
            found = _YEARS.fullmatch(cell) if isinstance(cell, str) and len(cell) <= _LONGEST else None
            return int(found[1]) if found else None

        return read


@attrs.define(kw_only=True, repr=False)
class Yearmonth(fields.YearmonthField):
    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.YearmonthField, self)

        def read(cell: Any) -> Any:
            if not isinstance(cell, str):
                return inner(cell)
            found = _MONTHS.fullmatch(cell) if len(cell) <= _LONGEST else None
            if found is None:
                return None
            year, month = int(found[1]), int(found[2])
            return inner((year, month)) if 1 <= month <= 12 else None

        return read


@attrs.define(kw_only=True, repr=False)
class Date(fields.DateField):
    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.DateField, self)
        return _written_so(inner, _DAYS) if self.format == "default" else inner


@attrs.define(kw_only=True, repr=False)
class Datetime(fields.DatetimeField):
    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.DatetimeField, self)
        return _written_so(inner, _MOMENTS) if self.format == "default" else inner

    def create_cell_reader(self) -> Any:
        return _bounded(self, fields.DatetimeField, in_utc, lambda test, value, bound: test(value, bound))


@attrs.define(kw_only=True, repr=False)
class Time(fields.TimeField):
    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.TimeField, self)
        return _if_written_so(inner, _CLOCK, _LONGEST) if self.format == "default" else inner

    def create_cell_reader(self) -> Any:
        return _bounded(self, fields.TimeField, in_utc, lambda test, value, bound: test(value, bound))


@attrs.define(kw_only=True, repr=False)
class Integer(fields.IntegerField):
    """With `groupChar`, which came with version 2."""

    group_char: str = ""

    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.IntegerField, self)

        def read(cell: Any) -> Any:
            if not isinstance(cell, str):
                return inner(cell)
            text = cell.strip()
            if not self.bare_number:
                text = _bare(text, self.group_char)
            if self.group_char:
                text = text.replace(self.group_char, "")
            try:
                return int(text) if _WHOLE.fullmatch(text) else None
            except ValueError:  # more digits than Python reads
                return Decimal(text)

        return read

    metadata_profile_patch = {  # noqa: RUF012 — as the base class has it
        "properties": {"bareNumber": {"type": "boolean"}, "groupChar": {"type": "string"}}
    }


@attrs.define(kw_only=True, repr=False)
class Number(fields.NumberField):
    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.NumberField, self)

        def read(cell: Any) -> Any:
            if not isinstance(cell, str):
                return one_nan(inner(cell))
            text = cell.strip()
            if _SPECIAL.fullmatch(text):
                return one_nan(Decimal(text))
            if not self.bare_number:
                text = _bare(text, self.group_char, self.decimal_char)
                text = text.replace(
                    self.decimal_char, f"0{self.decimal_char}", text.startswith(self.decimal_char)
                )
            digits = [char for char in text if char.isdecimal()]
            if not digits or not "".join(digits).isascii() or "_" in text:
                return None  # what Python takes for a number beside these
            return inner(text)

        return read


@attrs.define(kw_only=True, repr=False)
class Duration(fields.DurationField):
    """With bounds, which came with version 2."""

    supported_constraints = [*fields.DurationField.supported_constraints, *_BOUNDS]  # noqa: RUF012 — as the base class has it

    def create_value_reader(self) -> Reader:
        return _if_written_so(reader_of(fields.DurationField, self), _SPAN)

    def create_cell_reader(self) -> Any:
        return _bounded(
            self, fields.DurationField, TimeSpan, lambda test, span, bound: span.keeps(test, bound)
        )


def _bare(text: str, *marks: str) -> str:
    """A number without what stands around it: `-€ 5 each` is `-5`. `marks` may begin it as digits do."""
    begins = re.compile("[0-9]" + "".join("|" + re.escape(mark) + "(?=[0-9])" for mark in marks if mark))
    found = begins.search(text)
    if found is None:
        return text
    before, rest = text[: found.start()], text[found.start() :]
    end = max(at for at, char in enumerate(rest) if char.isdecimal()) + 1
    return ("-" if "-" in before else "") + rest[:end]


def _bounded(
    field: Any, base: Any, compared: Callable[[Any], Any], keeps: Callable[[Any, Any, Any], bool]
) -> Any:
    """A reader of cells in which values are held against bounds as what `compared` makes of both: `keeps` is
    given the operator, a value and a bound."""
    read_value = field.create_value_reader()
    bounds = {
        name: (compared(read_value(field.constraints[name])), field.constraints[name])
        for name in _BOUNDS
        if field.constraints.get(name) is not None
    }
    kept = field.constraints
    field.constraints = {key: value for key, value in kept.items() if key not in _BOUNDS}
    try:
        inner = base.create_cell_reader(field)
    finally:
        field.constraints = kept
    if not bounds:
        return inner

    def read(cell: Any) -> Any:
        value, notes = inner(cell)
        if value is None:
            return value, notes
        own = compared(value)
        for name, (bound, stated) in bounds.items():
            if not keeps(_BOUNDS[name], own, bound):
                notes = {**(notes or {}), name: f'constraint "{name}" is "{stated}"'}
        return value, notes

    return read


@attrs.define(kw_only=True, repr=False)
class String(fields.StringField):
    """With `pattern` as XML Schema has it. Binary is base64: of no other characters, be it URLs' or with line
    breaks, which every decoder is asked to leave out. By a format that the standard does not have nothing is
    read."""

    def create_value_reader(self) -> Reader:
        if is_unknown(self.type, self.format):
            return lambda cell: cell if isinstance(cell, str) else None
        inner = reader_of(fields.StringField, self)
        if self.format != "binary":
            return inner
        return lambda cell: inner(cell) if isinstance(cell, str) and _BASE_64.fullmatch(cell) else None

    def create_cell_reader(self) -> Any:
        pattern = self.constraints.get("pattern")
        if pattern is None:
            return fields.StringField.create_cell_reader(self)
        matches = compiled(pattern)
        note = f'constraint "pattern" is "{pattern}"'
        return constrained(self, fields.StringField, "pattern", lambda text: None if matches(text) else note)


_TYPES = {
    "string": String,
    "object": with_json_schema(with_whole_values(fields.ObjectField)),
    "array": with_json_schema(with_whole_values(fields.ArrayField)),
    "geojson": with_json_schema(with_whole_values(fields.GeojsonField)),
    "year": Year,
    "yearmonth": Yearmonth,
    "date": Date,
    "datetime": Datetime,
    "time": Time,
    "list": ListOfItems,
    "any": Unspecified,
    "integer": Integer,
    "number": Number,
    "geopoint": Geopoint,
    "duration": Duration,
}


class StandardFields(Plugin):
    """Makes frictionless use the types above."""

    def select_field_class(self, type: str | None = None) -> Any:
        return _TYPES.get(type or "")
