"""What is asked of a cube: facts, members or aggregates, cut, ordered, page by page, as SQL. Pure.

The facts are the table `cube.t0`, what is joined to them `cube.t1` and so on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from couchreg.analytics.cubes.cuts import condition, cuts_of, shown
from couchreg.analytics.cubes.models import COUNT, FUNCTIONS, Attribute, Column, Measure, Model
from couchreg.analytics.quoting import quoted
from couchreg.errors import BadRequest

SCHEMA = "cube"
MOST_ROWS = 10_000  # of a page
USUAL_ROWS = 100
FARTHEST = 1 << 31  # of pages
_MOST_REFS = 500
_DIRECTIONS = ("asc", "desc")


class CubePage(NamedTuple):
    """The first is 1."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What is to be run, and what the answer repeats of the question. `summary` is of aggregates."""

    rows: str
    count: str
    summary: str | None
    joins: Sequence[int]  # numbers of the joined tables that are needed
    said: Mapping[str, Any] = field(default_factory=dict)


class _Asked(NamedTuple):
    """A column of the answer: its reference, and what it is in SQL."""

    ref: str
    sql: str
    column: Column


class Cube:
    """A model to be asked."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def facts(self, fields: str, cut: str, order: str, page: CubePage) -> Statements:
        """Raises BadRequest, as the others do."""
        refs = _split(fields, ",") or [*self.model.measures, *self.model.dimensions]
        asked = [one for ref in refs for one in self._columns(ref)]
        where, cell, cut_columns = self._where(cut)
        source = self._source([*(one.column for one in asked), *cut_columns])
        ordered, said = self._order(order, asked)
        rows = f"SELECT {_selected(asked)} {source.sql} {where} {ordered} {_limits(page)}"
        count = f"SELECT count(*) {source.sql} {where}"
        repeated = {"cell": cell, "fields": [one.ref for one in asked], "order": said}
        return Statements(rows, count, None, source.joins, repeated)

    def members(self, ref: str, cut: str, order: str, page: CubePage) -> Statements:
        asked = self._columns(ref, measures=False)
        where, cell, cut_columns = self._where(cut)
        source = self._source([*(one.column for one in asked), *cut_columns])
        ordered, said = self._order(order, asked)
        distinct = f"SELECT DISTINCT {_selected(asked)} {source.sql} {where}"
        rows = f"SELECT * FROM ({distinct}) {ordered} {_limits(page)}"  # noqa: S608
        count = f"SELECT count(*) FROM ({distinct})"  # noqa: S608
        repeated = {"cell": cell, "fields": [one.ref for one in asked], "order": said}
        return Statements(rows, count, None, source.joins, repeated)

    def aggregate(self, aggregates: str, drilldown: str, cut: str, order: str, page: CubePage) -> Statements:
        measured = [self._aggregate(ref) for ref in _split(aggregates, "|") or self.aggregates()]
        by = [one for ref in _split(drilldown, "|") for one in self._columns(ref, measures=False)]
        where, cell, cut_columns = self._where(cut)
        source = self._source([*(one.column for one in [*measured, *by]), *cut_columns])
        ordered, said = self._order(order, [*by, *measured], usual=by)
        groups = "GROUP BY " + ", ".join(dict.fromkeys(one.sql for one in by)) if by else ""
        rows = f"SELECT {_selected([*by, *measured])} {source.sql} {where} {groups} {ordered} {_limits(page)}"
        grouped = f"SELECT 1 {source.sql} {where} {groups}"
        count = f"SELECT count(*) FROM ({grouped})" if by else "SELECT 1"  # noqa: S608
        summary = f"SELECT {_selected(measured)} {source.sql} {where}"
        refs = {"aggregates": [one.ref for one in measured], "attributes": [one.ref for one in by]}
        return Statements(rows, count, summary, source.joins, {"cell": cell, **refs, "order": said})

    def cardinalities(self) -> Statements:
        """How many different values there are, about, by the references of attributes."""
        attributes = [
            one for dimension in self.model.dimensions.values() for one in dimension.attributes.values()
        ]
        counted = [
            _Asked(one.ref, f"approx_count_distinct({_sql(one.column)})", one.column) for one in attributes
        ]
        source = self._source([one.column for one in counted])
        selected = _selected(counted) if counted else "1 AS nothing"
        return Statements(f"SELECT {selected} {source.sql}", "SELECT 1", None, source.joins)

    def aggregates(self) -> list[str]:
        """All that there are."""
        return [f"{name}.{function}" for name in self.model.measures for function in FUNCTIONS] + [COUNT]

    # -- references

    def _columns(self, ref: str, *, measures: bool = True) -> list[_Asked]:
        """Of a dimension all attributes."""
        measure = self.model.measures.get(ref)
        if measure is not None and measures:
            return [_Asked(ref, _measured(measure), measure.column)]
        return [_Asked(one.ref, _sql(one.column), one.column) for one in self._attributes(ref)]

    def _attributes(self, ref: str) -> Sequence[Attribute]:
        name, _, inner = ref.partition(".")
        dimension = self.model.dimensions.get(name)
        if dimension is not None and not inner:
            return list(dimension.attributes.values())
        if dimension is not None and inner in dimension.attributes:
            return [dimension.attributes[inner]]
        there = ", ".join([*self.model.dimensions, *self.model.measures][:20])
        raise BadRequest(f"There is no {ref[:100]!r} here: there are {there}.")

    def _aggregate(self, ref: str) -> _Asked:
        if ref == COUNT:
            return _Asked(COUNT, "count(*)", Column(COUNT, "integer", "int64"))
        name, _, function = ref.rpartition(".")
        measure = self.model.measures.get(name)
        if measure is None or function not in FUNCTIONS:
            raise BadRequest(
                f"{ref[:100]!r} is not an aggregate: they are {', '.join(self.aggregates()[-20:])}."
            )
        return _Asked(ref, f"{function}({_measured(measure)})", measure.column)

    # -- parts of statements

    def _where(self, cut: str) -> tuple[str, list[dict[str, Any]], list[Column]]:
        parts, cell, columns = [], [], []
        for ref, values in cuts_of(cut):
            measure, dimension = self.model.measures.get(ref), self.model.dimensions.get(ref)
            if measure is not None:
                column, name = measure.column, _measured(measure)
            else:
                key = f"{ref}.{dimension.key}" if dimension is not None else ref
                column = self._attributes(key)[0].column
                name = _sql(column)
            columns.append(column)
            parts.append(condition(column, name, values))
            cell.append({"ref": ref, "operator": ":", "value": [shown(column, value) for value in values]})
        return ("WHERE " + " AND ".join(parts) if parts else ""), cell, columns

    def _order(
        self, order: str, asked: Sequence[_Asked], usual: Sequence[_Asked] | None = None
    ) -> tuple[str, list[list[str]]]:
        """Of what is asked: by what is said, then by all else, so that pages have an order of their own."""
        there = {one.ref: one for one in asked}
        said: list[list[str]] = []
        for term in _split(order, ","):
            ref, _, direction = term.partition(":")
            direction = (direction or "asc").lower()
            if direction not in _DIRECTIONS:
                raise BadRequest(f"An order is asc or desc, not {direction[:50]!r}.")
            keys = [ref] if ref in there else [one.ref for one in self._columns(ref) if one.ref in there]
            if not keys:
                raise BadRequest(f"{ref[:100]!r} is not among what is asked for, so nothing is in its order.")
            said += [[key, direction] for key in keys]
        later = [one.ref for one in (asked if usual is None else usual)]
        rest = [[ref, "asc"] for ref in later if ref not in [key for key, _ in said]]
        terms = ", ".join(
            f"{quoted(ref)} {direction.upper()} NULLS LAST" for ref, direction in [*said, *rest]
        )
        return (f"ORDER BY {terms}" if terms else ""), said

    def _source(self, columns: Iterable[Column]) -> "_Source":
        """The facts with the tables that some column is of. Of what a foreign key refers to one row counts,
        so that no fact is counted twice."""
        needed = sorted({column.table for column in columns if column.table})
        sql = f"FROM {SCHEMA}.t0 AS t0"
        for number in needed:
            on = self.model.joins[number - 1].on
            keys = ", ".join(quoted(there.name) for _, there in on)
            pairs = " AND ".join(f"{_key(own, there)} = {_key(there, own)}" for own, there in on)
            once = f"SELECT DISTINCT ON ({keys}) * FROM {SCHEMA}.t{number}"  # noqa: S608
            sql += f" LEFT JOIN ({once}) AS t{number} ON {pairs}"
        return _Source(sql, needed)


class _Source(NamedTuple):
    sql: str
    joins: Sequence[int]


def _sql(column: Column) -> str:
    return f"t{column.table}.{quoted(column.name)}"


def _key(column: Column, other: Column) -> str:
    """As text, where the types of the two are not the same."""
    same = column.arrow == other.arrow or (column.is_number and other.is_number)
    return _sql(column) if same else f"{_sql(column)}::VARCHAR"


def _measured(measure: Measure) -> str:
    return _sql(measure.column) if measure.factor == 1 else f"({_sql(measure.column)} * {measure.factor!r})"


def _selected(asked: Iterable[_Asked]) -> str:
    distinct = {one.ref: one.sql for one in asked}
    return ", ".join(f"{sql} AS {quoted(ref)}" for ref, sql in distinct.items())


def _limits(page: CubePage) -> str:
    return f"LIMIT {page.size} OFFSET {(page.number - 1) * page.size}"


def _split(text: str, separator: str) -> list[str]:
    parts = [part.strip() for part in text.split(separator)] if text.strip() else []
    if len(parts) > _MOST_REFS:
        raise BadRequest(f"There may be {_MOST_REFS} references at most.")
    return parts
