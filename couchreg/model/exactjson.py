"""The slow, exact way to read and print JSON, for the rare values that msgspec does otherwise.

Owns what has no bound elsewhere: nesting of any depth, integers of up to 100,000 digits, and floats
as CouchDB reads and spells them. `json` decides when it is needed; `erlang` prints long integers as it does.

The standard library's reader does what is not nested deeply, for it is many times faster than the one here.
It is told how to read numbers and members, and never sees the escapes that it takes and CouchDB does not.
"""

import json
import math
import re
from typing import Any, Final

import msgspec

_MOST_DIGITS: Final = 100_000  # a bound on work: reading digits is not linear
_CHUNK: Final = 4_000  # Python refuses to convert more at once
_SMALLEST_NORMAL: Final = 2.2250738585072014e-308

_TOKEN: Final = re.compile(
    r"""[ \t\n\r]*(?:
        (?P<mark>[\[\]{},:])
      | (?P<string>"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<integer>-?(?:0|[1-9][0-9]*))(?P<float>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<word>true|false|null)
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_DIGITS: Final = re.compile(r"-?[0-9]+", re.ASCII)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_WORDS: Final = {"true": True, "false": False, "null": None}
_text: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.Encoder().encode


# What the standard library would take for text: half of a surrogate pair.
_WHOLE: Final = re.compile(
    r"(?:[^\\]++|\\(?:[^u]|u[dD][89abAB]..\\u[dD][c-fC-F]..|u(?![dD][89a-fA-F])))*+", re.DOTALL
)


def decode(text: str) -> Any:
    """A JSON value, nested as deeply as it likes. Raises ValueError for what is no JSON."""
    if _WHOLE.fullmatch(text):
        try:
            return _quick(text)
        except RecursionError:
            pass
    reader = _Reader(text)
    while not reader.finished:
        reader.step()
    return reader.result


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of namesakes the last counts, in its own place."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found.clear()
        for name, value in pairs:
            found.pop(name, None)
            found[name] = value
    return found


_quick: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=lambda digits: _integer(digits),
    parse_float=lambda written: _float(*_parted(written)),
    parse_constant=_no_constant,
).decode


def _parted(written: str) -> tuple[str, str]:
    """`"1.5e3"` -> `("1", ".5e3")`."""
    integer = _DIGITS.match(written)
    end = integer.end() if integer else 0
    return written[:end], written[end:]


class _Reader:
    """Reads token by token with its own stack of open containers."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []  # of the open objects' members being read
        self._fresh = False  # the innermost container was opened just now: it may close
        self._after = False  # a value is complete: a comma or an end follows
        self.finished = False
        self.result: Any = None

    def step(self) -> None:
        token = self._next()
        mark = token["mark"]
        if self._after:
            self._go_on(mark)
        elif mark in ("}", "]") and self._fresh:
            self._close(mark)
        elif self._open and type(self._open[-1]) is dict:
            self._member(token)
        else:
            self._value(token)

    def _next(self) -> re.Match[str]:
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            raise ValueError(f"no JSON at {self._at}")
        self._at = token.end()
        return token

    def _go_on(self, mark: str | None) -> None:
        if mark == ",":
            self._after = False
        else:
            self._close(mark)

    def _close(self, mark: str | None) -> None:
        if mark != ("}" if type(self._open[-1]) is dict else "]"):
            raise ValueError("a container is not closed")
        self._complete(self._open.pop())

    def _member(self, token: re.Match[str]) -> None:
        if token["string"] is None:
            raise ValueError("a member without a name")
        self._keys.append(_string(token["string"]))
        if self._next()["mark"] != ":":
            raise ValueError("a member without a value")
        self._value(self._next())

    def _value(self, token: re.Match[str]) -> None:
        mark = token["mark"]
        if mark in ("{", "["):
            self._open.append({} if mark == "{" else [])
            self._fresh = True
        elif mark:
            raise ValueError("a value is missing")
        else:
            self._complete(_scalar(token))

    def _complete(self, value: Any) -> None:
        self._fresh = False
        self._after = True
        if not self._open:
            self.result = value
            self.finished = True
            if _SPACE.fullmatch(self._text, self._at) is None:
                raise ValueError("something follows the value")
            return
        parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
        else:
            name = self._keys.pop()
            parent.pop(name, None)  # of namesakes the last counts, in its own place
            parent[name] = value


def _scalar(token: re.Match[str]) -> Any:
    if token["string"] is not None:
        return _string(token["string"])
    if token["word"] is not None:
        return _WORDS[token["word"]]
    return _float(token["integer"], token["float"]) if token["float"] else _integer(token["integer"])


def _string(quoted: str) -> str:
    try:
        return _text(quoted)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(str(error)) from None


def _integer(digits: str) -> int:
    if len(digits) <= _CHUNK:
        return int(digits)
    if len(digits) > _MOST_DIGITS:
        raise ValueError("an integer of too many digits")
    return -_long(digits[1:]) if digits[0] == "-" else _long(digits)


def _long(digits: str) -> int:
    if len(digits) <= _CHUNK:
        return int(digits)
    lower = len(digits) // 2
    power: int = 10**lower
    return _long(digits[:-lower]) * power + _long(digits[-lower:])


def _float(integer: str, rest: str) -> float:
    """CouchDB multiplies by a power of ten where C's reader is out of range: `5e-324` reads as 0.0."""
    value = float(integer + rest)
    if math.isinf(value):
        raise ValueError("a number out of range")
    if abs(value) < _SMALLEST_NORMAL and "." not in rest and integer not in ("0", "-0"):
        exponent = int(rest[1:])
        return float(_integer(integer) * math.pow(10.0, exponent)) if exponent > -10_000 else 0.0
    return value


def odd(value: float) -> bool:
    """Whether msgspec spells a float otherwise than CouchDB, which writes as JavaScript does."""
    size = abs(value)
    return not 1e-5 <= size < 1e16 and (size != 0.0 or math.copysign(1.0, value) < 0.0)


def spell(value: float) -> str:
    """The shortest digits that read back: `100000.0`, `1e-7`, `1e+21`; -0.0 is `0.0`, NaN `null`."""
    if not math.isfinite(value):
        return "null"
    if value == 0.0:
        return "0.0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    sign = "-" if value < 0 else ""
    if not exponent:
        return sign + mantissa
    power = int(exponent)
    digits = (whole + fraction).rstrip("0") or "0"
    if -7 < power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    if 0 <= power < 21:
        return f"{sign}{digits.ljust(power + 1, '0')}.0"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{power:+d}"


def encode(value: Any) -> bytes:
    """Compact JSON text of a value nested as deeply as it likes."""
    out: list[bytes] = []
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is _Text:
            out.append(item.text)
        elif kind is dict:
            todo += _members(item)
        elif kind in (list, tuple):
            todo += _items(item)
        else:
            out.append(_print(item))
    return b"".join(out)


class _Text(msgspec.Struct, frozen=True):
    """Text that is ready, among the values still to print."""

    text: bytes


_COMMA: Final = _Text(b",")


def _members(item: dict[str, Any]) -> list[Any]:
    """What prints an object, the last first."""
    parts: list[Any] = [_Text(b"}")]
    for key, inner in reversed(item.items()):
        parts += (inner, _Text(_encode(key) + b":"), _COMMA)
    return [*parts[: -1 if item else None], _Text(b"{")]


def _items(item: list[Any] | tuple[Any, ...]) -> list[Any]:
    parts: list[Any] = [_Text(b"]")]
    for inner in reversed(item):
        parts += (inner, _COMMA)
    return [*parts[: -1 if item else None], _Text(b"[")]


def _print(item: Any) -> bytes:
    if type(item) is float:
        return spell(item).encode()
    if type(item) is int:
        return digits(item).encode()
    return _encode(item)


def digits(value: int) -> str:
    """An integer in decimal, of any size: Python refuses what is longer than 4,300 digits."""
    if value < 0:
        return "-" + digits(-value)
    if value.bit_length() <= 3 * _CHUNK:
        return str(value)
    lower = int(value.bit_length() * 0.30103) // 2
    high, low = divmod(value, 10**lower)
    return digits(high) + digits(low).rjust(lower, "0")
