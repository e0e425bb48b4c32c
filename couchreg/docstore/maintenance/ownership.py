"""Whose documents the blob store belongs to, written into the store itself.

A sweep removes what no document refers to. Beside another database, or an empty one, that would be
everything: so a server first makes sure that the store is its own, or empty, and claims it.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from couchreg.blobstore.spool import once
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Store
from couchreg.errors import BadRequest, Forbidden, NotFound, StorageFailure, Unavailable
from couchreg.model import json
from couchreg.package.layout import CLAIMS, OWNER

NOTE = "Stop the server and remove it: the next start writes it again."
_SMALL = 4096  # bytes of the note that are read


class NotOurs(Forbidden):
    """The blob store is another server's, or holds what this one does not know."""


async def claim(store: Store, attachments: Attachments) -> None:
    """Make sure that the blob store is this server's. Raises NotOurs with a sentence, Unavailable."""
    owner = await _owner(attachments)
    if owner == store.uuid:
        return
    if owner == "":
        raise NotOurs(f"The note in the datastore that says whose it is, {OWNER}, is damaged. {NOTE}")
    if owner is not None:
        raise NotOurs(
            "The datastore belongs to another registry, or to one whose database was lost: "
            "couchreg rebuild can rebuild that database."
        )
    if not await _in_use(store) and await _holds_anything(attachments):
        raise NotOurs(
            "The datastore holds files that this registry has no documents of: couchreg rebuild "
            "takes them in, or choose an empty bucket or prefix."
        )
    await _write(store, attachments)


async def is_ours(store: Store, attachments: Attachments) -> bool:
    """Whether the blob store says that it is this server's. Raises Unavailable."""
    return await _owner(attachments) == store.uuid


async def take_over(store: Store, attachments: Attachments) -> None:
    """Make the blob store this server's, whosever it was: only for a database that has been rebuilt."""
    if await _owner(attachments) != store.uuid:
        await attachments.blobs.delete(OWNER)
        await _write(store, attachments)


async def _in_use(store: Store) -> bool:
    """Whether there are documents that blobs may belong to; the server's own do not count."""
    for name in await store.names():
        if not name.startswith("_") and await _holds_documents(store, name):
            return True
    return False


async def _holds_documents(store: Store, name: str) -> bool:
    """Also said of a database that cannot be read, for it was made to hold some."""
    try:
        info = await (await store.open(name)).info()
        return bool(info.doc_count or info.doc_del_count)
    except NotFound:
        return False
    except StorageFailure:
        return True


async def _owner(attachments: Attachments) -> str | None:
    if await attachments.blobs.info(OWNER) is None:
        return None
    data = b"".join([chunk async for chunk in attachments.blobs.open(OWNER, 0, _SMALL)])
    try:
        found = json.decode(data)
    except BadRequest:
        return ""
    return str(found.get("registry", "")) if isinstance(found, dict) else ""


async def _holds_anything(attachments: Attachments) -> bool:
    """But for what processes tell each other there."""
    async with aclosing(_keys(attachments)) as keys:
        return await anext(keys, None) is not None


async def _keys(attachments: Attachments) -> AsyncGenerator[str]:
    async for blob in attachments.blobs.keys():
        if not blob.key.startswith(CLAIMS):
            yield blob.key


async def _write(store: Store, attachments: Attachments) -> None:
    note, blobs = once(json.encode({"registry": store.uuid})), attachments.blobs
    if not await attachments.spool.put(blobs, OWNER, note, content_type="application/json"):
        raise Unavailable("Another registry is claiming the datastore at this moment.")
