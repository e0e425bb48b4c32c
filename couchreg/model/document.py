"""What a document may look like: ids, the members with an underscore, and CouchDB's words for what is wrong.

Owns the checks that need nothing but the document itself. Does not own conflicts (the engine), who may
write (`auth`), sizes (the door, which knows the settings) nor what an attachment says of itself
(`docstore/attachments`). Source: the "Documents" chapter of the CouchDB API reference.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from couchreg.errors import BadRequest, DocValidation, IllegalDocid
from couchreg.model.revid import HEX, canonical, parse_id

NEEDS_REV: Final = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"

_HIGHEST: Final = 10**1000  # generation: beyond all reason, and Python prints no more than 4300 digits

# Members that a reader adds and a writer sends back; CouchDB drops them.
_DROPPED: Final = frozenset({"_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts"})
# Members that the replicator writes into its documents; they belong to the body.
KEPT: Final = frozenset(
    {
        "_access",
        "_replication_state",
        "_replication_state_time",
        "_replication_state_reason",
        "_replication_id",
        "_replication_stats",
    }
)


class Parsed(msgspec.Struct):
    """A document as a client sent it, its underscore members taken apart.

    `body` are its own members in the order received. `rev` is in its one spelling. `history` are the
    revision ids of `_revisions`, newest first, the revision's own among them; for a replicated
    document without `_revisions` it is the revision's alone, for an ordinary edit empty.
    """

    id: str | None = None
    rev: str | None = None
    deleted: bool = False
    body: dict[str, Any] = {}
    attachments: dict[str, Any] | None = None
    history: tuple[str, ...] = ()


def parse(value: Any, *, new_edits: bool, id: str | None = None) -> Parsed:
    """Take a JSON value apart as a document. `id` is the id of the URL, which counts before `_id`.

    Raises BadRequest, DocValidation or IllegalDocid, for the first member that is wrong.
    """
    if type(value) is not dict:
        raise BadRequest("Document must be a JSON object")
    parsed = Parsed(body=value.copy())
    for name in [key for key in value if key[:1] == "_"]:
        if name in KEPT:
            continue
        member = parsed.body.pop(name)
        if name not in _DROPPED:
            _TAKE.get(name, _refuse)(parsed, name, member)
    if id is not None:
        check_docid(id)
        parsed.id = id
    if not new_edits and not parsed.history:
        if parsed.rev is None:
            raise BadRequest(NEEDS_REV)
        parsed.history = (parsed.rev[parsed.rev.index("-", 1) + 1 :],)
    return parsed


def check_docid(id: Any, *, longest: int | None = None) -> None:
    """Raises IllegalDocid unless a document may have this id. `longest` is in bytes of UTF-8."""
    if type(id) is not str:
        raise IllegalDocid("Document id must be a string")
    if not id:
        raise IllegalDocid("Document id must not be empty")
    try:
        size = len(id.encode())
    except UnicodeEncodeError:
        raise IllegalDocid("Document id must be valid UTF-8") from None
    if longest is not None and size > longest:
        raise IllegalDocid("Document id is too long")
    if id[0] == "_":
        _check_reserved(id)


def _check_reserved(id: str) -> None:
    if id in ("_design/", "_local/"):
        raise IllegalDocid(f"Illegal document id `{id}`")
    if not id.startswith(("_design/", "_local/")):
        raise IllegalDocid("Only reserved document ids may start with underscore.")


def _take_id(parsed: Parsed, name: str, member: Any) -> None:
    check_docid(member)
    parsed.id = member


def _take_rev(parsed: Parsed, name: str, member: Any) -> None:
    if parsed.history:
        return  # `_revisions` came before and counts
    if type(member) is not str:
        raise BadRequest("Invalid rev format")
    parsed.rev = canonical(member)


def _take_deleted(parsed: Parsed, name: str, member: Any) -> None:
    if type(member) is not bool:
        _refuse(parsed, name, member)
    parsed.deleted = member


def _take_attachments(parsed: Parsed, name: str, member: Any) -> None:
    """CouchDB passes over attachments that are no objects."""
    if type(member) is not dict:
        _refuse(parsed, name, member)
    parsed.attachments = {key: shape for key, shape in member.items() if type(shape) is dict}


def _take_revisions(parsed: Parsed, name: str, member: Any) -> None:
    if type(member) is not dict:
        _refuse(parsed, name, member)
    start, ids = member.get("start"), member.get("ids")
    if type(start) is not int or abs(start) > _HIGHEST:
        raise DocValidation("_revisions.start isn't an integer.")
    if type(ids) is not list:
        raise DocValidation("_revisions.ids isn't a array.")
    parsed.history = tuple([id if type(id) is str and HEX.match(id) else _revision(id) for id in ids])
    parsed.rev = f"{start}-{parsed.history[0]}" if ids else None


def _revision(id: Any) -> str:
    if type(id) is not str:
        raise DocValidation("RevId isn't a string")
    try:
        return parse_id(id)
    except BadRequest:
        raise DocValidation("RevId isn't a valid hexadecimal") from None


def _refuse(parsed: Parsed, name: str, member: Any) -> None:
    raise DocValidation(f"Bad special document member: {name}")


_TAKE: Final[dict[str, Callable[[Parsed, str, Any], None]]] = {
    "_id": _take_id,
    "_rev": _take_rev,
    "_deleted": _take_deleted,
    "_attachments": _take_attachments,
    "_revisions": _take_revisions,
}
