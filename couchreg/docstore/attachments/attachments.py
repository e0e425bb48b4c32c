"""From bytes to attachment records and back, above every engine and every blob store.

Bytes are spooled, hashed, compressed where CouchDB would, and put into the blob store; only then
may a document refer to them. HTTP, multipart and revision trees are not known here: a part is an
iterator of its bytes, a stub is left for the engine to replace.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from pathlib import Path

from couchreg.blobstore.base import BlobStore, Damaged
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.compression import Compression, Gunzip
from couchreg.docstore.attachments.lost import LostFiles, Referred
from couchreg.docstore.attachments.pins import Pins
from couchreg.docstore.attachments.upload import Upload
from couchreg.docstore.base import Attachment
from couchreg.docstore.together import SWEEP, Processes
from couchreg.errors import NotFound
from couchreg.package.layout import Layout, is_by_content, is_kept, waits

Equal = Callable[[str, int], Awaitable[Attachment | None]]  # a file with this SHA-256 and length
LATE = 600.0  # seconds after which what a process has sent is certain to have come to its end
_TOGETHER = 500  # blobs that documents are asked about at once
INLINE = 16 << 10  # stored bytes that are decompressed on the loop
PIECE = 256 << 10  # bytes that are given in one piece


class Attachments:
    """The attachments of one server.

    `layout` gives the key of a published package's file. `compression` is asked for each upload,
    since the settings may change at run time; it never applies in the databases `uncompressed`,
    nor where the layout gives a key. `max_size` (bytes, None for any) is CouchDB's
    `max_attachment_size`. With `referred`, a blob is asked for before a failed upload takes it away. Where
    `others_write`, no failed upload takes any away, and whoever has deleted a document none that is kept by
    its content: another process may be about to refer to it, and what it has pinned is not known here.
    """

    def __init__(
        self,
        blobs: BlobStore,
        spool: Spool,
        layout: Layout,
        compression: Callable[[], Compression],
        *,
        uncompressed: Collection[str] = (),
        max_size: Callable[[], int | None] = lambda: None,
        referred: Referred | None = None,
        others_write: Callable[[], bool] = bool,
    ) -> None:
        self.blobs = blobs
        self.spool = spool
        self.layout = layout
        self.compression = compression
        self.uncompressed = frozenset(uncompressed)
        self.max_size = max_size
        self.pins = Pins()
        self.equal: Equal | None = None  # may be set later, by who knows what is stored
        self._referred = referred
        self.lost = LostFiles(referred)
        self.others_write = others_write

    def upload(self, db: str) -> Upload:
        """A context for one write to the database `db`: `async with attachments.upload(db) as upload`.

        Write the document before leaving it. Leave it by a CouchregError only if nothing that was
        received in it has been written: then its new blobs are removed at once. After any other
        exception, when a write may still be under way, they are left to the sweep.
        """
        return Upload(self, db)

    def open(
        self, att: Attachment, start: int = 0, length: int | None = None, *, encoded: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The plain bytes in chunks of at most 256 KiB, or with `encoded` the bytes as stored.

        Part of an attachment can be had only where no gzip has to be undone (else ValueError).
        Raises NotFound before the first chunk, Failure where a client's gzip is broken, and LostBytes where
        the store has not what it should have.
        """
        if encoded or att.encoding == "identity":
            return self._stored(att, start, length)
        if start or length is not None:
            raise ValueError("a part of compressed bytes")
        return gunzipped(self._stored(att, 0, None))

    async def _stored(self, att: Attachment, start: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """The bytes as stored. Where they are few, that some are missing is told before the first go out."""
        there = max(0, att.stored_length - start)
        left = wanted = there if length is None else min(length, there)
        held: list[bytes] = []
        try:
            async with aclosing(self.blobs.open(att.key, start, length)) as chunks:
                async for data in chunks:
                    left -= len(data)
                    if left <= 0 and start + wanted == att.stored_length:
                        self.lost.is_whole(att.key)  # now: nobody may ask for what follows
                    if left > 0 and wanted <= PIECE:
                        held.append(data)
                        continue
                    yield b"".join((*held, data)) if held else data
                    held.clear()
        except NotFound:
            raise await self.lost.found(att, None) from None
        except Damaged as error:
            raise await self.lost.found(att, -1) from error
        if left > 0:
            raise await self.lost.found(att, start + wanted - left)

    async def base64(self, att: Attachment) -> AsyncGenerator[bytes, None]:
        """The plain bytes as base64 text, as `attachments=true` sends them, in chunks."""
        rest = b""
        async with aclosing(self.open(att)) as chunks:
            async for chunk in chunks:
                data = rest + chunk if rest else chunk
                whole = len(data) - len(data) % 3
                rest = data[whole:]
                if whole:
                    yield b64encode(data[:whole])
        if rest:
            yield b64encode(rest)

    def local_path(self, att: Attachment, *, encoded: bool = False) -> Path | None:
        """A file with the bytes that `open` would give, if there is one."""
        return self.blobs.local_path(att.key) if encoded or att.encoding == "identity" else None

    async def sweep(
        self, grace: float, referred: Referred, *, waiting: float = 0, among: Processes | None = None
    ) -> int:
        """Remove the blobs that nothing refers to; returns how many.

        `referred` answers for every database of the server. Blobs younger than `grace` seconds stay,
        for the sake of writes that a crash cut off or that another process is making; those that wait to be
        published at least `waiting` seconds; and descriptors and records, which no attachment refers to.
        `among` are the processes that write the store, where this one is not alone.
        """
        now = time.time()
        limit, waited = now - grace, now - max(grace, waiting)
        removed = 0
        old: list[str] = []
        async for blob in self.blobs.keys():
            if blob.modified <= (waited if waits(blob.key) else limit) and not is_kept(blob.key):
                old.append(blob.key)
            if len(old) == _TOGETHER:
                removed += await self._remove_unneeded(old, referred, among)
                old.clear()
        return removed + await self._remove_unneeded(old, referred, among)

    async def is_left(self, key: str) -> bool:
        """Whether something lies at a place that is ours to write, left by a write that has failed. Where
        others write it may be of a process that counts as dead and whose last write is still to come: then
        not what is young."""
        there = await self.blobs.info(key)
        return there is not None and not (self.others_write() and there.modified > time.time() - LATE)

    async def remove(self, key: str, referred: Referred | None = None) -> bool:
        """Remove one blob unless a write or a document needs it, or it is for the sweep alone to remove;
        returns whether it is removed. A version's own file: for one who holds the lock of its package."""
        if self.others_write() and is_by_content(key):
            return False
        asked = referred or self._referred
        async with self.pins.removing(key) as free:
            if not free or (asked is not None and key in await asked([key])):
                return False
            await self.blobs.delete(key)
            return True

    async def _remove_unneeded(
        self, keys: Collection[str], referred: Referred, among: Processes | None
    ) -> int:
        """Ask for all first, since most are needed; and once more for each that is to go."""
        needed = await referred(keys) if keys else ()
        left = [key for key in keys if key not in needed]
        if among is not None:
            return await self._remove_among(left, referred, among) if left else 0
        return sum([await self.remove(key, referred) for key in left])

    async def _remove_among(self, keys: Collection[str], referred: Referred, among: Processes) -> int:
        """The documents of those who had some in hand are written when they have been let go."""
        task = among.task(SWEEP)
        async with among.sweeping(keys) as free:
            needed = await referred(free) if free else ()
            gone = [key for key in free if key not in needed]
            for key in gone:
                task.check()
                await self.blobs.delete(key)
        return len(gone)


async def gunzipped(stored: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The plain bytes, in chunks of at most 256 KiB. Raises Failure for broken gzip."""
    gunzip = Gunzip()
    async with aclosing(stored) as chunks:
        async for data in chunks:
            gunzip.feed(data)
            while plain := gunzip.step() if len(data) <= INLINE else await asyncio.to_thread(gunzip.step):
                yield plain
    gunzip.finish()
