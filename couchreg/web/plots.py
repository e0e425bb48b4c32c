"""Rows as a picture: lines, points or bars of a few columns along another one. Pure, and bounded."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from couchreg.web.showing import cell, number, rough

LINE, BAR, POINTS = "line", "bar", "points"
WIDTH: Final = 600
HEIGHT: Final = 240
MOST_ROWS: Final = 2000  # that are drawn
MOST_SERIES: Final = 4
_MOST_LINES: Final = 12  # where a column says which line a row is of
_MOST_BARS: Final = 240  # of all series together
_MOST_NAMED: Final = 60  # characters of a name
_TIMES: Final = ("date", "time", "year")  # in the names of types


class PlotMark(NamedTuple):
    """A piece of a picture: a line through `points`, or a bar or a point with its left upper corner."""

    series: int
    points: str = ""
    left: float = 0
    top: float = 0
    width: float = 0
    height: float = 0


class Plot(NamedTuple):
    """A picture of WIDTH and HEIGHT, and what is said of it in words."""

    kind: str
    marks: Sequence[PlotMark]
    names: Sequence[str]  # of the series, in their order
    across: str
    first: str
    last: str
    least: str
    most: str
    words: str
    is_log: bool = False
    is_keyed: bool = False
    more: str = ""  # what of it is left out


def keyed(kind: str, across: str, rows: Sequence[Sequence[Any]], *, is_log: bool = False) -> Plot | None:
    """As `plot`, of rows of ``[across, value, key]``, in which the key says which series it is of."""
    names: dict[str, int] = {}
    table: dict[Any, dict[int, Any]] = {}
    for place, value, key in rows[:MOST_ROWS]:
        at = names.setdefault(cell(key), len(names))
        table.setdefault(_hashable(place), {}).setdefault(at, value)
    most = _MOST_LINES if kind == LINE else MOST_SERIES
    listed = [*names][:most]
    pivoted = [[place, *map(found.get, range(len(listed)))] for place, found in table.items()]
    drawn = _plot(kind, across, listed, pivoted, is_log=is_log, are_joined=True)
    room = max(1, _MOST_BARS // max(1, len(listed)))
    bars = f"the first {room} along {across[:_MOST_NAMED]}" if kind == BAR and len(pivoted) > room else ""
    series = f"{len(listed)} of {len(names)} series" if len(names) > most else ""
    return drawn and drawn._replace(is_keyed=True, more="; ".join(filter(None, (series, bars))))


def _hashable(value: Any) -> Any:
    return cell(value) if isinstance(value, list | dict) else value


def plot(
    kind: str, across: str, names: Sequence[str], rows: Sequence[Sequence[Any]], *, is_log: bool = False
) -> Plot | None:
    """A picture of rows of ``[across, *values]``; None where there is nothing that could be drawn. `is_log`:
    values stand by their logarithms, where all are above zero."""
    return _plot(kind, across, names[:MOST_SERIES], rows, is_log=is_log, are_joined=False)


def _plot(
    kind: str,
    across: str,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    is_log: bool,
    are_joined: bool,
) -> Plot | None:
    """Where `are_joined`, a line goes on over a row without a value."""
    rows = rows[:MOST_ROWS]
    if kind == BAR:
        rows = rows[: max(1, _MOST_BARS // max(1, len(names)))]
    values = [_finite(value) for row in rows for value in row[1 : len(names) + 1]]
    there = [value for value in values if value is not None]
    if not names or len(there) < 2:
        return None
    least, most = min(there), max(there)
    if kind == BAR:
        least, most = min(least, 0.0), max(most, 0.0)
    places, order = (list(range(len(rows))), range(len(rows))) if kind == BAR else _places(rows)
    scale = _Scale(least, most, is_log=is_log and kind != BAR and least > 0)
    if scale.step is None:
        return None
    left, right = float(places[order[0]]), float(places[order[-1]])
    wide = right - left
    if not math.isfinite(wide):
        return None
    at = [0.5 * WIDTH if not wide else (float(place) - left) / wide * WIDTH for place in places]
    ordered = [(at[place], rows[place]) for place in order]
    marks = list(
        _bars(scale, rows, names) if kind == BAR else _drawn(kind, scale, ordered, names, are_joined)
    )
    ends = cell(rows[order[0]][0])[:_MOST_NAMED], cell(rows[order[-1]][0])[:_MOST_NAMED]
    shown = [cell(name)[:_MOST_NAMED] for name in names]
    word = {LINE: "Lines", BAR: "Bars"}.get(kind, "Points")
    words = f"{word} of {', '.join(shown)} along {cell(across)[:_MOST_NAMED]}, from {ends[0]} to {ends[1]}"
    named = cell(across)[:_MOST_NAMED]
    return Plot(kind, marks, shown, named, *ends, rough(least), rough(most), words, scale.is_log)


def fitting(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> Plot | None:
    """The picture that suits the columns ``{name, type}`` of an answer: numbers along time, or along what
    stands first; None where they are no picture, as for a row alone."""
    kinds = [_kind(one, [row[place] for row in rows]) for place, one in enumerate(columns)]
    across = next((place for place, kind in enumerate(kinds) if kind == "time"), None)
    if across is None:
        across = 0 if kinds and kinds[0] != "other" else None
    up = [place for place, kind in enumerate(kinds) if kind == "number" and place != across][:MOST_SERIES]
    if across is None or not up or len(rows) < 2:
        return None
    is_line = kinds[across] == "time" and len({str(row[across]) for row in rows}) == len(rows)
    kind = BAR if kinds[across] == "text" else LINE if is_line else POINTS
    picked = [[row[across], *(row[place] for place in up)] for row in rows]
    return plot(kind, str(columns[across]["name"]), [str(columns[place]["name"]) for place in up], picked)


def _kind(column: Mapping[str, Any], values: Sequence[Any]) -> str:
    there = [value for value in values if value is not None]
    if any(word in str(column["type"]).lower() for word in _TIMES):
        return "time"
    if str(column["name"]).lower().endswith("year") and all(isinstance(one, int) for one in there):
        return "time"
    if there and all(isinstance(one, int | float) and not isinstance(one, bool) for one in there):
        return "number"
    return "text" if there and all(isinstance(one, str) for one in there) else "other"


class _Scale:
    """From values to heights; `step` is None where they are too far apart."""

    def __init__(self, least: float, most: float, *, is_log: bool) -> None:
        self.is_log = is_log
        self.least = math.log10(least) if is_log else least
        span = (math.log10(most) if is_log else most) - self.least
        self.step = HEIGHT / (span or 1.0) if math.isfinite(span) else None

    def height(self, value: float) -> float:
        return HEIGHT - ((math.log10(value) if self.is_log else value) - self.least) * (self.step or 0.0)


def _drawn(
    kind: str,
    scale: _Scale,
    rows: Sequence[tuple[float, Sequence[Any]]],
    names: Sequence[str],
    are_joined: bool,
) -> Iterator[PlotMark]:
    for series in range(len(names)):
        run: list[str] = []
        for left, row in rows:
            value = _finite(row[series + 1])
            if value is None and are_joined:
                continue
            if value is None:
                yield from _line(series, run)
                run = []
            elif kind == POINTS:
                yield PlotMark(series, left=round(left, 1), top=round(scale.height(value), 1))
            else:
                run.append(f"{left:.1f},{scale.height(value):.1f}")
        yield from _line(series, run)


def _line(series: int, run: Sequence[str]) -> Iterator[PlotMark]:
    """A gap in the data is a gap in the line; a point between two gaps is a short one."""
    if run:
        yield PlotMark(series, points=" ".join(run if len(run) > 1 else [*run, *run]))


def _bars(scale: _Scale, rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Iterator[PlotMark]:
    room = WIDTH / len(rows)
    width = room * 0.9 / len(names)
    zero = scale.height(0.0)
    for place, row in enumerate(rows):
        for series in range(len(names)):
            value = _finite(row[series + 1])
            if value is not None:
                top = scale.height(value)
                left = round(place * room + room * 0.05 + series * width, 2)
                tall = round(max(0.5, abs(zero - top)), 2)
                yield PlotMark(series, "", left, round(min(top, zero), 2), round(width, 2), tall)


def _places(rows: Sequence[Sequence[Any]]) -> tuple[list[float], Sequence[int]]:
    """Where each row stands, and the rows in the order of that: by number or by time, else one by one."""
    for read in (_finite, _moment):
        found = [read(row[0]) for row in rows]
        if all(one is not None for one in found):
            places = [one for one in found if one is not None]
            return places, sorted(range(len(rows)), key=places.__getitem__)
    return [float(place) for place in range(len(rows))], range(len(rows))


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _moment(value: Any) -> float | None:
    """Days of a date or moment as it is written in ISO 8601."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = datetime.combine(date.fromisoformat(value + "-01"), time())
        except ValueError:
            return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.toordinal() + (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400


def counted(plot: Plot, rows: int) -> str:
    """What is drawn of so many rows, in words; empty where all of them are."""
    shown = MOST_ROWS if plot.kind != BAR or plot.is_keyed else _MOST_BARS // max(1, len(plot.names))
    return f"the first {number(shown)} rows" if rows > shown else ""
