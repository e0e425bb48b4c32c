"""A revision as it is recorded in the blob store, from which a database can be made again.

One JSON object for each leaf revision of a document: its id, revision and history, its attachments'
records, and its own members as they stand in the database, so that values, their order and with them
the revision ids are kept. Pure; the keys are `layout`'s.

A revision id is a hash of what the revision says, so a record proves itself, unless other software has
chosen the id. Where it matters that nothing has changed such a record is sealed: its last member is the
SHA-256 of all the bytes before.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from couchreg.docstore.base import Attachment, Edit, Revision
from couchreg.errors import BadRequest, Failure
from couchreg.model import json
from couchreg.model.revid import revision_id

FORMAT = 1
_DOCUMENT: Final = b',"document":'  # not in a text: there the quotes have a backslash
_SEAL: Final = re.compile(rb',"sha256":"([0-9a-f]{64})"}\Z')
_KINDS: Final = {"id": str, "rev": str, "deleted": bool, "history": list, "document": dict}


def encode(revision: Revision, history: tuple[str, ...]) -> bytes:
    """The record; `history` is newest first, with the revision itself."""
    head = {
        "couchreg": FORMAT,
        "id": revision.id,
        "rev": revision.rev,
        "deleted": revision.deleted,
        "history": list(history),
        "attachments": [_shown(att) for att in revision.attachments],
    }
    return json.encode(head)[:-1] + _DOCUMENT + b"{" + revision.members + b"}}"


def decode(data: bytes) -> Edit:
    """The write (`new_edits=False`) that brings a recorded revision back. Raises Failure."""
    try:
        found = json.decode(data)
        if found["couchreg"] != FORMAT:
            raise Failure(f"A record has the format {found['couchreg']!r}, which this version does not know.")
        for member, kind in _KINDS.items():
            if not isinstance(found[member], kind):
                raise TypeError(f"{member} is no {kind.__name__}")
        history = tuple(rev.partition("-")[2] for rev in found["history"])
        return Edit(
            found["id"],
            found["rev"],
            found["deleted"],
            found["document"],
            tuple([_read(item) for item in found["attachments"]]),
            history,
        )
    except (BadRequest, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Failure(f"A record of the datastore cannot be read: {error!r}.") from error


def seal(data: bytes) -> bytes:
    """A record that tells when it has been altered."""
    return data[:-1] + b',"sha256":"' + hashlib.sha256(data[:-1]).hexdigest().encode() + b'"}'


def is_sealed(data: bytes) -> bool:
    """Whether a record has a seal. Raises Failure for one that is broken."""
    found = _SEAL.search(data)
    if found is not None and hashlib.sha256(data[: found.start()]).hexdigest().encode() != found[1]:
        raise Failure(
            "A record of the datastore has been altered: it does not have the SHA-256 that it states."
        )
    return found is not None


def follows(edit: Edit) -> bool | None:
    """Whether the revision's id is the one that CouchDB gives this content after this parent; None where the
    parent is not known."""
    rev = edit.rev or ""
    generation = int(rev.partition("-")[0])
    if generation > 1 and len(edit.history) < 2:
        return None
    parent = f"{generation - 1}-{edit.history[1]}" if generation > 1 else None
    attachments = [(a.name, a.content_type, a.digest) for a in edit.attachments if isinstance(a, Attachment)]
    return rev == revision_id(deleted=edit.deleted, parent=parent, body=edit.body, attachments=attachments)


def are_same(one: bytes, other: bytes) -> bool:
    """Whether two records are of one revision: ancestors, of which a database keeps a number, and seals may
    differ."""
    heads, documents = [], []
    for data in (one, other):
        head, _, document = data.partition(_DOCUMENT)
        sealed = _SEAL.search(document)
        documents.append(document[: sealed.start()] if sealed else document[:-1])
        try:
            members = json.decode(head + b"}")
        except BadRequest:
            return False
        heads.append({**members, "history": None} if isinstance(members, dict) else None)
    return heads[0] == heads[1] and documents[0] == documents[1]


def _shown(att: Attachment) -> dict[str, Any]:
    return {
        "name": att.name,
        "content_type": att.content_type,
        "revpos": att.revpos,
        "md5": b64encode(att.digest).decode(),
        "sha256": att.sha256,
        "length": att.length,
        "stored_length": att.stored_length,
        "encoding": att.encoding,
        "key": att.key,
    }


def _read(item: Mapping[str, Any]) -> Attachment:
    return Attachment(
        item["name"],
        item["content_type"],
        item["revpos"],
        b64decode(item["md5"], validate=True),
        item["length"],
        item["stored_length"],
        item["encoding"],
        item["sha256"],
        item["key"],
    )
