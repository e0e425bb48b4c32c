"""Which time and which place a descriptor speaks of, as numbers that can be compared. Pure.

A time is a pair of days (ordinals of the proleptic Gregorian calendar), a place a box of degrees (west,
south, east, north). Of several, the hull is taken. What cannot be read is not there.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, Final, NamedTuple

FIRST: Final = date.min.toordinal()
LAST: Final = date.max.toordinal()
_MOST = 1000  # values that are looked at
_DEPTH = 8
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:[T ].*)?")
_NUMBER = re.compile(r"[+-]?\d{1,4}(?:\.\d{1,20})?")


class Period(NamedTuple):
    begin: int
    end: int


class Box(NamedTuple):
    west: float
    south: float
    east: float
    north: float


def period_of(text: str) -> Period | None:
    """`2010`, `2010-05/2012`, `../2020-01-01`, `2010/`: with open ends to the ends of the calendar."""
    first, slash, last = text.strip().partition("/")
    begin, end = _days(first), _days(last if slash else first)
    if begin is None and end is None:
        return None
    open_begin, open_end = slash and first in ("", ".."), slash and last in ("", "..")
    if (begin is None and not open_begin) or (end is None and not open_end):
        return None
    found = Period(begin.begin if begin else FIRST, end.end if end else LAST)
    return found if found.begin <= found.end else None


def _days(text: str) -> Period | None:
    """First and last day of a year, a month or a day."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    try:
        begin = date(year, month or 1, day or 1)
        if day:
            return Period(begin.toordinal(), begin.toordinal())
        after = date(year + 1, 1, 1) if not month or month == 12 else date(year, month + 1, 1)
    except ValueError:
        return Period(begin.toordinal(), LAST) if year == date.max.year and begin else None
    return Period(begin.toordinal(), after.toordinal() - 1)


def box_of(text: str) -> Box | None:
    """`west,south,east,north` in degrees."""
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if len(parts) != 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return _box(*map(float, parts))


def _box(west: float, south: float, east: float, north: float) -> Box | None:
    """None for what is no place on Earth."""
    longest, highest = max(map(abs, (west, east))), max(map(abs, (south, north)))
    is_right = south <= north and west <= east and longest <= 360 and highest <= 90
    return Box(west, south, east, north) if is_right else None


def period(members: Mapping[str, Any]) -> Period | None:
    """What `temporalCoverage` or `temporal` says."""
    found = [
        one
        for member in ("temporalCoverage", "temporal")
        for item in islice(_listed(members.get(member)), _MOST)
        if (one := _stated_period(item))
    ]
    return Period(min(one.begin for one in found), max(one.end for one in found)) if found else None


def _stated_period(item: Any) -> Period | None:
    if isinstance(item, str):
        return period_of(item)
    if not isinstance(item, dict):
        return None
    start, end = item.get("start", item.get("startDate")), item.get("end", item.get("endDate"))
    texts = [text if isinstance(text, str) else "" for text in (start, end)]
    return period_of("/".join(texts)) if any(texts) else None


def box(members: Mapping[str, Any]) -> Box | None:
    """What `spatialCoverage` or `spatial` says with numbers."""
    found = [
        one
        for member in ("spatialCoverage", "spatial")
        for item in islice(_listed(members.get(member)), _MOST)
        if isinstance(item, dict) and (one := _stated_box(item))
    ]
    if not found:
        return None
    wests, souths, easts, norths = zip(*found, strict=True)
    return Box(min(wests), min(souths), max(easts), max(norths))


def _stated_box(item: Mapping[str, Any]) -> Box | None:
    shape = item.get("geo", item.get("geometry", item))
    if not isinstance(shape, dict):
        return None
    given = item.get("bbox", shape.get("bbox"))
    if isinstance(given, list) and len(given) == 4 and all(map(_is_number, given)):
        return _box(*map(float, given))
    written = shape.get("box")
    if isinstance(written, str) and (swapped := re.split(r"[,\s]+", written.strip())) and len(swapped) == 4:
        south, west, north, east = swapped  # schema.org's GeoShape has the latitude first
        return box_of(",".join((west, south, east, north)))
    latitude, longitude = shape.get("latitude", ""), shape.get("longitude", "")
    if _is_number(latitude) and _is_number(longitude):
        return _box(float(longitude), float(latitude), float(longitude), float(latitude))
    points = list(islice(_points(shape.get("coordinates"), _DEPTH), _MOST))
    if not points:
        return None
    easts, norths = [point[0] for point in points], [point[1] for point in points]
    return _box(min(easts), min(norths), max(easts), max(norths))


def _points(value: Any, depth: int) -> Iterator[tuple[float, float]]:
    if not isinstance(value, list) or not depth:
        return
    if len(value) >= 2 and _is_number(value[0]) and _is_number(value[1]):
        yield float(value[0]), float(value[1])
        return
    for item in value:
        yield from _points(item, depth - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e6


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
