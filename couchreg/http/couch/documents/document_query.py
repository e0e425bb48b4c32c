"""The query string of a document request, and the header that may name a revision beside it.

Parameters and their meaning: https://docs.couchdb.org/en/stable/api/document/common.html. What is no
boolean, and what nobody knows, is ignored as CouchDB does; a malformed revision is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from couchreg.errors import BadRequest
from couchreg.http.couch.frame.params import json_value
from couchreg.model.revid import CANONICAL, canonical
from couchreg.wire.documents import STUBS, Shape

FLAGS = frozenset(
    {
        "att_encoding_info",
        "attachments",
        "conflicts",
        "deleted",
        "deleted_conflicts",
        "latest",
        "local_seq",
        "revs",
        "revs_info",
    }
)
META = frozenset({"revs_info", "conflicts", "deleted_conflicts"})
NEEDS_TREE = META | {"revs", "local_seq"}


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    flags: frozenset[str] = frozenset()
    rev: str | None = None
    open_revs: tuple[str, ...] = ()
    all_leafs: bool = False
    atts_since: tuple[str, ...] | None = None
    new_edits: bool = True

    @property
    def wants_open_revs(self) -> bool:
        return self.all_leafs or bool(self.open_revs)

    @property
    def wants_history(self) -> bool:
        return "revs" in self.flags or self.atts_since is not None

    def shape(self, history: Iterable[str] = (), *, follows: bool = False) -> Shape:
        """How to show the attachments of a revision with this history."""
        if not follows and not self.flags and self.atts_since is None:
            return STUBS  # as nearly always
        data = follows or self.atts_since is not None or "attachments" in self.flags
        known = None if self.atts_since is None else common_generation(history, self.atts_since)
        info = follows or "att_encoding_info" in self.flags
        return Shape(data=data, follows=follows, encoding_info=info, known_revpos=known)


PLAIN = DocumentQuery()


def parse_document_query(pairs: Iterable[tuple[str, str]]) -> DocumentQuery:
    """Raises BadRequest for malformed revisions and malformed JSON."""
    flags: set[str] = set()
    found: dict[str, Any] = {}
    for name, value in pairs:
        if value == "true" and (name in FLAGS or name == "meta"):
            flags.update(META if name == "meta" else (name,))
        elif name in _VALUES:
            found.update(_VALUES[name](value))
    return DocumentQuery(frozenset(flags), **found)


def _open_revs(value: str) -> dict[str, Any]:
    if value == "all":
        return {"all_leafs": True, "open_revs": ()}
    return {"all_leafs": False, "open_revs": parse_revs(json_value(value))}


def _new_edits(value: str) -> dict[str, Any]:
    return {"new_edits": value == "true"} if value in ("true", "false") else {}


_VALUES = {
    "rev": lambda value: {"rev": parse_rev(value)},
    "open_revs": _open_revs,
    "atts_since": lambda value: {"atts_since": parse_revs(json_value(value))},
    "new_edits": _new_edits,
}


def parse_rev(value: Any) -> str:
    """A revision in its one spelling. Raises BadRequest("Invalid rev format")."""
    if isinstance(value, str) and CANONICAL.match(value):  # before looking at it any further
        return value
    if not isinstance(value, str) or not is_utf8(value):
        raise BadRequest("Invalid rev format")
    return canonical(value)


def parse_revs(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadRequest("Invalid list of revisions")
    return tuple(map(parse_rev, value))


def header_rev(if_match: str | None, explicit: str | None) -> str | None:
    """The revision to edit, from the If-Match header and from elsewhere. Raises BadRequest."""
    if if_match is None:
        return explicit
    matched = parse_rev(if_match.strip('"'))
    if explicit is not None and explicit != matched:
        raise BadRequest("Document rev and etag have different values")
    return matched


def common_generation(history: Iterable[str], known: Iterable[str]) -> int:
    """The generation of the youngest of a revision's ancestors (itself among them) that is known."""
    known = frozenset(known)
    for rev in history:
        if rev in known:
            return int(rev[: rev.index("-", 1)])
    return 0


def is_utf8(text: str) -> bool:
    """Whether a decoded path part or parameter was UTF-8 (what was not, holds escaped bytes)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
