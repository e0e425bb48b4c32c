"""JSON that keeps its values: 1 and 1.0, integers of any size, the order of members.

Owns reading what CouchDB reads and printing as CouchDB prints. msgspec does the work; the few values
that it prints otherwise (large and tiny floats, -0.0, control characters) are noticed first and
only documents that hold one take a slower way. Does not know what a document is.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, TypedDict

import msgspec

from couchreg.errors import BadRequest, LostDocument
from couchreg.model import exactjson

INVALID: Final = "invalid UTF-8 JSON"
Raw = msgspec.Raw  # JSON text among values: it is printed as it stands

_READ_APART: Final = 16  # names of members, so many characters together, that are read apart from others
_NAMES_APART: Final = 500
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_parts: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_items: Final = msgspec.json.Decoder(list[Raw]).decode
_SIMPLE: Final = frozenset({str, int, bool, type(None)})
_SCALARS: Final = _SIMPLE | {float}
_CONTAINERS: Final = frozenset({dict, list, tuple})
# A literal at the beginning makes the search of a long text several times faster. Possessive, here and below,
# so that nothing is tried twice: a number may have a million digits.
_LOWER_TINY, _UPPER_TINY = (
    re.compile(rb"%b-(?<=[0-9]%b-)0*+(?:3[0-9]{2}|[1-9][0-9]{3})" % (e, e)) for e in (b"e", b"E")
)
# Followed by what follows numbers, for hashes have such digits in them, too.
_LOWER_EXTREME, _UPPER_EXTREME = (
    re.compile(rb"%b(?<=[0-9]%b)[+-]?0*+(?:2[5-9][0-9]|[3-9][0-9]{2}|[1-9][0-9]{3,}+)(?=[],}\s])" % (e, e))
    for e in (b"e", b"E")
)
_LOOSE_COLON: Final = re.compile(rb'"[ \t\r\n]+:')
_PIECE: Final = 256 << 10  # bytes of a text that are taken apart at once
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS: Final = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))  # "0" for each, " " for others
_LONG_NUMBER: Final = b"0" * 300
_EXPONENT: Final = re.compile(rb"e[-0-9][0-9]{1,3}[,}\]]")  # as msgspec spells them
# Control characters whose escapes have letters, as msgspec spells them and as CouchDB does.
_SPELLINGS: Final = tuple(
    (rb"\u00%b%b" % (high, low), rb"\u00%b%b" % (high, low.upper()))
    for high in (b"0", b"1")
    for low in (b"a", b"b", b"c", b"d", b"e", b"f")
)


def parts(text: bytes | Raw) -> dict[str, Raw]:
    """The members of an object in text that `encode` made, each left as text: nothing is copied."""
    try:
        return _parts(text)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRequest(INVALID) from None


def items(text: bytes | Raw) -> list[Raw]:
    """As `parts`, of a list."""
    try:
        return _items(text)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRequest(INVALID) from None


class NeedsTime(Exception):
    """Only the slow reader can read this text."""


def decode(data: bytes | bytearray | memoryview | str) -> Any:
    """A JSON value. Raises BadRequest("invalid UTF-8 JSON").

    Of members with one name the last counts, in its own place, as in CouchDB: the order of members
    is a part of the revision.
    """
    try:
        return decode_quickly(data)
    except NeedsTime:
        return decode_slowly(data)


def decode_quickly(data: bytes | bytearray | memoryview | str) -> Any:
    """`decode`, but for NeedsTime, raised where it takes a hundred times as long."""
    try:
        text = data.encode() if isinstance(data, str) else bytes(data)
        if _may_be_tiny(text):  # asked first: msgspec takes microseconds for each such number, too
            raise NeedsTime
        value = _decode(data)
    except (msgspec.ValidationError, RecursionError):
        # Numbers beyond msgspec's limits, or nesting beyond Python's: the slow reader has neither.
        raise NeedsTime from None
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest(INVALID) from None
    if _has_namesakes(value, text):
        raise NeedsTime
    return value


def decode_own(text: bytes) -> Any:
    """`decode` of text that `encode` made, several times faster: it holds nothing that is read in another way
    than it is spelt."""
    try:
        return _decode(text)
    except (msgspec.ValidationError, RecursionError):
        return decode_slowly(text)


def decode_printed(text: bytes) -> Any:
    """`decode` of text that a program has printed: no object in it has two members of one name.
    Raises BadRequest."""
    if _may_be_tiny(text):
        return decode(text)
    try:
        return _decode(text)
    except (msgspec.ValidationError, RecursionError):
        return decode_slowly(text)
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest(INVALID) from None


def reader(names: frozenset[str]) -> Callable[[bytes], dict[str, Any]]:
    """Reads an object in text that `encode` made, of its members only those that have one of these names."""
    if len(names) > _READ_APART or sum(map(len, names)) > _NAMES_APART:
        return decode_own
    return _reader(names)


@lru_cache(maxsize=256)
def _reader(names: frozenset[str]) -> Callable[[bytes], dict[str, Any]]:
    for name in names:
        _encode(name)  # its UTF-8 is made now: msgspec compares that without asking whether it is there
    shape = TypedDict("shape", dict.fromkeys(names, Any), total=False)  # type: ignore[misc]
    read = msgspec.json.Decoder(shape).decode

    def decode(text: bytes) -> dict[str, Any]:
        try:
            return read(text)  # type: ignore[return-value]
        except (msgspec.ValidationError, RecursionError):
            found: dict[str, Any] = decode_slowly(text)
            return found

    return decode


def count_values(text: bytes, enough: int) -> int:
    """How many values a JSON text has, an upper bound where that is not more than `enough`; of what is no
    JSON any number. Reads the text without making anything of it, in time that grows with its length."""
    most = _signs_of_values(text)
    if most < enough:
        return most + 1
    found = 1
    for bare in _outside_strings(text):
        found += _signs_of_values(bare)
        if found > enough:
            break
    return found


def count_long_digits(text: bytes) -> int:
    """How many digits the long numbers of a JSON text have together: what they cost grows faster."""
    if _LONG_NUMBER not in text.translate(_DIGITS):
        return 0
    runs = (run for bare in _outside_strings(text) for run in bare.translate(_DIGITS).split())
    return sum(len(run) for run in runs if len(run) >= len(_LONG_NUMBER))


def count_bare(text: bytes) -> int:
    """How many bytes of a JSON text stand outside of strings, spaces left out."""
    return sum(len(bare.translate(None, b" \t\r\n")) for bare in _outside_strings(text))


def is_deeper(text: bytes, most: int) -> bool:
    """Whether lists and objects of a JSON text stand in each other more than so many levels deep."""
    depth = 0
    for bare in _outside_strings(text):
        for bracket in bare.translate(None, _NO_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > most:
                return True
    return False


def _signs_of_values(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _outside_strings(text: bytes) -> Iterator[bytes]:
    """What of a JSON text stands outside of its strings, a piece at a time: many strings are passed over in a
    tenth of the time and the memory that a pattern takes."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    is_inside = False
    for start in range(0, len(text), _PIECE):
        parts = text[start : start + _PIECE].split(b'"')
        yield b"".join(parts[is_inside::2])
        is_inside ^= len(parts) % 2 == 0


def _may_be_tiny(text: bytes) -> bool:
    """Whether a number may be so small that CouchDB reads it in a way of its own."""
    return _LOWER_TINY.search(text) is not None or _UPPER_TINY.search(text) is not None


def _has_namesakes(value: Any, text: bytes) -> bool:
    """Whether an object has several members of one name: then it has fewer than the text has colons.

    Colons that stand in strings are left out of account the more carefully, the more it takes.
    """
    if type(value) not in _CONTAINERS:
        return False
    members = _count_members(value)
    if members == text.count(b":"):
        return False
    if members == text.count(b'":') and _LOOSE_COLON.search(text) is None:
        return False
    return members != sum(bare.count(b":") for bare in _outside_strings(text))


def _count_members(value: Any) -> int:
    """How many members the objects in a value have together."""
    total, todo = 0, [value]
    for container in todo:  # grows while it is read: any depth, no recursion
        children = container
        if type(container) is dict:
            total += len(container)
            children = container.values()
        if not _SCALARS.issuperset(map(type, children)):
            todo += [child for child in children if type(child) in _CONTAINERS]
    return total


def takes_long(text: bytes) -> bool:
    """Whether numbers are there of which each takes the quick reader microseconds, when nothing else runs."""
    return _LOWER_EXTREME.search(text) is not None or _UPPER_EXTREME.search(text) is not None


def decode_slowly(data: bytes | bytearray | memoryview | str) -> Any:
    try:
        return exactjson.decode(data if isinstance(data, str) else str(bytes(data), "utf-8"))
    except ValueError:  # UnicodeDecodeError is one
        raise BadRequest(INVALID) from None


def encode(value: Any) -> bytes:
    """Compact JSON text. NaN and the infinities, which no decoded value holds, print as null."""
    try:
        text = _encode(value)
    except (RecursionError, OverflowError, ValueError):
        text = exactjson.encode(value)
    else:
        if _may_be_odd(value, text) and _has_odd_float(value):
            text = exactjson.encode(value)
    return _respelt(text) if b"\\" in text and b"\\u00" in text else text


def brief(value: Any, most: int = 100) -> str:
    """A value as the JSON of a sentence about it, cut off: numbers of any length have no other text."""
    return encode(value)[:most].decode("utf-8", "ignore")


def members(body: dict[str, Any]) -> bytes:
    """`encode(body)` without the braces."""
    return encode(body)[1:-1]


def body(members: bytes | None) -> dict[str, Any]:
    """What `members` made the text of; an empty object where there is none. Raises LostDocument for what
    has not stayed as it was."""
    try:
        found: dict[str, Any] = decode(b"{" + members + b"}") if members else {}
    except BadRequest as error:
        raise LostDocument from error
    return found


def quote(text: str) -> bytes:
    """A JSON string."""
    quoted = _encode(text)
    return _respelt(quoted) if b"\\u00" in quoted else quoted


def texts(value: Any) -> bytes:
    """JSON of what holds no numbers that may be floats: of a list of strings, say. It takes a third of the
    time of `encode`."""
    quoted = _encode(value)
    return _respelt(quoted) if b"\\u00" in quoted else quoted


def _may_be_odd(value: Any, text: bytes) -> bool:
    """A quick look for floats to spell otherwise: exponents, at the end of a value, and -0.0."""
    if type(value) is dict and _SIMPLE.issuperset(map(type, value.values())):
        return False
    if type(value) is float:
        return True
    return _EXPONENT.search(text) is not None or b"-0.0" in text


def _has_odd_float(value: Any) -> bool:
    """Whether some float is one that msgspec spells otherwise than CouchDB."""
    kind = type(value)
    if kind not in _CONTAINERS:
        return kind is float and exactjson.odd(value)
    todo = [value]
    for container in todo:  # grows while it is read: any depth, no recursion
        children = container.values() if type(container) is dict else container
        kinds = set(map(type, children))
        if kinds <= _SIMPLE:
            continue
        if float in kinds and any(type(child) is float and exactjson.odd(child) for child in children):
            return True
        todo += [child for child in children if type(child) in _CONTAINERS]
    return False


def _respelt(text: bytes) -> bytes:
    """`\\u001f` -> `\\u001F`, as CouchDB spells control characters. Escaped backslashes, after which the same
    may be plain text, are put aside meanwhile: no JSON text has a NUL."""
    text = text.replace(b"\\\\", b"\0")
    for lower, upper in _SPELLINGS:
        text = text.replace(lower, upper)
    return text.replace(b"\0", b"\\\\")
