"""Where the engine meets the event loop; the only file here that knows asyncio.

`SqliteWriter` turns many waiting writes into few transactions (group commit): they are applied on the
loop, in slices, and only COMMIT, which waits for the disk, runs in a thread. What comes in while
it does is the next transaction. Applying in the thread instead would cost a wait for the
interpreter lock at every statement whenever the loop is busy.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw

from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.failures import foreseen
from couchreg.docstore.sqlite.sql import OF_THE_FILE, distrust, query
from couchreg.errors import CouchregError, Unavailable, Unsure

T = TypeVar("T")

Work = Callable[[apsw.Connection, Counters], Generator[None, None, T]]

STOPPING = "The server is stopping."
_MOST_WAITING = 1000  # writes in the queue; more wait outside for room
_MOST_TOGETHER = 1000  # edits in one transaction, unless a single write has more


async def in_thread(pool: Executor, work: Callable[..., T], *args: object) -> T:
    """Blocking work, off the loop."""
    return await asyncio.get_running_loop().run_in_executor(pool, work, *args)


async def unbroken(future: "asyncio.Future[T]") -> T:
    """Wait for something that must not be left alone: who is cancelled meanwhile is so afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return future.result()


async def finished(future: "Future[T]") -> T:
    """Wait for something that a thread does."""
    return await asyncio.wrap_future(future)


def _ended(future: "Future[Any]") -> "asyncio.Future[None]":
    """Done as soon as the other is, which goes on when somebody who waits for this one is cancelled."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    def told(_: "Future[Any]") -> None:
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(tell)

    future.add_done_callback(told)
    return ended


async def breathe() -> None:
    """Let others have a turn on the loop."""
    await asyncio.sleep(0)


class Pulse:
    """Wakes everybody who waits, at every beat. Ten thousand waiters cost one future each."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Until the next beat."""
        await self._event.wait()


@dataclass(slots=True, eq=False)
class _Write:
    work: Work[Any] | None
    alone: Callable[[apsw.Connection], Any] | None  # instead of work: outside transactions, in the thread
    waiter: "asyncio.Future[Any]"
    weight: int = 1  # edits
    result: Any = None
    failure: BaseException | None = None

    def resolve(self, failure: BaseException | None) -> None:
        """Tell who waits; a waiter that has gone away is not told."""
        if self.waiter.done():
            return
        error = failure or self.failure
        if error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(error)


@dataclass(slots=True, eq=False)
class SqliteWriter:
    """The one way to change a database. `committed` is called after each transaction on disk."""

    connect: Callable[[], apsw.Connection]
    counters: Counters
    pool: Executor
    committed: Callable[[], None]
    unsure: bool = False  # a COMMIT has failed that a crash might bring to life
    _queue: deque[_Write] = field(default_factory=deque)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_WAITING))
    _running: "asyncio.Task[None] | None" = None
    _closed: CouchregError | None = None

    def update(self, work: Work[T], *, weight: int = 1) -> Coroutine[Any, Any, T]:
        """Do `work` in a transaction; its result, once that is on disk. Its failure is its own."""
        return self._enqueue(work, None, weight)

    def between(self, alone: Callable[[apsw.Connection], T]) -> Coroutine[Any, Any, T]:
        """Do what cannot be done in a transaction, in the thread while no write goes on."""
        return self._enqueue(None, alone)

    async def _enqueue(
        self, work: Work[Any] | None, alone: Callable[[apsw.Connection], Any] | None, weight: int = 1
    ) -> Any:
        await self._room.acquire()
        try:
            if self._closed is not None:
                raise self._closed
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            self._queue.append(_Write(work, alone, waiter, weight))
            if self._running is None:
                self._running = loop.create_task(self._run())
            return await waiter
        finally:
            self._room.release()

    def busy(self) -> bool:
        return self._running is not None

    async def close(self, reason: CouchregError) -> None:
        """Refuse what waits and what is to come; returns when nothing is being written any more."""
        self._closed = reason
        while self._queue:
            self._queue.popleft().resolve(reason)
        if self._running is not None:
            await asyncio.wait([self._running])

    async def certain(self) -> bool:
        """Whether what failed is certain not to come to life again; tries to make it so."""
        if self.unsure:
            with suppress(CouchregError):
                await self.between(_overwrite)
        return not self.unsure

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._transaction([write for write in self._batch() if not write.waiter.done()])
        finally:
            self._running = None
            while self._queue:  # only when the loop is being ended
                self._queue.popleft().resolve(Unavailable(STOPPING))

    def _batch(self) -> list[_Write]:
        """The writes of the next transaction, or one that has to be alone."""
        batch = [self._queue.popleft()]
        if batch[0].alone is None:
            weight = batch[0].weight
            while self._queue and self._queue[0].alone is None and weight < _MOST_TOGETHER:
                batch.append(self._queue.popleft())
                weight += batch[-1].weight
        return batch

    async def _transaction(self, batch: list[_Write]) -> None:
        """Whatever happens, everybody who waits hears of it, and those behind get their turn."""
        failure: Exception | None = None
        conn: apsw.Connection | None = None
        try:
            if batch:
                conn = self.connect()
                await (self._write(conn, batch) if batch[0].alone is None else self._alone(conn, batch[0]))
        except Exception as error:
            failure = foreseen(error)
            _rollback(conn)
            if self.unsure:
                failure = await self._made_certain(failure)
        except BaseException:  # the server is stopping: nothing is on disk
            failure = Unavailable(STOPPING)
            _rollback(conn)
            raise
        finally:
            for write in batch:
                write.resolve(failure)

    async def _alone(self, conn: apsw.Connection, write: _Write) -> None:
        assert write.alone is not None
        write.result = await in_thread(self.pool, write.alone, conn)
        if write.alone is _overwrite:
            self.unsure = False

    async def _write(self, conn: apsw.Connection, batch: list[_Write]) -> None:
        """Apply and commit; on an exception the caller rolls back and memory is as before."""
        counters = self.counters.copy()
        changes = conn.total_changes()
        query(conn, "BEGIN IMMEDIATE")
        for write in batch:
            await (self._apply if len(batch) == 1 else self._apply_one_of)(write, counters)
        if conn.total_changes() == changes:
            _rollback(conn)  # nothing to put on disk: conflicts, known revisions
            return
        if counters != self.counters:
            counters.save(conn)
        await self._commit(conn)
        self.counters.become(counters)
        self.committed()

    async def _made_certain(self, failure: Exception) -> Exception:
        """A COMMIT that failed may still lie whole in the log, and a crash would bring it to life: write
        over it. The failure to tell of: another one where that cannot be done either."""
        try:
            await in_thread(self.pool, _overwrite, self.connect())
        except Exception as error:
            unsure = Unsure("Whether this was written is not known: the disk failed. Look again later.")
            unsure.__cause__ = foreseen(error)
            return unsure
        self.unsure = False
        return failure

    async def _apply_one_of(self, write: _Write, counters: Counters) -> None:
        """One write of several: if it fails, only what it did is undone."""
        before = counters.copy()
        query(self.connect(), "SAVEPOINT one")
        try:
            await self._apply(write, counters)
        except Exception as error:
            if not self.connect().in_transaction:
                raise  # SQLite has rolled back everything
            query(self.connect(), "ROLLBACK TO one")
            counters.become(before)
            write.failure = foreseen(error)
        query(self.connect(), "RELEASE one")

    async def _apply(self, write: _Write, counters: Counters) -> None:
        assert write.work is not None
        steps = write.work(self.connect(), counters)
        try:
            while True:
                next(steps)
                await asyncio.sleep(0)
        except StopIteration as end:
            write.result = end.value

    async def _commit(self, conn: apsw.Connection) -> None:
        """COMMIT in a thread. A cancelled task waits for it all the same: it may have reached the disk."""
        commit = self.pool.submit(commit_to_disk, conn)
        while not commit.done():
            with suppress(asyncio.CancelledError):
                await _ended(commit)
        error = commit.exception()
        self.unsure = isinstance(error, OF_THE_FILE)
        if error is not None:
            raise error


def commit_to_disk(conn: apsw.Connection) -> None:
    try:
        conn.execute("COMMIT")
    except OF_THE_FILE:
        distrust(conn)
        raise


def _overwrite(conn: apsw.Connection) -> None:
    """A transaction that changes nothing, in the place of one that failed."""
    query(conn, "BEGIN IMMEDIATE")
    try:
        query(conn, "UPDATE meta SET one = one")
        commit_to_disk(conn)
    finally:
        _rollback(conn)


def _rollback(conn: apsw.Connection | None) -> None:
    """End the transaction; SQLite may have done so by itself already."""
    if conn is not None and conn.in_transaction:
        try:
            conn.execute("ROLLBACK")
        except apsw.Error:  # the transaction is over all the same
            distrust(conn)
