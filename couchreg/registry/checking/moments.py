"""Moments and spans of time as they are compared: beyond Python's calendar, over zones. Pure.

Source: https://www.w3.org/TR/xmlschema-2/#duration-order and #isoformats.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import total_ordering
from typing import Any

_STARTS = tuple(
    datetime(year, month, 1, tzinfo=UTC) for year, month in ((1696, 9), (1697, 2), (1903, 3), (1903, 7))
)
_MONTH = 2_629_746  # seconds, on average


@total_ordering
class FarMoment:
    """A date or a moment that Python's own types cannot hold; compares with those."""

    def __init__(self, *fields: float) -> None:
        self._fields = fields

    @property
    def parts(self) -> tuple[float, ...]:
        """Year, month and day, and of a moment hour, minute and second."""
        return self._fields

    def __eq__(self, other: object) -> bool:
        return self._fields == _fields_of(other)

    def __lt__(self, other: object) -> bool:
        return self._fields < _fields_of(other)

    def __hash__(self) -> int:
        return hash(self._fields)

    def __str__(self) -> str:
        return "-".join(f"{field:02}" for field in self._fields)


def _fields_of(other: object) -> tuple[float, ...]:
    if isinstance(other, FarMoment):
        return other._fields
    if isinstance(other, datetime):
        return (other.year, other.month, other.day, other.hour, other.minute, other.second)
    return (other.year, other.month, other.day) if isinstance(other, date) else ()


def far_moment(match: re.Match[str]) -> FarMoment | None:
    """The moment of a match; None if no calendar has it, or Python's own types do."""
    year, month, day = (int(part) for part in match.groups()[:3])
    clock = [float(part) for part in match.groups()[3:]]
    if 1 <= year <= 9999 or not 1 <= month <= 12:
        return None
    if not 1 <= day <= monthrange(2000 + year % 400, month)[1]:  # leap years repeat every 400
        return None
    if clock and not (clock[0] < 24 and clock[1] < 60 and clock[2] < 61):
        return None
    return FarMoment(year, month, day, *clock)


class TimeSpan:
    """A duration that is compared as XML Schema has it: one is shorter than another if it ends earlier from
    each of four moments, so that a month and 30 days are neither."""

    def __init__(self, value: Any) -> None:
        self._ends: list[datetime] | None
        try:
            self._ends = [start + value for start in _STARTS]
        except (OverflowError, ValueError):  # beyond the calendar
            self._ends = None
        months = float(getattr(value, "years", 0) * 12 + getattr(value, "months", 0))
        self._seconds = months * _MONTH + getattr(value, "tdelta", value).total_seconds()

    def keeps(self, compare: Callable[[Any, Any], bool], bound: "TimeSpan") -> bool:
        if self._ends is None or bound._ends is None:
            return compare(self._seconds, bound._seconds)
        return all(compare(end, other) for end, other in zip(self._ends, bound._ends, strict=True))


def in_utc(value: Any) -> Any:
    """A moment, or a time of day as one of a day; without a zone it counts as UTC."""
    if isinstance(value, time):
        value = datetime.combine(date(2000, 1, 1), value)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        return FarMoment(*_fields_of(value))
