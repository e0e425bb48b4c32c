"""Pictures of tables: how the values of a column are spread, and how one goes along another. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from couchreg.web.showing import cell, number, rough

HEIGHT: Final = 24
WIDTH: Final = 8  # of one bar
LINE_WIDTH: Final = 600
LINE_HEIGHT: Final = 140
_FEWEST: Final = 3  # points of a line
_BARS: Final = 30
_NAMED: Final = 3  # of the most frequent values, in words


class Bar(NamedTuple):
    """Of a picture of HEIGHT, whose top is 0."""

    left: int
    top: int
    height: int


class Spread(NamedTuple):
    """A column in a picture and in words. `bars` may be empty."""

    bars: Sequence[Bar]
    width: int
    words: str


class Line(NamedTuple):
    """A picture of LINE_WIDTH and LINE_HEIGHT, and what stands at its ends."""

    points: str  # of an SVG polyline
    first: str
    last: str
    least: str
    most: str


def line(found: Sequence[Mapping[str, Any]]) -> Line | None:
    """Of ``{label, along, mean}`` in order; None where there are too few, or too far apart, to be one."""
    found = [one for one in found if _is_finite(one["mean"])]
    if len(found) < _FEWEST:
        return None
    ats, means = [float(one["along"]) for one in found], [float(one["mean"]) for one in found]
    left, least = ats[0], min(means)
    wide, high = ats[-1] - left or 1.0, max(means) - least or 1.0
    if not _is_finite(high):
        return None
    points = " ".join(
        f"{(at - left) / wide * LINE_WIDTH:.1f},{LINE_HEIGHT - (mean - least) / high * LINE_HEIGHT:.1f}"
        for at, mean in zip(ats, means, strict=True)
    )
    ends = cell(found[0]["label"]), cell(found[-1]["label"])
    return Line(points, *ends, rough(least), rough(max(means)))


def _is_finite(value: Any) -> bool:
    """An average of numbers near the largest is none."""
    return isinstance(value, int | float) and math.isfinite(value)


def spread(found: Mapping[str, Any]) -> Spread:
    """Of what the viewer says of a column: `column_type`, and `column_statistics` as there."""
    kind, about = found.get("column_type"), found.get("column_statistics") or {}
    frequencies, histogram = about.get("frequencies"), about.get("histogram")
    words: list[str] = []
    counts: Sequence[int] = ()
    if isinstance(frequencies, Mapping):
        ordered = sorted(frequencies.items(), key=lambda pair: -pair[1])
        counts = [count for _, count in ordered]
        words = [f"{cell(label)[:40]}: {number(count)}" for label, count in ordered[:_NAMED]]
        if len(ordered) > _NAMED:
            words.append(f"{number(len(ordered))} different values")
    elif isinstance(histogram, Mapping):
        counts = histogram["hist"]
        least, most = _end(about["min"]), _end(about["max"])
        of = " characters" if kind == "string_text" else ""
        words = [(least if least == most else f"{least} to {most}") + of]
    if about.get("nan_count"):
        words.append(f"{number(about['nan_count'])} missing")
    bars = _bars(counts[:_BARS])
    return Spread(bars, len(bars) * WIDTH, ", ".join(words))


def _end(value: Any) -> str:
    """The least or the greatest of a column, in as many digits as tell something at a glance."""
    return rough(value) if isinstance(value, float) else cell(value)


def _bars(counts: Sequence[int]) -> list[Bar]:
    """The largest has the whole height, and what is there at all can be seen."""
    most = max(counts, default=0)
    if not most:
        return []
    heights = [max(1, round(HEIGHT * count / most)) if count else 0 for count in counts]
    return [Bar(place * WIDTH, HEIGHT - height, height) for place, height in enumerate(heights)]
