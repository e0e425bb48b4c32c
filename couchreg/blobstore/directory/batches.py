"""Small files put together: those that wait are put by one thread, which syncs each directory once.

A hop to a thread for each of the files of a small publish, and the same directories synced by each, cost more
than the files. The order is that of a put (see DESIGN.md): bytes, links, directories; then everybody hears
of it. Whatever is out of the ordinary about one of them (its key is taken, its directory was pruned in this
moment) is left to `files.put`, alone.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.directory.folders import Folders
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.syncing import Syncing
from couchreg.blobstore.directory.together import PutOutcome, put_all
from couchreg.errors import Unavailable

SMALL = 256 << 10  # bytes of a file that does not keep those beside it waiting
_TOGETHER = 64  # files of one batch
_STOPPING = "The blob store is being closed"
_THREADS = 2  # that put batches: while one waits for the disk, the next gathers


class _Put(NamedTuple):
    key: str
    spooled: Spooled
    done: "asyncio.Future[bool]"


class Batches:
    """For one event loop; the threads are those of the store."""

    def __init__(self, folders: Folders, links: KeyLinks, syncing: Syncing, threads: Executor) -> None:
        self._store = (folders, links, syncing)
        self._threads = threads
        self._waiting: deque[_Put] = deque()
        self._working = 0

    async def put(self, key: str, spooled: Spooled) -> bool:
        """As `files.put`. Raises Unavailable where the file system refuses."""
        loop = asyncio.get_running_loop()
        put = _Put(key, spooled, loop.create_future())
        self._waiting.append(put)
        if self._working < _THREADS:
            self._working += 1
            loop.call_soon(self._next)  # after those that come in the same round
        return await put.done

    def _next(self) -> None:
        batch = self._gathered()
        if not batch:
            self._working -= 1
            return
        loop, wanted = asyncio.get_running_loop(), [(put.key, put.spooled) for put in batch]
        try:
            working = loop.run_in_executor(self._threads, put_all, *self._store, wanted)
        except RuntimeError:  # the store has been closed
            self._working -= 1
            _fail(batch, Unavailable(_STOPPING))
        else:
            working.add_done_callback(lambda done: self._finished(batch, done))

    def _gathered(self) -> list[_Put]:
        batch: list[_Put] = []
        while self._waiting and len(batch) < _TOGETHER:
            put = self._waiting.popleft()
            if not put.done.done():  # else nobody waits for it any more
                batch.append(put)
        return batch

    def _finished(self, batch: Sequence[_Put], done: "asyncio.Future[list[PutOutcome]]") -> None:
        self._next()  # the threads go on while those who waited are told
        error = Unavailable(_STOPPING) if done.cancelled() else done.exception()
        if error is None:
            _tell(batch, done.result())
        else:
            _fail(batch, error)  # a fault of ours: whoever waits hears of it


def _tell(batch: Sequence[_Put], outcomes: Sequence[PutOutcome]) -> None:
    for put, (stored, error) in zip(batch, outcomes, strict=True):
        if put.done.done():
            continue
        if error is not None:
            put.done.set_exception(error)
        else:
            put.done.set_result(stored)


def _fail(batch: Sequence[_Put], error: BaseException) -> None:
    for put in batch:
        if not put.done.done():
            put.done.set_exception(error)
