"""What each operator of a selector means for a value.

Owns the arguments an operator takes and the test it makes. The form of a whole selector is `selector`'s,
the only caller.
"""

import operator
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import regex

from couchreg.model.collation import compare, sort_key
from couchreg.model.work import Work, size

Test = Callable[[Any], bool]

_LONGEST_EXPRESSION: Final = 2_000
_CONTAINERS: Final = (dict, list)
_NUMBERS: Final = (int, float)  # no booleans
_SEPARATOR: Final = re.compile(r"(?<!\\)\.")
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}\Z", re.ASCII)
ABSENT: Final = object()
_NO_PATH: Final = object()


# -- arguments


def _any(argument: Any) -> bool:
    return True


def _is_list(argument: Any) -> bool:
    return type(argument) is list


def _is_size(argument: Any) -> bool:
    return type(argument) is int and argument >= 0


def _is_mod(argument: Any) -> bool:
    return type(argument) is list and [type(item) for item in argument] == [int, int]


def _is_regex(argument: Any) -> bool:
    return type(argument) is str and _expression(argument) is not None


def is_text(argument: Any) -> bool:
    return type(argument) in (str, int, float, bool)


ARGUMENTS: Final[dict[str, Callable[[Any], bool]]] = {
    "$lt": _any,
    "$lte": _any,
    "$eq": _any,
    "$ne": _any,
    "$gte": _any,
    "$gt": _any,
    "$in": _is_list,
    "$nin": _is_list,
    "$all": _is_list,
    "$exists": lambda argument: type(argument) is bool,
    "$type": lambda argument: type(argument) is str,
    "$mod": _is_mod,
    "$regex": _is_regex,
    "$size": _is_size,
    "$beginsWith": lambda argument: type(argument) is str,
    "$text": is_text,
}


def _expression(text: str) -> Any:
    """The compiled expression, over bytes as CouchDB matches; None when it is none."""
    if len(text) > _LONGEST_EXPRESSION:
        return None
    try:
        return regex.compile(text.encode(), regex.VERSION0)
    except (regex.error, RecursionError, OverflowError):
        return None


# -- tests of one value

_ORDERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "$lt": operator.lt,
    "$lte": operator.le,
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gte": operator.ge,
    "$gt": operator.gt,
}
_TYPES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
}


def condition(name: str, argument: Any, work: Work) -> Test:
    """The test that an operator makes of a value that is there."""
    if name in _ORDERS:
        return _order(name, argument, work)
    if name in ("$in", "$nin"):
        return _membership(name, argument, sort_key, work)
    if name == "$all":
        return _all(argument, work)
    if name == "$regex":
        return _regex(argument, work)
    return _CONDITIONS[name](argument)


def _order(name: str, argument: Any, work: Work) -> Test:
    holds = _ORDERS[name]
    weight, is_number = size(argument), type(argument) in _NUMBERS

    def test(value: Any) -> bool:
        if is_number and type(value) in _NUMBERS:
            return holds(value, argument)
        if type(value) in _CONTAINERS:
            work.spend(2 * size(value, weight))  # neither is read further than the other
        return holds(compare(value, argument), 0)

    return test


def _membership(name: str, wanted: Sequence[Any], key: Callable[[Any], bytes], work: Work) -> Test:
    known = {key(each) for each in wanted}
    shapes = {_shape(each) for each in wanted}

    def is_in(value: Any) -> bool:
        """A list is in when one of its items is."""
        items = value if type(value) is list else [value]
        for item in items:
            has_shape = _shape(item) in shapes
            work.spend(size(item) if has_shape and type(item) in _CONTAINERS else 1)
            if has_shape and key(item) in known:
                return True
        return False

    return is_in if name == "$in" else lambda value: not is_in(value)


def _shape(value: Any) -> object:
    """What equal values have in common, and is known at a glance."""
    kind = type(value)
    return (kind, len(value)) if kind in _CONTAINERS else float if kind is int else kind


def _all(wanted: list[Any], work: Work) -> Test:
    def among(value: list[Any], each: Any) -> bool:
        weight = size(each)
        for item in value:
            work.spend(weight)
            if _same(item, each):
                return True
        return False

    def holds(value: Any) -> bool:
        if type(value) is not list or not wanted:
            return False
        if all(among(value, each) for each in wanted):
            return True
        return len(wanted) == 1 and type(wanted[0]) is list and wanted[0] == value

    return holds


def _same(left: Any, right: Any) -> bool:
    """Equal in kind too: 1 is not 1.0, and the order of members counts."""
    if type(left) is not type(right):
        return False
    if type(left) is list:
        return len(left) == len(right) and all(map(_same, left, right))
    if type(left) is dict:
        return list(left) == list(right) and all(map(_same, left.values(), right.values()))
    return bool(left == right)


def _mod(argument: list[int]) -> Test:
    divisor, remainder = argument

    def holds(value: Any) -> bool:
        if type(value) is not int or divisor == 0:
            return False
        rest = abs(value) % abs(divisor)  # the sign is the dividend's
        return (-rest if value < 0 else rest) == remainder

    return holds


def _regex(text: str, work: Work) -> Test:
    expression = _expression(text)

    def holds(value: Any) -> bool:
        seconds = work.seconds if type(value) is str else 0.0
        if not seconds:
            return False
        began = time.monotonic()
        try:
            return expression.search(value.encode(), timeout=seconds) is not None
        except TimeoutError:
            return False  # CouchDB too takes an expression that gives up for one that does not match
        finally:
            work.took(time.monotonic() - began)

    return holds


_CONDITIONS: Final[dict[str, Callable[[Any], Test]]] = {
    "$exists": lambda wanted: lambda value: bool(wanted),
    "$type": lambda wanted: lambda value: _TYPES[type(value)] == wanted,
    "$mod": _mod,
    "$size": lambda count: lambda value: type(value) is list and len(value) == count,
    "$beginsWith": lambda start: lambda value: type(value) is str and value.startswith(start),
    "$default": lambda argument: lambda value: True,  # what a text index found is believed
}


# -- ids compare by their bytes, and any other kind of value is lower than text

BY_BYTES: Final = frozenset({*_ORDERS, "$in", "$nin"})


def by_bytes(name: str, argument: Any, work: Work) -> Test:
    """As `condition` for the operators `BY_BYTES`, for `_id`."""
    if name in _ORDERS:
        holds = _ORDERS[name]
        return lambda value: holds(_compare_ids(value, argument), 0)
    return _membership(name, argument, _id_key, work)


def _id_key(value: Any) -> bytes:
    """Equal for values that `_compare_ids` holds equal."""
    return b"\xff" + value.encode() if type(value) is str else sort_key(value)


def _compare_ids(value: Any, argument: Any) -> int:
    if type(value) is not str or type(argument) is not str:
        return 1 if type(value) is str else compare(value, argument)
    left, right = value.encode(), argument.encode()
    return (left > right) - (left < right)


# -- tests made of tests


def combination(name: str, tests: list[Test], work: Work) -> Test:
    """`$and`, `$or`, `$nor`."""

    def results(value: Any) -> Iterator[bool]:
        for test in tests:
            work.spend()
            yield test(value)

    if name == "$and":
        return lambda value: all(results(value))
    if name == "$or":  # one of nothing asks for nothing
        return lambda value: not tests or any(results(value))
    return lambda value: not any(results(value))


def nested(name: str, test: Test, work: Work) -> Test:
    """`$elemMatch`, `$allMatch` (not of an empty list) and `$keyMapMatch`, whose test is for the names."""

    def results(value: Any) -> Iterator[bool]:
        for inner in value:
            work.spend()
            yield test(inner)

    if name == "$elemMatch":
        return lambda value: type(value) is list and any(results(value))
    if name == "$allMatch":
        return lambda value: type(value) is list and bool(value) and all(results(value))
    return lambda value: type(value) is dict and any(results(value))


# -- fields


def split(field: str) -> list[str]:
    """A field's path: dots part it, a backslash takes a dot (or dollar) for what it is."""
    if "\\" not in field:
        return field.split(".")
    return [name.replace("\\", "") for name in _SEPARATOR.split(field)]


def at(path: list[str], test: Test, work: Work, *, absent: bool) -> Test:
    """The test of what stands at a path; `absent` is the answer when the last object has no such member."""

    def holds(value: Any) -> bool:
        work.spend(len(path))
        for name in path:
            value = _step(value, name)
            if value is ABSENT:
                return absent
            if value is _NO_PATH:
                return False
        return test(value)

    if len(path) > 1:
        return holds
    [only] = path

    def holds_member(value: Any) -> bool:
        if type(value) is not dict:
            return holds(value)
        work.spend()
        value = value.get(only, ABSENT)
        return absent if value is ABSENT else test(value)

    return holds_member


def value_at(value: Any, path: Sequence[str]) -> Any:
    """What stands at a path; `ABSENT` where there is nothing, or no way there."""
    for name in path:
        value = _step(value, name)
        if value is ABSENT or value is _NO_PATH:
            return ABSENT
    return value


def _step(value: Any, name: str) -> Any:
    """A member by its name, or an item of a list by its index."""
    if type(value) is dict:
        return value.get(name, ABSENT)
    if type(value) is not list or not _INDEX.match(name):
        return _NO_PATH
    index = int(name)
    return value[index] if 0 <= index < len(value) else _NO_PATH
