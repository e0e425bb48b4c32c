"""JSON values as Erlang's external term format, the bytes that CouchDB hashes into a revision id.

Owns the encoding of decoded JSON (dict, list, str, int, float, bool, None) to the terms CouchDB
keeps (`{[{Key, Value}, …]}` for an object). Does not own what is hashed: that is `revid`.
It writes only; nothing here reads terms back. The tags are those of the "External Term Format"
chapter of Erlang's ERTS manual, as `term_to_binary(…, [{minor_version, 1}])` chooses them.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

Add = Callable[[bytes], None]

NIL: Final = b"j"
TRUE: Final = b"d\x00\x04true"
FALSE: Final = b"d\x00\x05false"
NULL: Final = b"d\x00\x04null"

_EMPTY_OBJECT: Final = b"h\x01j"
_OBJECT: Final = struct.Struct(">3sI").pack  # a 1-tuple, a list, its length
_LIST: Final = struct.Struct(">cI").pack
_STRING: Final = struct.Struct(">cH").pack
_INTEGER: Final = struct.Struct(">ci").pack
_FLOAT: Final = struct.Struct(">cd").pack
_BINARY: Final = struct.Struct(">cI").pack
_LARGEST_STRING: Final = 65_535

_BYTES: Final = tuple(b"a" + bytes([n]) for n in range(256))
_HEADS: Final = tuple(_BINARY(b"m", n) for n in range(256))

_SHORT: Final = 256  # members or items whose terms are kept one by one until all are joined
_CACHED_KEYS: Final = 8192
_CACHED_KEY_LENGTH: Final = 64
_keys: dict[str, bytes] = {}


def binary(data: bytes) -> bytes:
    """A BINARY_EXT."""
    return _BINARY(b"m", len(data)) + data


def atom(name: str) -> bytes:
    """An ATOM_EXT, of at most 255 characters."""
    return b"d" + len(name).to_bytes(2, "big") + name.encode()


def integer(value: int) -> bytes:
    """An integer of any size, in the smallest form Erlang has for it."""
    if 0 <= value <= 255:
        return _BYTES[value]
    if -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return _INTEGER(b"b", value)
    size = (abs(value).bit_length() + 7) // 8
    sign = b"\x01" if value < 0 else b"\x00"
    head = b"n" + bytes([size]) if size < 256 else _LIST(b"o", size)
    return head + sign + abs(value).to_bytes(size, "little")


def encode(value: Any) -> bytes:
    """The term of a JSON value, without the version byte.

    Raises TypeError for what JSON cannot hold. Any depth of nesting is served.
    """
    parts: list[bytes] = []
    try:
        _add(value, parts.append)
    except RecursionError:
        return bytes(_deep(value))
    return b"".join(parts)


def _add(value: Any, add: Add) -> None:
    kind = type(value)
    if kind is dict:
        _add_object(value, add)
    elif kind is list:
        _add_list(value, add)
    else:
        add(_scalar(value))


def _add_object(value: dict[str, Any], add: Add) -> None:
    # The hot loop of every bulk write: the common scalars are spelt out here to save a call for each.
    if not value:
        add(_EMPTY_OBJECT)
        return
    add(_OBJECT(b"h\x01l", len(value)))
    if len(value) > _SHORT:
        add(_joined(term for key, item in value.items() for term in (_key(key), _term(item))))
        add(NIL)
        return
    for key, item in value.items():
        add(_keys.get(key) or _key(key))
        kind = type(item)
        if kind is str:
            data = item.encode()
            size = len(data)
            add(_HEADS[size] if size < 256 else _BINARY(b"m", size))
            add(data)
        elif kind is int:
            add(_BYTES[item] if 0 <= item <= 255 else integer(item))
        elif kind is dict:
            _add_object(item, add)
        elif kind is list:
            _add_list(item, add)
        else:
            add(_scalar(item))
    add(NIL)


def _add_list(value: list[Any], add: Add) -> None:
    if not value:
        add(NIL)
        return
    small = _small_integers(value)
    if small is not None:
        add(small)
        return
    add(_LIST(b"l", len(value)))
    if len(value) > _SHORT:
        add(_joined(map(_term, value)))
    else:
        for item in value:
            if type(item) is dict:
                _add_object(item, add)
            elif type(item) is str:
                data = item.encode()
                add(_BINARY(b"m", len(data)))
                add(data)
            else:
                _add(item, add)
    add(NIL)


def _term(value: Any) -> bytes:
    parts: list[bytes] = []
    _add(value, parts.append)
    return b"".join(parts)


def _joined(terms: Iterable[bytes]) -> bytes:
    """As `b"".join`, which would hold all of a million terms at once, each with the head of an object."""
    out = bytearray()
    for term in terms:
        out += term
    return bytes(out)


def _deep(value: Any) -> bytearray:
    """As `encode`, with a stack of its own: what is still to do, the next thing last."""
    out = bytearray()
    todo: list[tuple[bool, Any]] = [(False, value)]
    while todo:
        ready, item = todo.pop()
        if ready:
            out += item
        elif type(item) is dict and item:
            out += _OBJECT(b"h\x01l", len(item))
            todo.append((True, NIL))
            for key, inner in reversed(item.items()):
                todo += ((False, inner), (True, _key(key)))
        elif type(item) is list and item and _small_integers(item) is None:
            out += _LIST(b"l", len(item))
            todo.append((True, NIL))
            todo += ((False, inner) for inner in reversed(item))
        else:
            out += _term(item)
    return out


def _small_integers(value: list[Any]) -> bytes | None:
    """The STRING_EXT that Erlang makes of a list of bytes, None for any other list."""
    if type(value[0]) is not int or len(value) > _LARGEST_STRING or set(map(type, value)) != {int}:
        return None
    try:
        return _STRING(b"k", len(value)) + bytes(value)
    except ValueError:
        return None


def _scalar(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        return binary(value.encode())
    if kind is int:
        return integer(value)
    if kind is float:
        return _FLOAT(b"F", value)
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    if value is None:
        return NULL
    raise TypeError(f"no JSON value: {kind.__name__}")


def _key(key: str) -> bytes:
    """The head of a `{Key, Value}` pair; documents of a database share their member names, so kept."""
    term = b"h\x02" + binary(key.encode())
    if len(key) <= _CACHED_KEY_LENGTH:
        if len(_keys) >= _CACHED_KEYS:
            _keys.clear()
        _keys[key] = term
    return term
