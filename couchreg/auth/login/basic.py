"""The `Authorization: Basic …` header, read as CouchDB reads it (RFC 7617)."""

import base64
import binascii

from couchreg.errors import BadRequest

SCHEME = "Basic "


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """(name, password); None for no header, another scheme, or credentials without a colon: anonymous.

    `_:_` is CouchDB's way to say "nobody" in a browser that remembers a password. Raises BadRequest
    when the value is no base64.
    """
    if header is None or not header.startswith(SCHEME):
        return None
    try:
        decoded = base64.b64decode("".join(header[len(SCHEME) :].split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("Authorization header has invalid base64 value") from None
    name, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon or (name, password) == ("_", "_"):
        return None
    return name, password
