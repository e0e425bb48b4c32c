"""Revision ids: how CouchDB derives them, bit for bit, and how they are read.

Owns the hash and the text form `"<generation>-<id>"`. The same edit made here, on a mirror and on a
CouchDB gets the same id, so that it is never a conflict. Does not own the tree (`revtree`).

A revision id is the MD5 of the Erlang term `[Deleted, Generation, Parent, Body, Attachments]`, where
`Generation` and `Parent` are the parent's (0 and 0 without one) and `Attachments` are
`{Name, Type, Md5}` triples, the last received first.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from couchreg.errors import BadRequest
from couchreg.model import etf

_START: Final = b"\x83l\x00\x00\x00\x05"  # the version byte and a list of five
_HEAD: Final = {True: _START + etf.TRUE, False: _START + etf.FALSE}
_ROOT: Final = {deleted: head + b"a\x00a\x00" for deleted, head in _HEAD.items()}
_NO_ATTACHMENTS: Final = etf.NIL + etf.NIL  # an empty list, and the end of the outer one
_POSITION: Final = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
HEX: Final = re.compile(r"[0-9a-f]{32}\Z")
CANONICAL: Final = re.compile(r"[1-9][0-9]{0,9}-[0-9a-f]{32}\Z")  # as nearly all are
_MOST_DIGITS: Final = 1000  # of a generation; Python's int() refuses more than 4300


def revision_id(
    *, deleted: bool, parent: str | None, body: dict[str, Any], attachments: Sequence[tuple[str, str, bytes]]
) -> str:
    """The id of the revision that an edit makes, `"<generation>-<32 hex digits>"`.

    `parent` is the revision edited, in the form of `parse_rev`, or None; `body` the document's own
    members in the order received; `attachments` are (name, content type, MD5 of the stored bytes) in
    the order received.
    """
    if parent is None:
        generation = 0
        head = _ROOT[deleted]
    else:
        dash = parent.index("-", 1)
        generation = int(parent[:dash])
        head = _HEAD[deleted] + etf.integer(generation) + etf.binary(raw(parent[dash + 1 :]))
    tail = _attachments(attachments) if attachments else _NO_ATTACHMENTS
    term = b"".join((head, etf.encode(body), tail))
    return f"{generation + 1}-{hashlib.md5(term, usedforsecurity=False).hexdigest()}"


def _attachments(attachments: Sequence[tuple[str, str, bytes]]) -> bytes:
    terms = [b"l" + len(attachments).to_bytes(4, "big")]
    for name, content_type, md5 in reversed(attachments):
        terms += (b"h\x03", etf.binary(name.encode()), etf.binary(content_type.encode()), etf.binary(md5))
    terms += (etf.NIL, etf.NIL)
    return b"".join(terms)


def raw(rev_id: str) -> bytes:
    """The bytes CouchDB keeps of the part behind the dash: 16 for 32 hex digits, else the text itself.

    Ties between revisions of one generation are broken by these bytes. Any text can be asked for.
    """
    if len(rev_id) == 32:
        try:
            return bytes.fromhex(rev_id)
        except ValueError:
            pass  # no revision of ours, and so nowhere to be found
    return rev_id.encode(errors="surrogatepass")


def parse_rev(text: str) -> tuple[int, str]:
    """`"3-ab"` -> `(3, "ab")`. 32 hex digits are lowered, any other id stands as it is.

    Raises BadRequest("Invalid rev format").
    """
    position, dash, rev = text.partition("-")
    if not dash or len(position) > _MOST_DIGITS or not _POSITION.match(position):
        raise BadRequest("Invalid rev format")
    return int(position), parse_id(rev)


def parse_id(rev_id: str) -> str:
    """The part behind the dash in its one spelling. Raises BadRequest for 32 bytes that are not hex.

    CouchDB shows any 16 bytes as hex, also those that came as text.
    """
    if HEX.match(rev_id):
        return rev_id
    try:
        data = rev_id.encode()
    except UnicodeEncodeError:
        raise BadRequest("Invalid rev format") from None
    if len(data) == 16:
        return data.hex()
    if len(data) != 32:
        return rev_id
    lowered = rev_id.lower()
    if not HEX.match(lowered):
        raise BadRequest("Invalid rev format")
    return lowered


def canonical(text: str) -> str:
    """`parse_rev` and back: `"01-ABC…"` -> `"1-abc…"`."""
    if CANONICAL.match(text):
        return text
    generation, rev = parse_rev(text)
    return f"{generation}-{rev}"
