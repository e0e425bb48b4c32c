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


def _kind(*first_bytes: int) -> Interval:
    return Interval(bytes([first_bytes[0]]), bytes([first_bytes[-1] + 1]))


_NULL = _kind(sort_key(None)[0])
_BOOLEANS = _kind(sort_key(False)[0], sort_key(True)[0])
_NUMBERS = _kind(sort_key(0)[0])
_STRINGS = _kind(sort_key("")[0])
_ARRAYS = _kind(sort_key([])[0])
_OBJECTS = _kind(sort_key({})[0])
_TYPES: Final = {
    "null": _NULL,
    "boolean": _BOOLEANS,
    "number": _NUMBERS,
    "string": _STRINGS,
    "array": _ARRAYS,
    "object": _OBJECTS,
}
_KINDS: Final = {
    "$regex": _STRINGS,
    "$mod": _NUMBERS,
    "$size": _ARRAYS,
    "$all": _ARRAYS,
    "$elemMatch": _ARRAYS,
    "$allMatch": _ARRAYS,
    "$keyMapMatch": _OBJECTS,
}

Order = Callable[[Any], bytes]  # the sort key of a value


def values_of(form: Selector, name: str, order: Order = sort_key, *, exact: bool = True) -> Intervals:
    """The values that a field can have in what a normalized selector means, and maybe more.

    Not `exact`: what the selector compares otherwise than `order` has it, so ends are always within.
    """
    for field, argument in form.items():
        if field == "$and":
            return _both(values_of(inner, name, order, exact=exact) for inner in argument)
        if field == "$or":
            found = [values_of(inner, name, order, exact=exact) for inner in argument]
            return united(merge(*found)) if found else [ALL]
        if field == name:
            return _of_condition(argument, order, exact=exact)
    return [ALL]


def _of_condition(condition: Selector, order: Order, *, exact: bool) -> Intervals:
    [(operator, argument)] = condition.items()
    if operator == "$beginsWith":
        return [Interval(order(argument), order(argument + LAST) + TOP)]
    if operator in COMPARISONS:
        return _of_comparison(operator, order(argument), exact=exact)
    if operator == "$in":
        ones = sorted({order(one) for one in argument if not isinstance(one, list)})
        return united(merge([Interval(key, key + TOP) for key in ones], [_ARRAYS]))
    if operator == "$type":
        return [_TYPES[argument]] if argument in _TYPES else []
    kind = _KINDS.get(operator)
    return [ALL] if kind is None else [kind]


def _of_comparison(operator: str, key: bytes, *, exact: bool) -> Intervals:
    low, high = b"", TOP
    if operator in ("$eq", "$gte"):
        low = key
    if operator == "$gt":
        low = key + TOP if exact else key
    if operator in ("$eq", "$lte"):
        high = key + TOP
    if operator == "$lt":
        high = key if exact else key + TOP
    return [Interval(low, high)]


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
