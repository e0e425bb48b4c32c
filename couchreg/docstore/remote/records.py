"""Documents as they lie in a CouchDB, and as the port has them. Pure.

To CouchDB the records of attachments are one more member of the document, `couchreg_attachments`. Nobody
beyond this room sees it, and no client can write it: whoever could would read any file of the blob store.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from couchreg.docstore.base import Attachment, Edit, LocalDocument, Revision
from couchreg.errors import CouchregError, Failure, NotImplementedHere
from couchreg.model import json
from couchreg.model.document import KEPT

RECORDS: Final = "couchreg_attachments"
_NULL: Final = b"null"
_SPECIAL: Final[Sequence[str]] = ("_revisions", "_revs_info")


class _Record(msgspec.Struct, frozen=True):
    """What stands in the document for one attachment. `revpos` 0: of the revision in which it stands."""

    content_type: str
    revpos: int
    digest: str
    length: int
    sha256: str
    key: str
    encoding: str = "identity"
    encoded_length: int | None = None


_records: Final = msgspec.json.Decoder(dict[str, _Record]).decode


class ReadDocument(NamedTuple):
    """A document of CouchDB taken apart. `attachments` is None where its records cannot be understood."""

    id: str
    rev: str
    deleted: bool
    members: bytes
    attachments: tuple[Attachment, ...] | None
    own_files: bool  # it has attachments that lie in CouchDB itself
    special: dict[str, Any]  # `_revisions`, `_revs_info`

    def revision(self) -> Revision:
        """Raises NotImplementedHere and Failure for what can only be shown with less than it has."""
        if self.own_files:
            raise NotImplementedHere(
                f"The document {json.brief(self.id)} has attachments that lie in CouchDB itself: couchreg has"
                " only those that were written through it."
            )
        if self.attachments is None:
            raise Failure(
                f"The document {json.brief(self.id)} says in {RECORDS} something that couchreg has not"
                " written there.",
                error="file_corrupt",
            )
        return Revision(self.id, self.rev, self.deleted, self.members, self.attachments)

    @property
    def history(self) -> tuple[str, ...]:
        """The revisions of `_revisions`, newest first."""
        found = self.special.get("_revisions") or {}
        start = found.get("start", 0)
        return tuple([f"{start - depth}-{name}" for depth, name in enumerate(found.get("ids", ()))])


def read(text: bytes | msgspec.Raw) -> ReadDocument:
    """Raises Failure for what is no document."""
    try:
        parts = json.parts(text)
        special = {name: parts.pop(name) for name in list(parts) if name[:1] == "_" and name not in KEPT}
        doc_id, rev = json.decode_own(bytes(special["_id"])), json.decode_own(bytes(special["_rev"]))
    except (CouchregError, KeyError):
        raise Failure("The CouchDB behind this server answered with something that is no document.") from None
    records = parts.pop(RECORDS, None)
    members = b",".join([json.quote(name) + b":" + bytes(value) for name, value in parts.items()])
    more = {name: json.decode_own(bytes(special[name])) for name in _SPECIAL if name in special}
    deleted = bytes(special.get("_deleted", b"false")) == b"true"
    attachments = () if records is None else _attachments(bytes(records), rev)
    return ReadDocument(doc_id, rev, deleted, members, attachments, "_attachments" in special, more)


def is_there(doc: msgspec.Raw) -> bool:
    """Whether a member with a document has one."""
    return bytes(doc) not in (b"", _NULL)


def read_local(text: bytes) -> LocalDocument:
    """Raises Failure for what is no document."""
    found = read(text)
    return LocalDocument(found.id, found.rev, found.members)


def _attachments(text: bytes, rev: str) -> tuple[Attachment, ...] | None:
    try:
        found = _records(text)
        generation = int(rev[: rev.index("-", 1)])
        return tuple([_attachment(name, one, generation) for name, one in found.items()])
    except ValueError:  # a msgspec.ValidationError and a binascii.Error are ones, too
        return None


def _attachment(name: str, one: _Record, generation: int) -> Attachment:
    if not one.digest.startswith("md5-"):
        raise ValueError(one.digest)
    return Attachment(
        name,
        one.content_type,
        one.revpos or generation,
        b64decode(one.digest[4:], validate=True),
        one.length,
        one.length if one.encoded_length is None else one.encoded_length,
        one.encoding,
        one.sha256,
        one.key,
    )


def _shown(attachment: Attachment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "content_type": attachment.content_type,
        "revpos": attachment.revpos,
        "digest": "md5-" + b64encode(attachment.digest).decode(),
        "length": attachment.length,
    }
    if attachment.encoding != "identity":
        shown |= {"encoding": attachment.encoding, "encoded_length": attachment.stored_length}
    return shown | {"sha256": attachment.sha256, "key": attachment.key}


def write(edit: Edit, attachments: Sequence[Attachment]) -> bytes:
    """An edit as `_bulk_docs` takes it."""
    value: dict[str, Any] = {"_id": edit.id}
    if edit.rev is not None:
        value["_rev"] = edit.rev
        if edit.history:
            start = int(edit.rev[: edit.rev.index("-", 1)])
            value["_revisions"] = {"start": start, "ids": list(edit.history)}
    if edit.deleted:
        value["_deleted"] = True
    return json.encode(value | body_of(edit.body, attachments))


def body_of(body: Mapping[str, Any], attachments: Sequence[Attachment]) -> dict[str, Any]:
    """The members of a document as CouchDB sees it."""
    if not attachments:
        return dict(body)
    return {**body, RECORDS: {one.name: _shown(one) for one in attachments}}
