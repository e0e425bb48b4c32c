"""Which keys of an index are read for a query: several ranges where the selector leaves gaps. Pure.

CouchDB reads one range. What lies outside of these here cannot match, so rows and their order are the same.
"""

from typing import Any, Final, NamedTuple

from couchreg.designdocs.mango.intervals import ALL, TOP, Interval, Intervals, common, fewer, values_of
from couchreg.designdocs.mango.options import MangoQuery
from couchreg.designdocs.mango.planner import MAX, Candidate, end_key, start_key
from couchreg.designdocs.views.definition import edges
from couchreg.model.collation import sort_key
from couchreg.model.partitions import span

MOST: Final = 500  # ranges of one query
_LIST: Final = sort_key([])[:1]
_END: Final = sort_key([])[1:]
_TEXT: Final = sort_key("")[:1]
_NO_TEXT: Final = sort_key(None)


def key_intervals(query: MangoQuery, winner: Candidate) -> Intervals:
    """The sort keys of an index's rows that can match, in ascending order."""
    found = [Interval(_LIST, _LIST + TOP)]
    for column in winner.index.columns:
        values = values_of(query.selector, column)
        ones = sum(prefix.is_one for prefix in found)
        if values == [ALL] or not ones or len(found) + ones * len(values) > MOST:
            break
        found = [one for prefix in found for one in _extended(prefix, values)]
    return fewer(common(found, [_span_of_couchdb(winner)]), MOST)


def of_partition(found: Intervals, name: str) -> Intervals:
    """The same among the rows of a partition."""
    before = edges(name)[0]
    return [Interval(before + one.low, before + one.high) for one in found]


def _extended(prefix: Interval, values: Intervals) -> Intervals:
    """The values of the next column behind those before, if these are one value each."""
    if not prefix.is_one:
        return [prefix]
    return [Interval(prefix.low + value.low, prefix.low + value.high) for value in values]


def _span_of_couchdb(winner: Candidate) -> Interval:
    first, last = start_key(winner), end_key(winner)
    low = _LIST + b"".join(map(sort_key, first)) + _END
    return Interval(low, _LIST + b"".join(map(sort_key, last[:-1])) + TOP)


class Ids(NamedTuple):
    """Ids between two, both within; None is no bound. `ones`: only these of them, in ascending order."""

    low: str | None
    high: str | None
    ones: list[str] | None = None


def ids(query: MangoQuery, winner: Candidate) -> Ids | None:
    """The ids of documents that can match, where no index is used; None: no id can."""
    found = _ids(query, winner)
    if found is None or not query.is_of_partition:
        return found
    first, beyond = span(query.partition)
    low, high = found.low or first, beyond if found.high in (None, MAX) else found.high
    low, high = max(low, first, key=str.encode), min(high or beyond, beyond, key=str.encode)
    ones = None if found.ones is None else [one for one in found.ones if one.startswith(first)]
    return Ids(low, high, ones)


def _ids(query: MangoQuery, winner: Candidate) -> Ids | None:
    first, last = start_key(winner), end_key(winner)
    if last != MAX and not isinstance(last, str):
        return None  # whatever is no text is lower than every id
    low = first if isinstance(first, str) and first else None
    high = None if last == MAX and winner.spans[0] and winner.spans[0].high is None else last
    return Ids(low, high, _single_ids(query, low or "", high))


def _single_ids(query: MangoQuery, low: str, high: str | None) -> list[str] | None:
    """The ids that a selector lists; None if it does not."""
    values = values_of(query.selector, "_id", _id_order)
    texts = [one for one in values if one.low[:1] == _TEXT]
    if values == [ALL] or not _listed(values, texts):
        return None
    if not all(one.is_one for one in texts):
        return None
    found = [one.low[1:-1].decode() for one in texts]
    return [one for one in found if low <= one and (high is None or one.encode() <= high.encode())]


def _listed(values: Intervals, texts: Intervals) -> bool:
    """Whether beside texts there are only values that are no ids."""
    return all(one in texts or one.high <= _TEXT or one.low >= bytes([_TEXT[0] + 1]) for one in values)


def _id_order(value: Any) -> bytes:
    """Ids are in the order of their bytes, and everything else is lower."""
    return _TEXT + value.encode() + b"\x00" if isinstance(value, str) else _NO_TEXT
