"""The order of JSON values in CouchDB's views: null < false < true < numbers < strings < arrays < objects.

Owns comparing, and sort keys whose byte order is that order (for an index or a database column).
Strings compare as ICU's root locale has it, numbers by their value whatever their kind, arrays item by item,
objects member by member in the order they stand. Source: "Views Collation" in the CouchDB
documentation.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Protocol

import icu

_END: Final = b"\x00"  # below every tag, so that the shorter of two containers comes first
_NULL: Final = b"\x01"
_FALSE: Final = b"\x02"
_TRUE: Final = b"\x03"
_NUMBER: Final = b"\x04"
_STRING: Final = b"\x05"
_ARRAY: Final = b"\x06"
_OBJECT: Final = b"\x07"
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1
_MIDDLE: Final = 0x80
_CONTAINERS: Final = (dict, list, tuple)
_NOTHING: Final = object()
_EXACT: Final = 1 << 53  # integers up to here are doubles
_NO_DIFFERENCE: Final = bytes([_MIDDLE])
KNOWN, SHORT = 4096, 64  # sort keys that are remembered, of so many characters
_DOUBLE: Final = struct.Struct(">d")
_WORD: Final = struct.Struct(">Q")


class _Collator(Protocol):
    def compare(self, left: str, right: str) -> int: ...

    def getSortKey(self, text: str) -> bytes: ...


_collator: Final[_Collator] = icu.Collator.createInstance(icu.Locale.getRoot())


COLLATOR_VERSION: Final = str(icu.ICU_VERSION)


def compare_strings(left: str, right: str) -> int:
    """-1, 0 or 1. Strings that differ only in what ICU ignores are equal."""
    return 0 if left == right else _collator.compare(left, right)


def string_key(text: str) -> bytes:
    """ICU's sort key: its byte order is the order of the strings. Ends with a zero byte, has no other."""
    return bytes(_collator.getSortKey(text)).rstrip(b"\x00") + b"\x00"


_remembered = lru_cache(KNOWN)(string_key)


def _string_key(text: str) -> bytes:
    """`string_key`, of short texts remembered: a view has many rows of few words."""
    return _remembered(text) if len(text) <= SHORT else string_key(text)


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1, as CouchDB orders two keys."""
    ranks = _rank(left), _rank(right)
    if ranks[0] != ranks[1]:
        return -1 if ranks[0] < ranks[1] else 1
    if ranks[0] == _STRING:
        return compare_strings(left, right)
    if ranks[0] == _NUMBER:
        return int(left > right) - int(left < right)
    if ranks[0] < _NUMBER:
        return 0
    return _compare_containers(left, right)


def _compare_containers(left: Any, right: Any) -> int:
    """Two arrays or two objects, looked at up to where they differ: that is cheap when one is short."""
    todo = [(_inside(left), _inside(right))]
    while todo:
        pair = next(todo[-1][0], _NOTHING), next(todo[-1][1], _NOTHING)
        if pair[0] is _NOTHING or pair[1] is _NOTHING:
            if pair[0] is not pair[1]:
                return -1 if pair[0] is _NOTHING else 1
            todo.pop()
        elif type(pair[0]) in _CONTAINERS and _rank(pair[0]) == _rank(pair[1]):
            todo.append((_inside(pair[0]), _inside(pair[1])))
        elif found := compare(*pair):
            return found
    return 0


def _inside(value: Any) -> Iterator[Any]:
    """The items of an array; the names and values of an object."""
    return chain.from_iterable(value.items()) if type(value) is dict else iter(value)


def sort_key(value: Any) -> bytes:
    """Bytes that compare as the values do; equal for values that CouchDB holds equal (1 and 1.0)."""
    kind = type(value)
    if kind is str:
        return _STRING + _string_key(value)
    if kind is int or kind is float:
        return _NUMBER + _number_key(value)
    out: list[bytes] = []
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is str:
            out += (_STRING, _string_key(item))
        elif kind is bytes:
            out.append(item)  # the end of a container
        elif kind is dict:
            out.append(_OBJECT)
            todo.append(_END)
            for name, inner in reversed(item.items()):
                todo += (inner, name)
        elif kind in (list, tuple):
            out.append(_ARRAY)
            todo.append(_END)
            todo += reversed(item)
        elif kind is int or kind is float:
            out += (_NUMBER, _number_key(item))
        else:
            out.append(_rank(item))
    return b"".join(out)


def _rank(value: Any) -> bytes:
    if value is None:
        return _NULL
    if value is False:
        return _FALSE
    if value is True:
        return _TRUE
    kind = type(value)
    if kind is int or kind is float:
        return _NUMBER
    if kind is str:
        return _STRING
    if kind is dict:
        return _OBJECT
    if kind is list or kind is tuple:
        return _ARRAY
    raise TypeError(f"no JSON value: {kind.__name__}")


def _number_key(value: float) -> bytes:
    """The nearest double with its bits in order, then what the value is more or less than that."""
    if type(value) is float or -_EXACT <= value <= _EXACT:
        return _in_order(value) + _NO_DIFFERENCE
    try:
        near = float(value)
    except OverflowError:
        near = float("inf") if value > 0 else float("-inf")
    beyond = near in (float("inf"), float("-inf"))
    return _in_order(near) + _difference_key(value if beyond else value - int(near))  # type: ignore[arg-type]


def _in_order(number: float) -> bytes:
    """The bits of a double, so that their order is that of numbers."""
    [bits] = _WORD.unpack(_DOUBLE.pack(number + 0.0))  # -0.0 + 0.0 is 0.0
    return _WORD.pack(bits ^ _ALL if bits & _SIGN else bits | _SIGN)


def _difference_key(difference: int) -> bytes:
    """An integer: its length, below the middle for a negative one, and its bytes."""
    size = (difference.bit_length() + 7) // 8
    if difference < 0:
        short, long = _MIDDLE - size, b"\x00" + (_ALL - size).to_bytes(8, "big")
        difference += 1 << 8 * size
    else:
        short, long = _MIDDLE + size, b"\xff" + size.to_bytes(8, "big")
    head = bytes([short]) if size < _MIDDLE - 1 else long
    return head + difference.to_bytes(size, "big")
