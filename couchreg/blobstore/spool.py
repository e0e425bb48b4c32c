"""Where bytes wait between the network and the blob store: temporary files, hashed on the way.

The spool owns a directory on the file system of the directory store, so that a blob is put by
linking rather than copying. Nothing in it survives a start. It knows neither keys nor documents,
and it does not make its files durable: that is the blob store's part of a put.

Large bodies are gathered into batches, and each batch is written and hashed by threads while the
next one arrives: at most two batches of one body are in memory. Small bodies never leave the loop.
"""

import asyncio
import os
import secrets
import shutil
import threading
from collections.abc import AsyncIterable, AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.digests import Digests
from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.durable import write_all

BATCH = 1 << 20  # bytes given to a thread at a time: a hop costs 0.1 ms, hashing these 1 ms
SMALL = 64 << 10  # bodies up to here are hashed and written on the loop, within 0.2 ms
SMALL_TRANSFORMED = 8 << 10  # the same for bodies that are compressed first
LARGE = 16 << 20  # files from here on are freed in a thread
WORKERS = 4


class Transform(Protocol):
    """Changes bytes on their way into the spool (compression); called from one thread at a time."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Spool:
    """A directory of temporary files. Use one for each process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with os_errors_as_unavailable():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _empty(directory)
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="spool")

    def writer(self, transform: Transform | None = None) -> "SpoolWriter":
        """A new temporary file; use it as an async context manager, which removes the file unless
        `finish` has been called."""
        return SpoolWriter(self.directory / secrets.token_hex(12), self._threads, transform)

    async def receive(
        self, chunks: AsyncIterable[bytes], transform: Transform | None = None, *, in_memory: int = 0
    ) -> Spooled:
        """Spool a whole body; the caller removes it. One of up to `in_memory` bytes stays in memory, for to
        make a file takes as long as the disk does. Raises Unavailable when the disk is full."""
        async with self.writer(transform) as writer:
            async for chunk in chunks:
                await writer.write(chunk)
            return await writer.finish(in_memory)

    def hold(self, data: bytes) -> Spooled:
        """A few bytes that are in memory, and stay there; there is nothing to remove."""
        digests = Digests()
        digests.update(data)
        return digests.spooled(self.directory / secrets.token_hex(12))._replace(data=data)

    @asynccontextmanager
    async def received(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[Spooled]:
        """The same, for a file that is removed when the block ends, however it ends."""
        spooled = await self.receive(chunks, in_memory=SMALL)
        try:
            yield spooled
        finally:
            self.remove(spooled)

    async def put(
        self, store: BlobStore, key: str, chunks: AsyncIterable[bytes], *, content_type: str
    ) -> bool:
        """Spool a body, put it under `key` and remove the file. Returns and raises as `BlobStore.put`."""
        async with self.received(chunks) as spooled:
            return await store.put(key, spooled, content_type=content_type)

    def remove(self, spooled: Spooled) -> None:
        """Remove a spooled file; one that has gone is no error."""
        if spooled.data is not None and not spooled.path.exists():
            return
        with os_errors_as_unavailable():
            try:
                descriptor = os.open(spooled.path, os.O_RDONLY) if spooled.length > LARGE else None
                spooled.path.unlink()
            except FileNotFoundError:
                return
        if descriptor is not None:
            # The file system frees the blocks with the last descriptor, which takes a while.
            self._threads.submit(os.close, descriptor)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)


class SpoolWriter:
    """One body on its way to disk: `write` its chunks, then `finish`."""

    def __init__(self, path: Path, threads: ThreadPoolExecutor, transform: Transform | None) -> None:
        self._threads = threads
        self._sink = _Sink(path, transform)
        self._small = SMALL if transform is None else SMALL_TRANSFORMED
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._busy: list[Future[None]] = []
        self._started = False
        self._finished = False

    async def write(self, chunk: bytes) -> None:
        """Take a chunk; waits while the disk and the hashes are a batch behind."""
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._waiting >= BATCH:
            await self._hand_over()

    async def finish(self, in_memory: int = 0) -> Spooled:
        """The file, complete; removing it is the caller's from here on. Up to `in_memory` bytes, and never
        more than SMALL, stay where they are."""
        most = 0 if self._started else min(in_memory, self._small)
        if most > 0 and self._waiting <= most:
            spooled = self._sink.held(self._gathered())
        else:
            spooled = await self._complete()
        self._finished = True
        return spooled

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            # In a thread, since the sink may be writing; and whole even if we are cancelled again.
            await asyncio.shield(asyncio.wrap_future(self._threads.submit(self._sink.abandon)))

    async def _complete(self) -> Spooled:
        if not self._started:
            if self._waiting <= self._small:
                return self._sink.whole(self._gathered())
            return await asyncio.wrap_future(self._threads.submit(self._sink.whole, self._gathered()))
        await self._hand_over()
        await self._idle()
        return await asyncio.wrap_future(self._threads.submit(self._sink.finish))

    def _gathered(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._waiting = 0
        return data

    async def _hand_over(self) -> None:
        await self._idle()
        self._started = True
        data = self._gathered()
        self._busy = [self._threads.submit(job, data) for job in self._sink.jobs]

    async def _idle(self) -> None:
        busy, self._busy = self._busy, []
        for job in busy:
            await asyncio.wrap_future(job)


class _Sink:
    """The file and the hashes of one body. The lock keeps a late thread off a closed descriptor,
    whose number may by then belong to another file."""

    def __init__(self, path: Path, transform: Transform | None) -> None:
        self._path = path
        self._transform = transform
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._abandoned = False
        self._digests = Digests()
        # Hashing and writing take about as long, so each has a thread; compression outlasts both.
        self.jobs = [self._write_transformed] if transform else [self._hash, self._write]

    def whole(self, data: bytes) -> Spooled:
        """Everything at once, for a small body."""
        with self._lock:
            data = self._transformed(data)
            self._hash(data)
            self._append(data)
            return self._closed()

    def held(self, data: bytes) -> Spooled:
        """The same without a file."""
        data = self._transformed(data)
        self._hash(data)
        return self._digests.spooled(self._path)._replace(data=data)

    def finish(self) -> Spooled:
        with self._lock:
            if self._transform is not None:
                data = self._transform.finish()
                self._hash(data)
                self._append(data)
            return self._closed()

    def abandon(self) -> None:
        """Remove the file; writes that come later do nothing."""
        with self._lock:
            self._abandoned = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            self._path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        with self._lock:
            self._append(data)

    def _write_transformed(self, data: bytes) -> None:
        with self._lock:
            if self._transform is not None:
                data = self._transform.feed(data)
            self._hash(data)
            self._append(data)

    def _transformed(self, data: bytes) -> bytes:
        """A whole body, as it is stored."""
        return data if self._transform is None else self._transform.feed(data) + self._transform.finish()

    def _hash(self, data: bytes) -> None:
        self._digests.update(data)

    def _append(self, data: bytes) -> None:
        if self._abandoned:
            return
        with os_errors_as_unavailable():
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            write_all(self._descriptor, data)

    def _closed(self) -> Spooled:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return self._digests.spooled(self._path)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """A body that is in memory, as the chunks that a spool takes."""
    if data:
        yield data


def _empty(directory: Path) -> None:
    """Remove what a previous run left behind."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
