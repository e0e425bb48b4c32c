"""Sets of values as intervals of their sort keys. Pure.

A value's sort key is never the beginning of another one's, and what follows one in a list begins with a byte
below `TOP`: so all keys that begin with `k` lie between `k` and `k + TOP`.
"""

from collections.abc import Callable, Iterable
from heapq import merge
from typing import Any, Final, NamedTuple

from couchreg.designdocs.mango.analysis import COMPARISONS, LAST
from couchreg.model.collation import sort_key
from couchreg.model.selector import Selector

TOP: Final = b"\xff"


class Interval(NamedTuple):
    """The keys from `low` up to, but not with, `high`."""

    low: bytes
    high: bytes

    @property
    def is_one(self) -> bool:
        """Whether there is one value in it."""
        return self.high == self.low + TOP


Intervals = list[Interval]  # in order, and apart from each other

ALL: Final = Interval(b"", TOP)


_ARRAYS: Final = Interval(sort_key([])[:1], bytes([sort_key([])[0] + 1]))

Order = Callable[[Any], bytes]  # the sort key of a value


def values_of(form: Selector, name: str, order: Order = sort_key) -> Intervals:
    """The values that a field can have in what a normalized selector means, and maybe more: the ends of
    comparisons are always within, so that as many keys are examined as CouchDB examines."""
    for field, argument in form.items():
        if field == "$and":
            return _both(values_of(inner, name, order) for inner in argument)
        if field == "$or":
            found = [values_of(inner, name, order) for inner in argument]
            return united(merge(*found)) if found else [ALL]
        if field == name:
            return _of_condition(argument, order)
    return [ALL]


def _of_condition(condition: Selector, order: Order) -> Intervals:
    [(operator, argument)] = condition.items()
    if operator == "$beginsWith":
        return [Interval(order(argument), order(argument + LAST) + TOP)]
    if operator in COMPARISONS:
        key = order(argument)
        low = key if operator in ("$eq", "$gt", "$gte") else b""
        return [Interval(low, key + TOP if operator in ("$eq", "$lt", "$lte") else TOP)]
    if operator == "$in":
        ones = sorted({order(one) for one in argument if not isinstance(one, list)})
        return united(merge([Interval(key, key + TOP) for key in ones], [_ARRAYS]))  # an item may be in
    return [ALL]


def united(intervals: Iterable[Interval]) -> Intervals:
    """Of intervals in order, those that touch made one."""
    found: Intervals = []
    for one in intervals:
        if found and one.low <= found[-1].high:
            found[-1] = Interval(found[-1].low, max(found[-1].high, one.high))
        else:
            found.append(one)
    return found


def common(left: Intervals, right: Intervals) -> Intervals:
    """What is in both."""
    found: Intervals = []
    here = there = 0
    while here < len(left) and there < len(right):
        one, other = left[here], right[there]
        low, high = max(one.low, other.low), min(one.high, other.high)
        if low < high:
            found.append(Interval(low, high))
        if one.high < other.high:
            here += 1
        else:
            there += 1
    return found


def _both(every: Iterable[Intervals]) -> Intervals:
    found = [ALL]
    for one in every:
        found = common(found, one)
    return found


def fewer(intervals: Intervals, most: int) -> Intervals:
    """At most so many, with what lies between some of them."""
    if len(intervals) <= most:
        return intervals
    step = -(-len(intervals) // most)
    parts = [intervals[start : start + step] for start in range(0, len(intervals), step)]
    return [Interval(part[0].low, part[-1].high) for part in parts]
