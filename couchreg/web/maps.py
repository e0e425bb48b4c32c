"""GeoJSON as a picture of its own: points, lines and areas, without a map of anybody else's. Pure, bounded.

Source: RFC 7946.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

WIDTH: Final = 600.0
TALLEST: Final = 600.0
LONGEST: Final = 2 << 20  # bytes that are read
MOST_POSITIONS: Final = 20_000
MOST_SHAPES: Final = 2_000
_DEEPEST: Final = 8  # collections in one another
_SMALLEST: Final = 1e-6  # degrees


class MapShape(NamedTuple):
    """A path of SVG; `kind` is point, line or area."""

    kind: str
    path: str


class Drawn(NamedTuple):
    """A picture of WIDTH and `height`; `words` say where it is, `more` whether something was left out."""

    shapes: list[MapShape]
    height: float
    words: str
    more: bool


Position = tuple[float, float]


def drawn(text: str) -> Drawn | None:
    """The picture of a GeoJSON text; None for what is none, or shows nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found: list[tuple[str, list[Position]]] = []
    left = MOST_POSITIONS
    more = False
    for kind, line in _lines(value, 0):
        if len(found) >= MOST_SHAPES or left <= 0:
            more = True
            break
        positions = [one for one in map(_position, line[:left]) if one is not None]
        more = more or len(line) > left
        left -= max(1, len(line[:left]))  # what is none costs as much to look at
        if positions:
            found.append((kind, positions))
    return _picture(found, more) if found else None


def _lines(value: Any, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Points, lines and rings, each as a list of positions."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    kind, inner = value.get("type"), value.get("coordinates")
    if kind == "FeatureCollection":
        for one in _list(value.get("features")):
            yield from _lines(one, depth + 1)
    elif kind == "Feature":
        yield from _lines(value.get("geometry"), depth + 1)
    elif kind == "GeometryCollection":
        for one in _list(value.get("geometries")):
            yield from _lines(one, depth + 1)
    elif kind == "Point":
        yield "point", [inner]
    elif kind == "MultiPoint":
        yield from (("point", [one]) for one in _list(inner))
    elif kind == "LineString":
        yield "line", _list(inner)
    elif kind == "MultiLineString":
        yield from (("line", _list(one)) for one in _list(inner))
    elif kind == "Polygon":
        yield from (("area", _list(one)) for one in _list(inner))
    elif kind == "MultiPolygon":
        yield from (("area", _list(ring)) for one in _list(inner) for ring in _list(one))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _position(value: Any) -> Position | None:
    """Longitude and latitude; None for what is not on Earth."""
    if not isinstance(value, list) or len(value) < 2:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value[:2]):
        return None
    if not (-180 <= value[0] <= 180 and -90 <= value[1] <= 90):  # NaN is not either
        return None
    return float(value[0]), float(value[1])


def _picture(found: list[tuple[str, list[Position]]], more: bool) -> Drawn:
    everywhere = [one for _, positions in found for one in positions]
    west, east = min(one[0] for one in everywhere), max(one[0] for one in everywhere)
    south, north = min(one[1] for one in everywhere), max(one[1] for one in everywhere)
    squeeze = max(0.05, math.cos(math.radians((south + north) / 2)))  # degrees of longitude are shorter there
    wide, high = (east - west) * squeeze, north - south
    scale = min(WIDTH / max(wide, _SMALLEST), TALLEST / max(high, _SMALLEST))
    if max(wide, high) < _SMALLEST:
        scale = 1.0  # one place alone
    height = max(20.0, high * scale)
    beside = (WIDTH - wide * scale) / 2

    def place(at: Position) -> str:
        across = beside + (at[0] - west) * squeeze * scale
        return f"{across:.1f} {(north - at[1]) * scale + (height - high * scale) / 2:.1f}"

    shapes = [MapShape(kind, _path(kind, [place(one) for one in positions])) for kind, positions in found]
    words = f"{_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}, "
    words += f"{_degrees(west, 'E', 'W')} to {_degrees(east, 'E', 'W')}"
    return Drawn(shapes, round(height, 1), words, more)


def _path(kind: str, places: list[str]) -> str:
    if kind == "point":
        return f"M{places[0]}h0"  # a dot, as wide as the line is
    return "M" + "L".join(places) + ("Z" if kind == "area" else "")


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}° {negative if value < 0 else positive}"
