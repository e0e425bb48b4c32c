"""The datastore follower: writes descriptors beside the files of each version, and records of documents.

With `<name>/<version>/datapackage.json` the blob store alone is a set of valid data packages, which anyone
can read without couchreg; with `_registry/<id>/<rev>.json` for each leaf revision the database can be made
again from it. A publish is acknowledged after `caught_up(seq)` of this follower. It owns these keys and no
others: the files are attachments, and come and go with their documents.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.spool import SMALL, Spool, once
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Change, Database, Revision
from couchreg.docstore.maintenance import recorded
from couchreg.docstore.maintenance.described import built
from couchreg.docstore.notes import Notes
from couchreg.docstore.together import OwnTask, TaskOfOne
from couchreg.errors import Conflict, CouchregError
from couchreg.followers.base import BATCH, Checkpoint
from couchreg.model import json
from couchreg.package.layout import descriptor_key, record_folder, record_key
from couchreg.package.names import is_package_name, split_version_id
from couchreg.package.paths import DESCRIPTOR

log = logging.getLogger(__name__)

AT_ONCE = 32  # documents whose blobs are put at the same time
GATHERING = 1.0  # seconds of changes that one checkpoint may be behind
OTHER = "{0} is not what its document says: couchreg datastore check --deep --repair replaces it."
_NOTE = "follower-datastore"


class DatastoreFollower:
    """Its writes are never undone by a crash and harmless to repeat, so the checkpoint, in a note beside the
    database that is followed, may come after them, and nobody waits for it."""

    name = "datastore"
    bodies = True
    batch = BATCH
    linger = 0.0

    def __init__(
        self, attachments: Attachments, database: Database, notes: Notes, task: TaskOfOne | None = None
    ) -> None:
        """With `task` one process at a time follows, and others wait for its checkpoint."""
        self._attachments = attachments
        self._blobs: BlobStore = attachments.blobs
        self._spool: Spool = attachments.spool
        self._database = database
        self._notes = notes
        self._task = task or OwnTask()
        self._gathering = GATHERING if task is None else 0.0
        self._latest: Checkpoint | None = None  # to be written
        self._saving: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def checkpoint(self) -> Checkpoint | None:
        await self._saved()
        found = await self._notes.read(_NOTE)
        return Checkpoint(found["incarnation"], str(found["seq"])) if found else None

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        for start in range(0, len(changes), AT_ONCE):
            batch = changes[start : start + AT_ONCE]
            for outcome in await asyncio.gather(*map(self._follow, batch), return_exceptions=True):
                if outcome is not None:
                    raise outcome
        self._save(checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        """Nobody waits for it, and it takes no commit away from those who write: where it is lost or fails,
        the next start repeats what is there already."""
        self._latest = checkpoint
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save_latest(), name="datastore checkpoint")

    async def _save_latest(self) -> None:
        while self._latest is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gathering):
                    await self._hurry.wait()
            checkpoint = self._latest
            if checkpoint is None:  # forgotten meanwhile
                return
            try:
                await self._notes.write(_NOTE, checkpoint._asdict())
            except CouchregError as error:
                log.warning("the checkpoint of the datastore could not be written: %s", error)
                return
            if self._latest is checkpoint:
                self._latest = None

    async def _saved(self) -> None:
        if self._saving is not None:
            self._hurry.set()
            await self._saving
            self._hurry.clear()

    async def reset(self) -> None:
        """What is written stays: versions that are still there get the same, others are nobody's harm."""
        self._latest = None
        await self._saved()
        await self._notes.write(_NOTE, None)

    async def close(self) -> None:
        await self._saved()

    async def _follow(self, change: Change) -> None:
        """The record and the descriptor at the same time: each waits for the disk."""
        for outcome in await asyncio.gather(
            self._record(change), self._describe(change), return_exceptions=True
        ):
            if outcome is not None:
                raise outcome

    async def _describe(self, change: Change) -> None:
        version = split_version_id(change.id)
        if version is None:
            return
        key = descriptor_key(*version)
        if change.deleted:
            self._task.check()
            await self._blobs.delete(key, durably=True)
        elif not await self._put_descriptor(key, change):
            raise Conflict(OTHER.format(key))

    async def _put_descriptor(self, key: str, change: Change) -> bool:
        """A link to the descriptor as it was published, where there are links; else its bytes anew."""
        sent = next((file for file in change.attachments if file.name == DESCRIPTOR), None)
        if sent is None or self._attachments.local_path(sent) is None:
            return await self._put(key, self._descriptor(change))
        known = Spooled(Path(DESCRIPTOR), sent.stored_length, sent.digest, sent.sha256)
        return await self._blobs.adopt(sent.key, key, known, content_type="application/json")

    async def _record(self, change: Change) -> None:
        """Record the leafs of a document as they are now; first the new ones, then remove the others: all of
        them, where the document has been purged. A document that has just begun needs no look: what becomes
        of it is another change."""
        doc_id = change.id
        if _has_begun(change) and change.members is not None:
            [rev] = change.revs
            await self._put_record(Revision(doc_id, rev, False, change.members, change.attachments), (rev,))
            return
        [leafs] = await self._database.open_revs([(doc_id, None)], histories=True)
        current = set()
        for leaf in leafs:
            if leaf.revision is not None:
                current.add(await self._put_record(leaf.revision, leaf.history))
        if not leafs or any(len(leaf.history) > 1 for leaf in leafs) or len(leafs) > 1:
            async for blob in self._blobs.keys(record_folder(doc_id)):
                if blob.key not in current:
                    self._task.check()
                    await self._blobs.delete(blob.key, durably=True)

    async def _put_record(self, revision: Revision, history: tuple[str, ...]) -> str:
        """Its key."""
        key, data = record_key(revision.id, revision.rev), _record(revision, history)
        if len(data) <= SMALL:
            put = self._blobs.put(key, self._spool.hold(data), content_type="application/json")
        else:
            put = self._put(key, once(data))
        if not await put and not await self._is_recorded(key, data):
            raise Conflict(OTHER.format(key))
        return key

    async def _is_recorded(self, key: str, data: bytes) -> bool:
        async with aclosing(self._blobs.open(key)) as chunks:
            there = b"".join([chunk async for chunk in chunks])
        return recorded.are_same(there, data)

    async def _put(self, key: str, chunks: AsyncIterator[bytes]) -> bool:
        return await self._spool.put(self._blobs, key, chunks, content_type="application/json")

    async def _descriptor(self, change: Change) -> AsyncIterator[bytes]:
        """The descriptor as it was published, else as the document gives it."""
        files = {attachment.name: attachment for attachment in change.attachments}
        if DESCRIPTOR in files:
            async for chunk in self._attachments.open(files[DESCRIPTOR]):
                yield chunk
        else:
            yield json.encode(built(json.body(change.members), files))


def _record(revision: Revision, history: tuple[str, ...]) -> bytes:
    """Of a package's own document, which says who may read it, one that tells when it has been altered."""
    data = recorded.encode(revision, history)
    if is_package_name(revision.id) and not recorded.follows(recorded.decode(data)):
        return recorded.seal(data)
    return data


def _has_begun(change: Change) -> bool:
    """Whether the document has one revision, without any before it."""
    return not change.deleted and len(change.revs) == 1 and change.revs[0].startswith("1-")
