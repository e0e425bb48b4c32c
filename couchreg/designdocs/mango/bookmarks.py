"""Where a query goes on: key and id of the last document, as text that clients only give back. Pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from couchreg.designdocs.mango.options import invalid_bookmark
from couchreg.errors import BadRequest
from couchreg.model import json

NONE = "nil"


class ResumePoint(NamedTuple):
    """A row: its key (a list of values, or an id) as JSON text, and the id of its document."""

    key: bytes
    id: str

    def text(self) -> str:
        packed = urlsafe_b64encode(b"[%b,%b]" % (self.key, json.quote(self.id)))
        return packed.decode().rstrip("=")


class Mark(NamedTuple):
    key: Any
    id: str


def read(bookmark: str, *, of_ids: bool) -> Mark:
    """Raises BadRequest for what is no bookmark of such a query."""
    try:
        padded = bookmark.encode() + b"=" * (-len(bookmark) % 4)
        value = json.decode(urlsafe_b64decode(padded))
    except (ValueError, BadRequest):
        raise invalid_bookmark(bookmark) from None
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], str):
        raise invalid_bookmark(bookmark)
    if not isinstance(value[0], str if of_ids else list):
        raise invalid_bookmark(bookmark)
    return Mark(*value)
