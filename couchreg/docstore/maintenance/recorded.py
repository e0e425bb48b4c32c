"""A revision as it is recorded in the blob store, from which a database can be made again.

One JSON object for each leaf revision of a document: its id, revision and history, its attachments'
records, and its own members as they stand in the database, so that values, their order and with them
the revision ids are kept. Pure; the keys are `layout`'s.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from couchreg.docstore.base import Attachment, Edit, Revision
from couchreg.errors import BadRequest, Failure
from couchreg.model import json

FORMAT = 1


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
    return json.encode(head)[:-1] + b',"document":{' + revision.members + b"}}"


def decode(data: bytes) -> Edit:
    """The write (`new_edits=False`) that brings a recorded revision back. Raises Failure."""
    try:
        found = json.decode(data)
        if found["couchreg"] != FORMAT:
            raise Failure(f"A record has the format {found['couchreg']!r}, which this version does not know.")
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
