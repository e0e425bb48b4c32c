"""CouchDB's built-in reduce functions. Pure.

Each takes values of rows in key order and gives a state; states are combined, and shown at the end.
Source: https://docs.couchdb.org/en/stable/ddocs/ddocs.html#built-in-reduce-functions
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any, NamedTuple

from couchreg.errors import BadRequest, Failure
from couchreg.model import collation, json

SUM_RULE = (
    "The _sum function requires that map values be numbers, arrays of numbers, or objects. Objects cannot be "
    "mixed with other data structures. Objects can be arbitrarily nested, provided that the values for all "
    "fields are themselves numbers, arrays of numbers, or objects."
)
MOST = 100  # values that `_top_N` and `_bottom_N` may keep
_BITS = 11  # of a hash that choose a register of `_approx_count_distinct`


class Reducer(NamedTuple):
    """`start` makes a state of keys and values, `join` one of two states in order, `show` what is answered.
    `dump` makes JSON of a state, and `load` the state of that. What it does not read may be anything."""

    start: Callable[[Sequence[Any], Sequence[Any]], Any]
    join: Callable[[Any, Any], Any]
    show: Callable[[Any], Any]
    dump: Callable[[Any], Any] = lambda state: state
    load: Callable[[Any], Any] = lambda state: state
    reads_keys: bool = False
    reads_values: bool = True


class _Refused(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def built_in(name: str) -> Reducer:
    """Raises BadRequest (invalid_design_doc) for a name that starts with `_` and means nothing."""
    if name.startswith("_sum"):
        return Reducer(_sum_of, _sum_join, _sum_shown)
    if name.startswith("_count"):
        return Reducer(
            lambda _, values: len(values), lambda left, right: left + right, _same, reads_values=False
        )
    if name.startswith("_stats"):
        return Reducer(_stats_of, _stats_join, _same)
    if name.startswith("_approx_count_distinct"):
        registers = Reducer(_registers_of, _registers_join, _estimate, _listed, dict)
        return registers._replace(reads_keys=True, reads_values=False)
    if name.startswith("_first"):
        return Reducer(lambda _, values: values[0], lambda left, right: left, _same)
    if name.startswith("_last"):
        return Reducer(lambda _, values: values[-1], lambda left, right: right, _same)
    for prefix, largest in (("_top_", True), ("_bottom_", False)):
        number = name.removeprefix(prefix)
        if name != number and number.isascii() and number.isdigit() and 1 <= int(number) <= MOST:
            return _ranked(int(number), largest=largest)
    raise BadRequest(f"`{name}` is not a supported reduce function.", error="invalid_design_doc")


def _same(state: Any) -> Any:
    return state


# -- _sum


def _sum_of(keys: Sequence[Any], values: Sequence[Any]) -> Any:
    total: Any = 0
    try:
        for value in reversed(values):  # the order in which CouchDB comes upon what it cannot add
            total = _added(value, total)
    except _Refused as refused:
        return _refusal(refused.value)
    return total


def _sum_join(left: Any, right: Any) -> Any:
    for state in (right, left):
        if _is_refusal(state):
            return state
    try:
        return _added(left, right)
    except _Refused as refused:
        return _refusal(refused.value)


def _sum_shown(state: Any) -> Any:
    return state


def _refusal(value: Any) -> dict[str, Any]:
    return {"error": "builtin_reduce_error", "reason": SUM_RULE, "caused_by": value}


def _is_refusal(state: Any) -> bool:
    return isinstance(state, dict) and state.get("error") == "builtin_reduce_error"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _added(value: Any, total: Any) -> Any:
    if isinstance(value, dict):
        if _is_refusal(value):
            raise _Refused(value.get("caused_by"))
        if isinstance(total, dict):
            return _objects_added(value, total)
        if total == 0 and not isinstance(total, list):
            return value  # as CouchDB, which looks into an object only to add it to another
        raise _Refused(value)
    if isinstance(total, dict):
        raise _Refused(value)
    if _is_number(value) and _is_number(total):
        return value + total
    if isinstance(value, list) or (_is_number(value) and isinstance(total, list)):
        return _arrays_added(value if isinstance(value, list) else [value], total)
    raise _Refused(value)


def _arrays_added(value: list[Any], total: Any) -> list[Any]:
    for item in value:
        if not _is_number(item):
            raise _Refused(value)
    other = total if isinstance(total, list) else [total]
    short, long = sorted((value, other), key=len)
    return [item + (short[at] if at < len(short) else 0) for at, item in enumerate(long)]


def _objects_added(value: dict[str, Any], total: dict[str, Any]) -> dict[str, Any]:
    found = dict(total)
    for name, item in value.items():
        found[name] = _added(item, found[name]) if name in found else item
    return found


# -- _stats


def _stats_of(keys: Sequence[Any], values: Sequence[Any]) -> Any:
    state = _stats_of_one(values[0])
    for value in values[1:]:
        state = _stats_join(state, _stats_of_one(value))
    return state


def _stats_of_one(value: Any) -> Any:
    if _is_number(value):
        return {"sum": value, "count": 1, "min": value, "max": value, "sumsqr": value * value}
    if isinstance(value, list):
        return [_stats_of_one(item) for item in value]
    if isinstance(value, dict):
        names = ("sum", "count", "min", "max", "sumsqr")
        for name in names:
            if name not in value:
                raise Failure(f"user _stats input missing required field {name}", error="invalid_value")
            if not _is_number(value[name]):
                raise Failure(f"non-numeric _stats input received for {name}", error="invalid_value")
        return {name: value[name] for name in names}
    shown = json.encode(value).decode()
    raise Failure(
        f"builtin _stats function requires map values to be numbers: {shown}", error="invalid_value"
    )


def _stats_join(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [_stats_join(one, other) for one, other in zip(left, right, strict=True)]
    if isinstance(left, list) or isinstance(right, list):
        raise Failure(
            "_stats values are arrays of different lengths, or not all arrays", error="invalid_value"
        )
    return {
        "sum": left["sum"] + right["sum"],
        "count": left["count"] + right["count"],
        "min": min(left["min"], right["min"]),
        "max": max(left["max"], right["max"]),
        "sumsqr": left["sumsqr"] + right["sumsqr"],
    }


# -- _approx_count_distinct (HyperLogLog, and linear counting while few registers are used)


def _registers_of(keys: Sequence[Any], values: Sequence[Any]) -> dict[int, int]:
    registers: dict[int, int] = {}
    for key in keys:
        digest = hashlib.blake2b(collation.sort_key(key), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        place, rest = number >> (64 - _BITS), number & ((1 << (64 - _BITS)) - 1)
        rank = 64 - _BITS - rest.bit_length() + 1
        registers[place] = max(registers.get(place, 0), rank)
    return registers


def _registers_join(left: dict[int, int], right: dict[int, int]) -> dict[int, int]:
    return left | {place: max(rank, left.get(place, 0)) for place, rank in right.items()}


def _listed(registers: dict[int, int]) -> list[list[int]]:
    return [[place, rank] for place, rank in registers.items()]


def _estimate(registers: dict[int, int]) -> int:
    size = 1 << _BITS
    empty = size - len(registers)
    harmonic = sum(2.0**-rank for rank in registers.values()) + empty
    estimate = 0.7213 / (1 + 1.079 / size) * size * size / harmonic
    if estimate <= 2.5 * size and empty:
        estimate = size * math.log(size / empty)
    return round(estimate)


# -- _top_N, _bottom_N


def _ranked(number: int, *, largest: bool) -> Reducer:
    def kept(values: Sequence[Any]) -> list[Any]:
        ordered = sorted(values, key=cmp_to_key(collation.compare), reverse=largest)
        found: list[Any] = []
        for value in ordered:
            if not found or collation.compare(found[-1], value):
                found.append(value)
            if len(found) == number:
                break
        return found

    return Reducer(lambda _, values: kept(values), lambda left, right: kept([*left, *right]), _same)
