"""What the columns of a table are like: how many values, from where to where, how they are spread.

The member `statistics` of a job is ``{columns: [{name, type, arrow}], rows}``; the answer, after ``{}``,
is ``{num_examples, statistics: [{column_name, column_type, column_statistics}], partial}`` in the words of
Hugging Face's dataset viewer. Numbers have minimum, maximum, mean, median, standard deviation and a
histogram; so have the lengths of texts, unless there are only a few different ones: then these are counted.
What is no number (`NaN`, infinite) counts as missing. Imported in child processes only.

Source: https://huggingface.co/docs/dataset-viewer/statistics.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from couchreg.analytics.inside.connecting import connected
from couchreg.analytics.inside.sending import AnswerParts
from couchreg.analytics.quoting import quoted

_BINS = 10
_LABELS = 30  # different texts that are counted one by one
_SURELY_MORE = 100  # of an estimate
_LONGEST_LABEL = 1000  # characters
_MICROSECONDS = 1_000_000


def answer(asked: Mapping[str, Any], parts: AnswerParts) -> bytes:
    wanted, [table] = asked["statistics"], asked["tables"]
    column = _Columns(connected(asked), f"{quoted(table['schema'])}.{quoted(table['table'])}", wanted["rows"])
    found = {
        "num_examples": wanted["rows"],
        "statistics": [column.statistics(one) for one in wanted["columns"]],
        "partial": False,
    }
    parts.add(json.dumps(found, ensure_ascii=False, allow_nan=False).encode())
    return parts.rest()


class _Columns:
    """The columns of one table, `where` of the database, with so many rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, where: str, rows: int) -> None:
        self._connection, self._where, self._rows = connection, where, rows

    def statistics(self, column: Mapping[str, str]) -> dict[str, Any]:
        kind, found = self._of(quoted(column["name"]), column["arrow"])
        return {"column_name": column["name"], "column_type": kind, "column_statistics": found}

    def _of(self, name: str, arrow: str) -> tuple[str, dict[str, Any]]:
        if arrow == "bool":
            return "bool", self._flags(name)
        if arrow == "int64":
            return "int", self._numbers(name, whole=True)
        if arrow.startswith("decimal") and arrow.endswith(", 0)"):
            return "int", self._numbers(f"{name}::HUGEINT", whole=True)
        if arrow.startswith("decimal"):
            return "float", self._numbers(f"{name}::DOUBLE", whole=False)
        if arrow == "double":
            finite = f"CASE WHEN isfinite({name}) THEN {name} END"
            return "float", self._numbers(finite, whole=False)
        if arrow.startswith(("date", "timestamp")):
            return "datetime", self._moments(name)
        return self._texts(f"{name}::VARCHAR")

    def _row(self, selected: str, more: str = "") -> Sequence[Any]:
        found: list[Sequence[Any]] = self._all(selected, more)
        return found[0]

    def _all(self, selected: str, more: str = "") -> list[Any]:
        return self._connection.execute(f"SELECT {selected} FROM {self._where} {more}").fetchall()  # noqa: S608

    def _missing(self, present: int) -> dict[str, Any]:
        missing = self._rows - present
        return {"nan_count": missing, "nan_proportion": missing / self._rows if self._rows else 0.0}

    def _flags(self, name: str) -> dict[str, Any]:
        yes, no = self._row(f"count(*) FILTER ({name}), count(*) FILTER (NOT {name})")
        counted = {word: count for word, count in (("False", no), ("True", yes)) if count}
        return {**self._missing(yes + no), "frequencies": counted}

    def _texts(self, name: str) -> tuple[str, dict[str, Any]]:
        guess, longest = self._row(f"approx_count_distinct({name}), max(length({name}))")
        if guess <= _SURELY_MORE and (longest or 0) <= _LONGEST_LABEL:
            counts = self._all(
                f"{name} AS label, count(*)", f"GROUP BY label ORDER BY label LIMIT {_LABELS + 2}"
            )
            labels = {label: count for label, count in counts if label is not None}
            if len(labels) <= _LABELS:
                more = {"n_unique": len(labels), "frequencies": labels}
                return "string_label", {**self._missing(sum(labels.values())), **more}
        return "string_text", self._numbers(f"length({name})", whole=True)

    def _numbers(self, value: str, *, whole: bool) -> dict[str, Any]:
        count, least, most, mean, median, std = self._row(
            f"count({value}), min({value}), max({value}), avg({value}), median({value}), stddev_samp({value})"
        )
        histogram = self._histogram(value, least, most, whole=whole) if count else None
        return {
            **self._missing(count),
            "min": least,
            "max": most,
            "mean": _finite(mean),
            "median": _finite(median),
            "std": _finite(std),
            "histogram": histogram,
        }

    def _histogram(self, value: str, least: Any, most: Any, *, whole: bool) -> dict[str, Any]:
        """Ten bins of one width, of whole numbers as many as there are up to that; the last one has the
        maximum, too."""
        width = -(-(most - least + 1) // _BINS) if whole else (most - least) / _BINS
        if not width or not math.isfinite(width):
            return {"hist": [self._row(f"count({value})")[0]], "bin_edges": [least, most]}
        bins = -(-(most - least + 1) // width) if whole else _BINS
        place = (
            f"({value}::HUGEINT - {least}) // {width}"
            if whole
            else f"floor(({value} - {least!r}) / {width!r})"
        )
        counts = dict(
            self._all(
                f"least({place}, {bins - 1})::BIGINT AS bin, count(*)",
                f"WHERE {value} IS NOT NULL GROUP BY bin",
            )
        )
        edges = [least + place * width for place in range(bins)]
        return {"hist": [counts.get(place, 0) for place in range(bins)], "bin_edges": [*edges, most]}

    def _moments(self, name: str) -> dict[str, Any]:
        """As numbers of microseconds, shown as moments."""
        found = self._numbers(f"epoch_us({name})", whole=True)
        for key in ("min", "max", "mean", "median"):
            found[key] = self._moment(found[key])
        if found["std"] is not None:
            found["std"] = _duration(found["std"])
        if found["histogram"] is not None:
            edges = found["histogram"]["bin_edges"]
            found["histogram"]["bin_edges"] = [self._moment(edge) for edge in edges]
        return found

    def _moment(self, microseconds: float | None) -> str | None:
        if microseconds is None:
            return None
        row = self._connection.execute("SELECT make_timestamp(?)::VARCHAR", [round(microseconds)]).fetchone()
        return None if row is None else str(row[0])


def _finite(value: Any) -> Any:
    return value if value is None or math.isfinite(value) else None


def _duration(microseconds: float) -> str:
    """`3 days, 4:05:06`."""
    seconds = round(microseconds / _MICROSECONDS)
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} day{'' if days == 1 else 's'}, {clock}" if days else clock
