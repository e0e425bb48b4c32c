"""Columns of a table, cell by cell as the Table Schema reads them, as Arrow arrays.

Every type has one in Parquet; what SQL has no type for is text: lists, objects, arrays and GeoJSON as JSON,
geopoints as `lon,lat`, months as `2024-05`, durations as ISO 8601 has them.

Source: https://datapackage.org/standard/table-schema/#field-types.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from couchreg.analytics.inside.numbers import (
    Integers,
    Numbers,
    Values,
    plain_integers,
    plain_list,
    plain_numbers,
    short_integers,
)
from couchreg.registry.checking.moments import FarMoment

_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 — of any zone
_EPOCH = date(1970, 1, 1).toordinal()
_DAYS_OF_400_YEARS = 146_097
_MICROSECONDS = 1_000_000
_SHOWN = 100  # characters of a cell in a reason
_AS_WRITTEN = ("object", "array", "geojson", "any", "duration")  # of text it is the text itself


class Unfit(Exception):
    """A cell that is not of its field's type: its place among those that were looked at, and why."""

    def __init__(self, place: int, field: str, reason: str) -> None:
        self.place, self.field, self.reason = place, field, reason
        super().__init__(reason)


class ValueKind(Protocol):
    """How values of some types become an array. `type` follows from what was measured so far."""

    def measure(self, values: Values) -> None: ...
    @property
    def type(self) -> pa.DataType: ...
    def array(self, values: Values, type: pa.DataType) -> pa.Array: ...


class Fixed(NamedTuple):
    """A type that does not depend on the values."""

    type: pa.DataType
    convert: Callable[[Any], Any] | None = None

    def measure(self, values: Values) -> None:
        """There is nothing to know."""

    def array(self, values: Values, type: pa.DataType) -> pa.Array:
        convert = self.convert
        if convert is not None:
            try:
                known = {value: convert(value) for value in set(values) if value is not None}
                values = [None if value is None else known[value] for value in values]
            except TypeError:  # lists and objects, which are in no set
                values = [None if value is None else convert(value) for value in values]
        return pa.array(values, type)


class Moments:
    """Of a column's moments either none has a zone, or those without are taken for UTC's, as version 1 of the
    standard has all."""

    def __init__(self) -> None:
        self._has_zones = False

    def measure(self, values: Values) -> None:
        self._has_zones = self._has_zones or any(getattr(value, "tzinfo", None) for value in values)

    @property
    def type(self) -> pa.DataType:
        return pa.timestamp("us", "UTC" if self._has_zones else None)

    @staticmethod
    def array(values: Values, type: pa.DataType) -> pa.Array:
        found = [None if value is None else _microseconds(value) for value in values]
        return pa.array(found, pa.int64()).cast(type)


class Times:
    """Times of a day; text where one of them has a zone, which SQL's times have not."""

    def __init__(self) -> None:
        self._has_zones = False

    def measure(self, values: Values) -> None:
        self._has_zones = self._has_zones or any(getattr(value, "tzinfo", None) for value in values)

    @property
    def type(self) -> pa.DataType:
        return pa.string() if self._has_zones else pa.time64("us")

    @staticmethod
    def array(values: Values, type: pa.DataType) -> pa.Array:
        if pa.types.is_string(type):
            values = [None if value is None else value.isoformat() for value in values]
        return pa.array(values, type)


def _days(value: Any) -> int:
    """Since 1970, in the calendar of today before and after all others too."""
    if not isinstance(value, FarMoment):
        return int(value.toordinal()) - _EPOCH
    year, month, day = (int(part) for part in value.parts[:3])
    near = 2000 + year % 400
    return int(date(near, month, day).toordinal()) - _EPOCH + (year - near) // 400 * _DAYS_OF_400_YEARS


def _microseconds(value: Any) -> int:
    """Since 1970, of UTC where there is a zone."""
    if isinstance(value, FarMoment):
        hour, minute, second = value.parts[3:]
        within = (hour * 60 + minute) * 60 + second
        return _days(value) * 86_400 * _MICROSECONDS + round(within * _MICROSECONDS)
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    found: int = (value - _MIDNIGHT) // timedelta(microseconds=1)
    return found


def _json(value: Any) -> str:
    if isinstance(value, str | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return [value.lon, value.lat] if hasattr(value, "lon") else str(value)


def _month(value: Any) -> str:
    year, month = value
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{month:02d}"


def _duration(value: Any) -> str:
    import isodate

    return value if isinstance(value, str) else str(isodate.duration_isoformat(value))


def _kind(type: str) -> ValueKind:
    """That of a type of the Table Schema."""
    made: dict[str, Callable[[], ValueKind]] = {
        "integer": Integers,
        "year": Integers,
        "number": Numbers,
        "datetime": Moments,
        "time": Times,
        "boolean": lambda: Fixed(pa.bool_()),
        "date": lambda: Fixed(pa.date32(), _days),
        "string": lambda: Fixed(pa.string()),
        "yearmonth": lambda: Fixed(pa.string(), _month),
        "duration": lambda: Fixed(pa.string(), _duration),
        "geopoint": lambda: Fixed(pa.string(), lambda point: f"{point.lon},{point.lat}"),
    }
    return made.get(type, lambda: Fixed(pa.string(), _json))()


class TypedColumn:
    """One field of a table: `values` of its cells, then an `array` of them."""

    def __init__(self, name: str, declared: Any) -> None:
        self.name, self.declared = name, declared
        self._read: Callable[[Any], tuple[Any, Any]] = declared.create_cell_reader()
        missing = declared.missing_values
        if not declared.has_defined("missing_values") and declared.schema:
            missing = declared.schema.missing_values
        self._missing = frozenset(missing)
        is_string = declared.type == "string" and declared.format == "default"
        self._is_text = is_string or declared.type == "any"
        grouping = {"group_char", "decimal_char", "bare_number", "float_number"}
        is_plain = not grouping & set(declared.list_defined())
        self._is_plain = is_plain and declared.type == "number"
        self._is_whole = is_plain and declared.type == "integer"
        self.kind = _kind(declared.type)

    def values(self, cells: Values) -> Values:
        """What the cells say, None for nothing. Raises Unfit for the first that says nothing of the type."""
        if set(map(type, cells)) <= {str, type(None)}:
            distinct = set(cells)
            present = self._present(distinct)
            if self._is_text:
                return self._without_missing(cells, distinct)
            if self._is_plain and plain_numbers(present):
                return pa.array(self._without_missing(cells, distinct), pa.string())
            if self._is_whole and short_integers(present):
                return pa.array(self._without_missing(cells, distinct), pa.string()).cast(pa.int64())
            if self._is_whole and plain_integers(present):
                found = self._without_missing(cells, distinct)
                return [None if cell is None else int(cell) for cell in found]
            known: dict[Any, Any] = {}
            return [
                known[cell] if cell in known else self._know(known, cell, at) for at, cell in enumerate(cells)
            ]
        return [self._value(cell, place) for place, cell in enumerate(cells)]

    def array(self, values: Values, type: pa.DataType) -> pa.Array:
        """Raises Unfit for a value that no Parquet file can hold."""
        try:
            return self.kind.array(values, type)
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            for place, value in enumerate(plain_list(values)):
                self._try(value, place, type)
            raise

    def _without_missing(self, cells: Values, distinct: set[Any]) -> Values:
        absent = self._missing.intersection(distinct)
        return [None if cell in absent else cell for cell in cells] if absent else cells

    def _present(self, distinct: Iterable[Any]) -> list[str]:
        return [cell for cell in distinct if cell is not None and cell not in self._missing]

    def _know(self, known: dict[Any, Any], cell: Any, place: int) -> Any:
        found = known[cell] = self._value(cell, place)
        return found

    def _value(self, cell: Any, place: int) -> Any:
        value, notes = self._read(cell)
        if value is None and notes and "type" in notes:
            wanted = self.declared.type
            stated = wanted if self.declared.format == "default" else f"{wanted} ({self.declared.format})"
            raise Unfit(place, self.name, f"{_shown(cell)} is not of type {stated}")
        if self.declared.type == "number" and isinstance(cell, float):
            return None if value is None else cell
        return (
            cell
            if value is not None and isinstance(cell, str) and self.declared.type in _AS_WRITTEN
            else value
        )

    def _try(self, value: Any, place: int, type: pa.DataType) -> None:
        try:
            self.kind.array([value], type)
        except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise Unfit(
                place, self.name, f"{_shown(value)} cannot be kept in a table: {error}"[:500]
            ) from error


def _shown(cell: Any) -> str:
    text = (
        repr(cell) if isinstance(cell, str) else str(cell) if not isinstance(cell, Decimal) else f"{cell:g}"
    )
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
