"""Query strings: decoding as CouchDB decodes them, and the value kinds its endpoints share.

Owns no endpoint's list of parameters; those stand with the endpoint.
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from couchreg.errors import BadRequest, QueryParseError
from couchreg.model import json

# Larger numbers than any count or sequence; CouchDB has no limit, SQLite has.
LARGEST = 2**62


def unquote(text: str, *, plus: bool = True) -> str:
    """Percent-decoding of one path part or query word; `plus` reads "+" as a blank."""
    if plus and "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def unquote_path(text: str, *, plus: bool) -> str:
    """`unquote` of a path part, most of which need none."""
    return unquote(text, plus=plus) if "%" in text or "+" in text else text


def check_encoding(raw: str) -> None:
    """Raises BadRequest for a "%" that two hex digits do not follow."""
    position = raw.find("%")
    while position >= 0:
        digits = raw[position + 1 : position + 3]
        if len(digits) < 2 or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise BadRequest("invalid_url_encoding")
        position = raw.find("%", position + 1)


def parse_query(raw: str) -> list[tuple[str, str]]:
    """The pairs of a query string in order, divided by `&` or `;`; a name without "=" has the value ""."""
    pairs = []
    for word in raw.replace(";", "&").split("&"):
        if word:
            name, _, value = word.partition("=")
            pairs.append((unquote(name), unquote(value)))
    return pairs


def json_value(text: str) -> Any:
    """A parameter whose value is JSON (`key`, `startkey`, …). Raises BadRequest."""
    return json.decode(text.encode("utf-8", "surrogateescape"))


def parse_int(text: str) -> int | None:
    """A decimal integer as Erlang reads one (no blanks, no underscores), None for other text."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 1000 else None


def integer(text: str) -> int:
    """An integer. Raises QueryParseError."""
    number = parse_int(text)
    if number is None:
        raise QueryParseError(f'Invalid value for integer: "{text}"')
    return max(-LARGEST, min(number, LARGEST))
