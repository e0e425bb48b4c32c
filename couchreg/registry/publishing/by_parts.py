"""Large files that a browser sends straight to the bucket, part by part, while their publish is under way.

Each part has an address of its own, signed for an hour. The bucket knows which have come; when none is
missing it makes an object of them, which waits in `_uploads/<publish>/<number>`. The registry reads it once:
to hash it, since nobody's word is taken for what it holds, and to have it at hand for what looks into it. The
object stays until the publish is over, so that the bucket copies the file to its place itself.

Every step may be repeated, and begins with a look at what is there: a connection that breaks, a page that is
loaded again or a server that is killed costs the part that was on its way. What a publish has in the bucket
goes with it, and what a crash leaves there with the sweep.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol

from couchreg.blobstore.base import SentPart
from couchreg.errors import BadRequest, Conflict, DigestMismatch, NotFound, Unavailable
from couchreg.package.layout import UPLOADS
from couchreg.registry.publishing.direct import LASTS, staged_key
from couchreg.registry.publishing.records import Announced, Record
from couchreg.registry.publishing.sessions import Contents, Sessions
from couchreg.registry.publishing.shelf import Arrived
from couchreg.turns import Locks, Turns

log = logging.getLogger(__name__)

LEAST = 8 << 20  # bytes of a file that is sent in parts; a smaller one is one request to us
PART = 16 << 20  # bytes of each part but the last
MOST = 20  # addresses that are given out at a time
TAKING = 20.0  # seconds after which a request that reads a file is answered, and the next goes on
READERS, WAITING = 4, 64  # files that are read at the same time; more that wait


class BucketParts(Protocol):
    """Uploads in parts of a blob store that takes them from others. All may raise Unavailable."""

    async def begin(self, key: str, content_type: str) -> str: ...

    async def address(self, key: str, upload: str, number: int, length: int, seconds: int) -> str: ...

    async def there(self, key: str, upload: str) -> Mapping[int, SentPart] | None: ...

    async def complete(self, key: str, upload: str, parts: Mapping[int, SentPart]) -> None: ...

    async def end(self, key: str, upload: str) -> None: ...

    async def folder(self, key: str) -> str: ...


class AwaitedPart(NamedTuple):
    """Bytes `start` to `end` (exclusive) of a file are to be PUT at `url`."""

    start: int
    end: int
    url: str


class PartsStep(NamedTuple):
    """How far a file is: `there` bytes are in the bucket, and of those that are not some addresses; `taken`
    bytes have been read by the registry, which `is_whole` when they are what was announced."""

    there: int
    taken: int
    is_whole: bool
    parts: Sequence[AwaitedPart] = ()


class ByParts:
    """The files that come that way. Without a bucket none do."""

    def __init__(self, sessions: Sessions, bucket: BucketParts | None) -> None:
        self._sessions = sessions
        self._bucket = bucket
        self._locks = Locks()
        self._turns = Turns(
            READERS, waiting=WAITING, waiting_of_one=WAITING // 4, what="files to read", retry_after=5
        )
        if bucket is not None:
            sessions.let_go = self._let_go

    async def place(self) -> str | None:
        """The address below which the parts are sent to; None without a bucket, or one that cannot be
        asked for it now."""
        if self._bucket is None:
            return None
        try:
            return await self._bucket.folder(UPLOADS)
        except Unavailable as error:
            log.info("files go through the registry: %s", error.reason)
            return None

    async def step(self, record: Record, path: str, askers: Sequence[str] = ()) -> PartsStep:
        """What is to be done next for a file, or, when all of it has come, some of the work of reading it.

        Raises NotFound for a path that was not announced, BadRequest for a file that is not sent that way,
        Conflict for a publish that takes no more files, DigestMismatch for a file that has to be sent again,
        TooManyRequests, Unavailable.
        """
        if self._bucket is None:
            raise BadRequest("This registry has no bucket: send the file to the registry itself.")
        contents, number = await self._sessions.awaited(record, path)
        file = contents.files[number]
        if number in contents.arrived.complete:
            return PartsStep(file.length, file.length, True)
        if file.length < LEAST:
            raise BadRequest(f"Files of less than {LEAST} bytes are sent to the registry itself.")
        async with self._locks.hold(f"{record.id}/{number}"):
            if number not in contents.arrived.kept:
                step = await self._send(self._bucket, record, contents, number)
                if step is not None:
                    return step
            async with self._turns.take(*askers):
                return await self._take(record, contents, number)

    # -- to the bucket
    async def _send(
        self, bucket: BucketParts, record: Record, contents: Contents, number: int
    ) -> PartsStep | None:
        """What is missing; None when the file is an object."""
        key, file = staged_key(record.id, number), contents.files[number]
        upload = contents.arrived.uploads.get(number)
        there = await bucket.there(key, upload) if upload is not None else None
        if upload is None or there is None:
            if await self._is_object(key, file):  # it was made one, and nobody has heard of it
                await self._keep(record, contents, number, key)
                return None
            upload, there = await bucket.begin(key, file.content_type), {}
            contents.arrived.uploads[number] = upload
            await asyncio.to_thread(self._sessions.shelf.note_upload, record.id, number, upload)
        wanted = _parts(file.length)
        good = {one: part for one, part in there.items() if part.length == _length(wanted.get(one))}
        missing = [one for one in wanted if one not in good][:MOST]
        if missing:
            addresses = [
                await bucket.address(key, upload, one, _length(wanted[one]), LASTS) for one in missing
            ]
            rows = [AwaitedPart(*wanted[one], url) for one, url in zip(missing, addresses, strict=True)]
            return PartsStep(sum(part.length for part in good.values()), 0, False, rows)
        await self._completed(bucket, key, upload, good, file)
        await self._keep(record, contents, number, key)
        return None

    async def _completed(
        self,
        bucket: BucketParts,
        key: str,
        upload: str,
        parts: Mapping[int, SentPart],
        file: Announced,
    ) -> None:
        try:
            await bucket.complete(key, upload, parts)
        except NotFound:
            if not await self._is_object(key, file):
                raise Unavailable("The datastore has lost an upload.", retry_after=1) from None

    async def _is_object(self, key: str, file: Announced) -> bool:
        info = await self._sessions.blobs.info(key)
        return info is not None and info.length == file.length

    async def _keep(self, record: Record, contents: Contents, number: int, key: str) -> None:
        """From here on it is read from the bucket; what came of it another way is of no use."""
        await asyncio.to_thread(self._sessions.shelf.note_kept, record.id, number, key)
        contents.arrived.uploads.pop(number, None)
        contents.arrived.partial.pop(number, None)
        contents.arrived.kept[number] = key

    # -- from there
    async def _take(self, record: Record, contents: Contents, number: int) -> PartsStep:
        key, file = contents.arrived.kept[number], contents.files[number]
        start = await asyncio.to_thread(self._sessions.shelf.begun, record.id, number)
        try:
            async with aclosing(self._chunks(key, start, file.length)) as chunks:
                taken = await self._sessions.receive(record, file.path, chunks, start)
        except DigestMismatch:
            await self._sessions.blobs.delete(key)
            await self._drop(record, contents, number)
            raise
        except NotFound:
            await self._drop(record, contents, number)
            raise Conflict(f"The datastore has {file.path!r} no more: send it again.") from None
        return PartsStep(file.length, taken, number in contents.arrived.complete)

    async def _chunks(self, key: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start`, as many as come within the time of a request."""
        if start >= length:
            return
        clock = asyncio.get_running_loop().time
        ends = clock() + TAKING
        async with aclosing(self._sessions.blobs.open(key, start)) as chunks:
            async for chunk in chunks:
                yield chunk
                if clock() > ends:
                    return

    async def _drop(self, record: Record, contents: Contents, number: int) -> None:
        contents.arrived.kept.pop(number, None)
        contents.arrived.partial.pop(number, None)
        await asyncio.to_thread(self._sessions.shelf.drop_kept, record.id, number)

    # -- and out of it
    async def _let_go(self, record: Record, arrived: Arrived) -> None:
        """A publish is over, or its files are of no more use."""
        if self._bucket is None:
            return
        try:
            for number, upload in arrived.uploads.items():
                await self._bucket.end(staged_key(record.id, number), upload)
            for key in arrived.kept.values():
                if key.startswith(UPLOADS):
                    await self._sessions.blobs.delete(key)
        except Unavailable as error:
            log.warning(
                "what was uploaded for %s %s waits for the sweep: %s", record.name, record.version, error
            )


def _parts(length: int) -> dict[int, tuple[int, int]]:
    """Where each part begins and ends, by its number."""
    starts = range(0, length, PART)
    return {number: (start, min(start + PART, length)) for number, start in enumerate(starts, 1)}


def _length(part: tuple[int, int] | None) -> int:
    return part[1] - part[0] if part is not None else -1
