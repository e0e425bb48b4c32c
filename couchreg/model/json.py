"""JSON that keeps its values: 1 and 1.0, integers of any size, the order of members.

Owns reading what CouchDB reads and printing as CouchDB prints. msgspec does the work; the few values
that it prints otherwise (large and tiny floats, -0.0, control characters) are noticed first and
only documents that hold one take a slower way. Does not know what a document is.
"""

import re
from typing import Any, Final

import msgspec

from couchreg.errors import BadRequest
from couchreg.model import exactjson

INVALID: Final = "invalid UTF-8 JSON"

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_SIMPLE: Final = frozenset({str, int, bool, type(None)})
_CONTAINERS: Final = frozenset({dict, list, tuple})
# A literal at the beginning makes the search of a long text several times faster.
_TINY: Final = tuple(re.compile(rb"%b-(?<=[0-9]%b-)0*(?:3[0-9]{2}|[0-9]{4})" % (e, e)) for e in (b"e", b"E"))
_EXPONENT: Final = re.compile(rb"e[-0-9][0-9]{1,3}[,}\]]")  # as msgspec spells them
_LOWER_ESCAPE: Final = re.compile(rb"\\(?:u00[01][0-9a-f]|.)")


def decode(data: bytes | bytearray | memoryview | str) -> Any:
    """A JSON value. Raises BadRequest("invalid UTF-8 JSON").

    Of members with one name the last value wins; it stands where the first stood.
    """
    try:
        value = _decode(data)
    except (msgspec.ValidationError, RecursionError):
        # Numbers beyond msgspec's limits, or nesting beyond Python's: the slow reader has neither.
        return _decode_slowly(data)
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest(INVALID) from None
    return _decode_slowly(data) if _may_be_tiny(data) else value


def _may_be_tiny(data: bytes | bytearray | memoryview | str) -> bool:
    """Whether a number may be so small that CouchDB reads it in a way of its own."""
    text = data.encode() if isinstance(data, str) else bytes(data)
    return any(pattern.search(text) for pattern in _TINY)


def _decode_slowly(data: bytes | bytearray | memoryview | str) -> Any:
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
    return _LOWER_ESCAPE.sub(_upper, text) if b"\\" in text and b"\\u00" in text else text


def members(body: dict[str, Any]) -> bytes:
    """`encode(body)` without the braces."""
    return encode(body)[1:-1]


def quote(text: str) -> bytes:
    """A JSON string."""
    quoted = _encode(text)
    return _LOWER_ESCAPE.sub(_upper, quoted) if b"\\u00" in quoted else quoted


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


def _upper(match: re.Match[bytes]) -> bytes:
    """`\\u001f` -> `\\u001F`, as CouchDB spells control characters."""
    escape = match[0]
    return b"\\u" + escape[2:].upper() if escape[1] == 0x75 else escape
