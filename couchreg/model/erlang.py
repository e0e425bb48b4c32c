"""Erlang's ways to print a value (`~w` and `~p`), which some of CouchDB's error sentences contain.

Owns only the text of decoded JSON: `<<97,98>>` for "ab", `{[{<<97>>,1}]}` for {"a": 1}. Values may be nested
as deeply and numbers have as many digits as they like; of what is very long only the beginning is told.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from couchreg.model.exactjson import digits

LONGEST: Final = 65_536  # characters, about; CouchDB has no bound
PRINTABLE: Final = re.compile(rb"[\n\r\t -~]*")
_WORDS: Final = {None: "null", True: "true", False: "false"}


class _Sign(str):
    """Text that is ready, among the values still to print."""

    __slots__ = ()


_OPEN, _CLOSE, _COMMA = _Sign("["), _Sign("]"), _Sign(",")
_OBJECT, _MEMBER, _END, _ENDS = _Sign("{["), _Sign("{"), _Sign("}"), _Sign("]}")


def show(value: Any) -> str:
    """A JSON value as Erlang writes the term that CouchDB keeps of it."""
    return _written(value, is_pretty=False)


def pretty(value: Any) -> str:
    """As `show`, with plain text for what it is: `<<"ab">>`. Long values are not broken into lines."""
    return _written(value, is_pretty=True)


def _written(value: Any, *, is_pretty: bool) -> str:
    parts, length, todo = [], 0, [value]
    while todo and length < LONGEST:
        item = todo.pop()
        if type(item) in (dict, list):
            todo += reversed([*(_members(item) if type(item) is dict else _items(item))])
            continue
        parts.append(item if type(item) is _Sign else _scalar(item, is_pretty=is_pretty))
        length += len(parts[-1])
    return "".join(parts) + ("..." if todo else "")


def _members(value: dict[str, Any]) -> Iterator[Any]:
    yield _OBJECT
    for number, (name, inner) in enumerate(value.items()):
        if number:
            yield _COMMA
        yield from (_MEMBER, name, _COMMA, inner, _END)
    yield _ENDS


def _items(value: list[Any]) -> Iterator[Any]:
    yield _OPEN
    for number, inner in enumerate(value):
        if number:
            yield _COMMA
        yield inner
    yield _CLOSE


def _scalar(value: Any, *, is_pretty: bool) -> str:
    kind = type(value)
    if kind is str:
        data = value.encode()
        if is_pretty and data and PRINTABLE.fullmatch(data):
            text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'<<"{text}">>'
        return f"<<{','.join(map(str, data[:LONGEST]))}{',...' if len(data) > LONGEST else ''}>>"
    if kind is float:
        return _float(value)
    if kind is int:
        return digits(value)
    return _WORDS[value]


def _float(value: float) -> str:
    """Shortest digits, with a point always; the exponent form when it is the shorter one."""
    mantissa, _, exponent = repr(value).partition("e")
    if exponent:
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent)}"
    scientific = _scientific(mantissa)
    return scientific if len(scientific) < len(mantissa) else mantissa


def _scientific(plain: str) -> str:
    sign, digits = ("-", plain[1:]) if plain[0] == "-" else ("", plain)
    whole, fraction = digits.split(".")
    significant = (whole + fraction).strip("0") or "0"
    if whole != "0":
        power = len(whole) - 1
    else:
        power = len(fraction.lstrip("0")) - len(fraction) - 1 if fraction.strip("0") else 0
    return f"{sign}{significant[0]}.{significant[1:] or '0'}e{power}"
