"""Which index serves a query, as CouchDB chooses it. Pure.

An index is usable when every match must have all its columns, or is sorted by them, and when it has the order
that is asked for. Of those the one wins whose leading columns the selector says most about; then the one with
the fewest columns; then the first by name. The documents themselves, by their ids, are what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from couchreg.designdocs.mango.analysis import Analysis, KeySpan, SpanEnd
from couchreg.designdocs.mango.definition import JsonIndex
from couchreg.designdocs.mango.options import DESIGN, MangoQuery
from couchreg.errors import BadRequest
from couchreg.model.collation import sort_key

EVERY_ID: Final = KeySpan(SpanEnd(sort_key(None), None, inclusive=False))
MAX: Final = "<MAX>"
EMPTY_MEANS_NOTHING: Final = frozenset({"$all", "$and", "$or", "$in"})
NO_INDEX_FOR_SORT: Final = "No {}index exists for this sort, try indexing by the sort fields."


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index with what the selector says of its leading columns; `distance`: of how many more fields."""

    index: JsonIndex
    spans: tuple[KeySpan | None, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class Choice:
    """How the index that serves a query was found: every index, those in question, what keeps some of them
    from being used, those that the query allows, and those of the kind that wins, the best first."""

    analysis: Analysis
    every: tuple[JsonIndex, ...]
    considered: tuple[JsonIndex, ...]
    reasons: dict[JsonIndex, tuple[str, ...]]
    allowed: tuple[JsonIndex, ...]
    ranked: tuple[Candidate, ...]
    partitions: bool  # whether the database has them

    @property
    def winner(self) -> Candidate | None:
        return self.ranked[0] if self.ranked else None

    @property
    def usable(self) -> list[JsonIndex]:
        return [index for index in self.considered if not self.reasons[index]]


def choose(
    indexes: Sequence[JsonIndex],
    query: MangoQuery,
    analysis: Analysis,
    *,
    explain: bool,
    partitions: bool = False,
) -> Choice:
    """`indexes` in their order, of a database with `partitions` or without. Raises BadRequest where the query
    cannot be served; that no index has the order that is asked for is something to `explain`."""
    named = named_by(indexes, query.use_index)
    considered = tuple(
        index
        for index in indexes
        if (not index.is_partial or index in named)
        and (index.is_special or index.partitioned == query.is_of_partition)
    )
    reasons = {index: _reasons(index, query, analysis) for index in considered}
    usable = [index for index in considered if not reasons[index]]
    if not usable and not explain:
        kind_of = ("partitioned " if query.is_of_partition else "global ") if partitions else ""
        raise BadRequest(NO_INDEX_FOR_SORT.format(kind_of), error="no_usable_index")
    allowed = named_by(usable, query.use_index)
    if not allowed:
        if not query.allow_fallback and (query.use_index or len(usable) <= 1):
            raise _unsuitable(query.use_index)
        allowed = usable
    kind = [index for index in allowed if not index.is_special] or allowed
    ranked = sorted((_candidate(index, analysis) for index in kind), key=_worth)
    return Choice(analysis, tuple(indexes), considered, reasons, tuple(allowed), tuple(ranked), partitions)


def named_by(indexes: Sequence[JsonIndex], use_index: Sequence[str]) -> list[JsonIndex]:
    """Those that `use_index` means."""
    if not use_index:
        return []
    ddoc = use_index[0] if use_index[0].startswith(DESIGN) else DESIGN + use_index[0]
    return [
        index
        for index in indexes
        if index.ddoc == ddoc and (len(use_index) == 1 or index.name == use_index[1])
    ]


def bare(name: str) -> str:
    """The id of a design document without its prefix."""
    return name.removeprefix(DESIGN)


def _unsuitable(use_index: Sequence[str]) -> BadRequest:
    if not use_index:
        reason = "You must specify an index with the `use_index` parameter."
    else:
        names = ", ".join([f"_design/{bare(use_index[0])}", *use_index[1:]])
        reason = f"{names} specified by `use_index` could not be found or it is not suitable."
    return BadRequest(reason, error="invalid_index")


# -- what is usable


def _reasons(index: JsonIndex, query: MangoQuery, analysis: Analysis) -> tuple[str, ...]:
    """Why an index cannot serve a query; nothing when it can."""
    sorted_by = query.sort.fields
    sorts = _has_order(index.columns, sorted_by, analysis)
    if index.is_special:
        fits = not sorted_by or "_id" in analysis.indexable
        return _names(field_mismatch=not fits, sort_order_mismatch=not sorts)
    columns = set(index.columns) - set(sorted_by) - {"_id", "_rev"}
    return _names(
        needs_text_search=analysis.is_text,
        field_mismatch=not analysis.requires(columns),
        sort_order_mismatch=not sorts,
    )


def _names(**reasons: bool) -> tuple[str, ...]:
    return tuple(name for name, holds in reasons.items() if holds)


def _has_order(columns: Sequence[str], sorted_by: Sequence[str], analysis: Analysis) -> bool:
    """Columns with one value only make no difference to the order of the others."""
    if not sorted_by:
        return True
    for place, column in enumerate(columns):
        if column == sorted_by[0]:
            return tuple(columns[place : place + len(sorted_by)]) == tuple(sorted_by)
        if column not in analysis.constant:
            return False
    return False


# -- what is best


def _candidate(index: JsonIndex, analysis: Analysis) -> Candidate:
    ranges = analysis.ranges()
    if index.is_special:
        ranges = {**ranges, "_id": ranges.get("_id", EVERY_ID)}
    spans = []
    for column in index.columns:
        if column not in ranges:
            break
        spans.append(ranges[column])
    return Candidate(index, tuple(spans), len(ranges) - len(spans))


def _worth(candidate: Candidate) -> tuple[int, int, tuple[bytes, bytes]]:
    return candidate.distance, len(candidate.index.columns), candidate.index.order


def means_nothing(query: MangoQuery, winner: Candidate) -> bool:
    """Whether no document can match, so that nothing is read: CouchDB then answers without a bookmark."""
    if any(argument == [] and name in EMPTY_MEANS_NOTHING for name, argument in query.selector.items()):
        return True
    return None in winner.spans


# -- the keys of the range, as CouchDB tells them


def start_key(winner: Candidate) -> Any:
    """The least key: a list of values for an index, an id for the documents themselves."""
    lows = [span.low if span else None for span in winner.spans]
    if winner.index.is_special:
        return lows[0].value if lows[0] else ""
    found = []
    for low in lows:
        if low is None:
            break
        found.append(low.value)
    return found


def end_key(winner: Candidate) -> Any:
    highs = [span.high if span else None for span in winner.spans]
    if winner.index.is_special:
        return highs[0].value if highs[0] else MAX
    found = []
    for high in highs:
        if high is None:
            break
        found.append(high.value)
    return [*found, MAX]


def covers(index: JsonIndex, fields: Sequence[str] | None) -> bool:
    """Whether the keys of an index have all these fields; None is every field."""
    return fields is not None and not index.is_special and set(fields) <= {"_id", *index.columns}


def is_covered(query: MangoQuery, index: JsonIndex, analysis: Analysis) -> bool:
    """Whether a query is answered by the keys alone."""
    return query.fields is not None and covers(index, [*query.fields, *analysis.fields])
