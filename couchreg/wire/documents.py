"""Documents as CouchDB writes them: the JSON text, member by member, in CouchDB's order.

A document is `_id`, `_rev`, its own members, `_deleted`, `_revisions`, `_revs_info`, `_conflicts`,
`_deleted_conflicts`, `_local_seq`, `_attachments`. Stored members are ready bytes and are only
joined here, never parsed. This room does no I/O: where the data of an attachment belongs into the
text, `pieces` leaves the attachment itself for the caller to stream.

See https://docs.couchdb.org/en/stable/api/document/common.html.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from msgspec import Struct

from couchreg.model.json import quote, texts


class AttachmentRecord(Protocol):
    """What the text of an `_attachments` member needs to know of an attachment."""

    @property
    def name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def revpos(self) -> int: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def length(self) -> int: ...
    @property
    def stored_length(self) -> int: ...
    @property
    def encoding(self) -> str: ...


A = TypeVar("A", bound=AttachmentRecord)


@dataclass(frozen=True, slots=True)
class Shape:
    """How attachments are shown: as stubs, with their data inline, or as parts that follow.

    Those whose `revpos` is not above `known_revpos` stay stubs (CouchDB's `atts_since`).
    """

    data: bool = False
    follows: bool = False
    encoding_info: bool = False
    known_revpos: int | None = None

    def shows_data(self, attachment: AttachmentRecord) -> bool:
        return self.data and (self.known_revpos is None or attachment.revpos > self.known_revpos)


class _Name(Struct, gc=False):
    _id: str
    _rev: str


_FIRST, _BETWEEN, _LAST = b'[{"_id":', b'},{"_id":', b"}]"
STUBS = Shape()
LARGE = 256 << 10  # bytes of members that are better not copied


def document(
    doc_id: str,
    rev: str,
    deleted: bool,
    members: bytes,
    attachments: Sequence[AttachmentRecord] = (),
    extras: bytes = b"",
    encoding_info: bool = False,
) -> bytes:
    """The whole document with its attachments as stubs; `extras` are ready members (`,"_x":…`)."""
    text = document_head(doc_id, rev, deleted, members) + extras
    if attachments:
        shape = Shape(encoding_info=True) if encoding_info else STUBS
        text += b',"_attachments":{' + b",".join(_described(a, shape) for a in attachments) + b"}"
    return text + b"}"


def plain(found: Sequence[tuple[str, str, bytes]]) -> list[bytes]:
    """As `document` of each id, revision and members, of those that live, have members and no attachments:
    nearly all are so, and this is quicker."""
    if not found:
        return []
    names = texts([_Name(doc_id, rev) for doc_id, rev, _ in found])
    # No string of JSON has a quote that is not escaped: what parts two objects stands in none of them.
    heads = names[len(_FIRST) : -len(_LAST)].split(_BETWEEN)
    return [b'{"_id":%b,%b}' % (head, row[2]) for head, row in zip(heads, found, strict=True)]


def document_head(doc_id: str, rev: str, deleted: bool, members: bytes) -> bytes:
    """A document up to and with `_deleted`, without the closing brace."""
    return b'{"_id":%b,"_rev":%b%b%b%b' % (
        quote(doc_id),
        quote(rev),
        b"," if members else b"",
        members,
        b',"_deleted":true' if deleted else b"",
    )


def opened(doc_id: str, rev: str, deleted: bool, members: bytes) -> tuple[list[bytes], bytes]:
    """`document_head` as pieces that come first and what goes on behind them: long members are not copied."""
    if len(members) <= LARGE:
        return [], document_head(doc_id, rev, deleted, members)
    front = b'{"_id":%b,"_rev":%b,' % (quote(doc_id), quote(rev))
    return [front, members], b',"_deleted":true' if deleted else b""


def pieces(head: bytes, attachments: Sequence[A], shape: Shape) -> list[bytes | A]:
    """A document as text and, where base64 data belongs between quotes, the attachments themselves.

    `head` is `document_head` and the extra members.
    """
    if not attachments:
        return [head + b"}"]
    found: list[bytes | A] = []
    texts = [head, b',"_attachments":{']
    for index, attachment in enumerate(attachments):
        if index:
            texts.append(b",")
        if shape.follows or not shape.shows_data(attachment):
            texts.append(_described(attachment, shape))
            continue
        found += [b"".join([*texts, _begun(attachment), b',"data":"']), attachment]
        texts = [b'"', _encoding_info(attachment, shape), b"}"]
    found.append(b"".join([*texts, b"}}"]))
    return found


def pieces_length(parts: Iterable[bytes | AttachmentRecord]) -> int | None:
    """How long the text will be, or None when an attachment's decoded length is not known."""
    total = 0
    for part in parts:
        if isinstance(part, bytes):
            total += len(part)
        elif identity_length(part) is None:
            return None
        else:
            total += (part.length + 2) // 3 * 4
    return total


def identity_length(attachment: AttachmentRecord) -> int | None:
    """The length without the encoding; None for what arrived encoded, so that nobody counted it."""
    if attachment.encoding != "identity" and attachment.length == attachment.stored_length:
        return None
    return attachment.length


def digest_text(attachment: AttachmentRecord) -> bytes:
    return b64encode(attachment.digest)


def _begun(attachment: AttachmentRecord) -> bytes:
    return b'%b:{"content_type":%b,"revpos":%d,"digest":"md5-%b"' % (
        quote(attachment.name),
        quote(attachment.content_type),
        attachment.revpos,
        digest_text(attachment),
    )


def _described(attachment: AttachmentRecord, shape: Shape) -> bytes:
    follows = shape.follows and shape.shows_data(attachment)
    return b'%b,"length":%d,"%b":true%b}' % (
        _begun(attachment),
        attachment.length,
        b"follows" if follows else b"stub",
        _encoding_info(attachment, shape),
    )


def _encoding_info(attachment: AttachmentRecord, shape: Shape) -> bytes:
    if not shape.encoding_info or attachment.encoding == "identity":
        return b""
    return b',"encoding":%b,"encoded_length":%d' % (quote(attachment.encoding), attachment.stored_length)


# -- extra members, each with its leading comma; empty when there is nothing to say


def revisions_member(history: Sequence[str]) -> bytes:
    """`_revisions` of a history, newest first (`["3-c", "2-b", "1-a"]`)."""
    if not history:
        return b""
    start = history[0][: history[0].index("-", 1)]
    ids = [rev[rev.index("-", 1) + 1 :] for rev in history]
    return b',"_revisions":{"start":%b,"ids":%b}' % (start.encode(), texts(ids))


def revs_info_member(infos: Iterable[tuple[str, str]]) -> bytes:
    """`_revs_info` of (revision, "available" | "missing" | "deleted"), newest first."""
    rows = b",".join(b'{"rev":%b,"status":"%b"}' % (quote(rev), status.encode()) for rev, status in infos)
    return b',"_revs_info":[%b]' % rows


def conflicts_member(revs: Sequence[str]) -> bytes:
    return b',"_conflicts":' + texts(revs) if revs else b""


def deleted_conflicts_member(revs: Sequence[str]) -> bytes:
    return b',"_deleted_conflicts":' + texts(revs) if revs else b""


def local_seq_member(seq: int) -> bytes:
    return b',"_local_seq":%d' % seq


def joined(parts: Iterable[bytes | A]) -> list[bytes | A]:
    """Neighbouring texts made one, so that few pieces are sent; a large one stands by itself."""
    found: list[bytes | A] = []
    texts: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes) and len(part) <= LARGE:
            texts.append(part)
            continue
        found += [b"".join(texts), part]
        texts = []
    if texts:
        found.append(b"".join(texts))
    return found
