"""The loop that drives a follower: batches, waiting, trying again, isolating documents that fail.

It owns how far a follower is known to be and what it is doing now. It knows nothing of what is built,
and what it knows of the database is its changes.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from couchreg.docstore.base import BEGINNING, Change, Changes, Seq
from couchreg.docstore.together import OwnTask, TaskOfOne
from couchreg.errors import NotFound, StorageFailure, Unavailable
from couchreg.followers.base import (
    Checkpoint,
    FollowedPackages,
    FollowedStore,
    Follower,
    RebuildNeeded,
    Tidies,
)
from couchreg.followers.problems import Problem, Problems
from couchreg.followers.purges import SeenPurges
from couchreg.journal.failing import tell

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 30.0  # seconds before trying again
REST, LONGEST_LINGER = 1, 1.0  # times as long as a commit took, and at most so many seconds, one lingers
QUIET = 5.0  # seconds without changes before things are put in order
LOOK, LOOK_IDLY = 0.03, 1.0  # seconds between two looks at how far another process is
# Not a document's fault: everything waits until it is over.
STORE_FAILS = (Unavailable, StorageFailure, OSError, RebuildNeeded)


@dataclass(frozen=True, slots=True)
class Status:
    """What a person wants to know of a follower; its place and the database's are shown as numbers.

    `state`: "starting", "waiting", "working", "elsewhere" (another process follows), "failing" (the store
    does not answer; it tries again), "stopped".
    """

    name: str
    state: str
    seq: int
    update_seq: int
    problems: tuple[Problem, ...]
    uncounted_problems: int
    last_error: str | None
    tables: Mapping[str, int] | None = None  # of who makes tables: how many are in which state


class FollowerLoop:
    """Runs one follower over one database, until `stop`; the database may come and go meanwhile."""

    def __init__(
        self,
        follower: Follower,
        store: FollowedStore,
        database: str,
        *,
        first_wait: float = FIRST_WAIT,
        task: TaskOfOne | None = None,
    ) -> None:
        """With `task` one process at a time follows; in the others the loop reads how far it is."""
        self.follower = follower
        self._task_of_one = task or OwnTask()
        self._store = store
        self._name = database
        self._first_wait = first_wait
        self._seq = BEGINNING
        self._state = "starting"
        self._last_error: str | None = None
        self._problems = Problems(follower.name)
        self._purges = SeenPurges()
        self._moved = asyncio.Event()
        self._again = asyncio.Event()
        self._hurry = asyncio.Event()
        self._took = 0.0  # seconds of work before the last wait
        self._awaited = BEGINNING  # the highest sequence that somebody waits for
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"follower {self.follower.name}")

    async def stop(self) -> None:
        """End the loop and close the follower, which lets a commit that has begun come to its end."""
        if self._state == "stopped":
            return
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._become("stopped")
        self._tell()
        await self.follower.close()

    def restart(self) -> None:
        """Open what the follower built anew, now: somebody has found it unusable."""
        self._again.set()

    async def caught_up(self, seq: Seq) -> None:
        """Return once everything up to and with `seq` has been processed and committed (a document
        that failed counts: it has been written down). Raises Unavailable when the loop has stopped."""
        while self._seq < seq:
            if self._state == "stopped":
                raise Unavailable(f"The follower {self.follower.name} has stopped.")
            self._awaited = max(self._awaited, seq)
            self._hurry.set()
            await self._moved.wait()

    @property
    def seq(self) -> Seq:
        """How far it has come."""
        return self._seq

    async def status(self) -> Status:
        try:
            now = await (await self._store.open(self._name)).update_seq()
        except NotFound:
            now = BEGINNING
        return self.told(now)

    def told(self, now: Seq) -> Status:
        """The same for who knows how far the database is."""
        return Status(
            self.follower.name,
            self._state,
            self._seq.number,
            now.number,
            tuple(self._problems.all()),
            self._problems.uncounted,
            self._last_error,
        )

    # -- the loop
    async def _run(self) -> None:
        """Everything that fails is tried again, ever more slowly; nothing but `stop` ends this."""
        wait = self._first_wait
        while True:
            before = self._seq
            try:
                await self._follow_or_await_database()
                wait = self._first_wait
            except RebuildNeeded as error:
                log.warning("follower %s begins again: %s", self.follower.name, error)
                await self._attempt_reset()
            except Exception as error:
                self._failed(error)
            await asyncio.sleep(wait)
            wait = self._first_wait if self._seq != before else min(wait * 2, LONGEST_WAIT)

    def _failed(self, error: Exception) -> None:
        if self._last_error is None:  # once for each trouble, not for each attempt
            tell(log, f"The follower {self.follower.name}, which tries again,", error)
        self._last_error = f"{type(error).__name__}: {error}"
        self._become("failing")

    async def _attempt_reset(self) -> None:
        try:
            await self.follower.reset()
        except Exception as error:
            self._failed(error)

    async def _follow_or_await_database(self) -> None:
        try:
            database = await self._store.open(self._name)
            if not self._task_of_one.is_ours:
                await self._look_on(database)
            await self._follow(database)
        except NotFound:
            await self._until_created()

    async def _look_on(self, database: FollowedPackages) -> None:
        """Know how far another process has come, until this one follows: soon where somebody waits for it."""
        ours = asyncio.ensure_future(self._task_of_one.ours())
        try:
            while not ours.done():
                found = await self.follower.checkpoint()
                now = await database.update_seq()
                if found and found.incarnation == now.incarnation:
                    self._move(await database.parse_since(found.seq))
                self._last_error = None
                self._become("elsewhere")
                await self._look_again(ours)
        finally:
            ours.cancel()

    async def _look_again(self, ours: "asyncio.Future[None]") -> None:
        if self._awaited <= self._seq:
            self._hurry.clear()
        if self._hurry.is_set():
            await asyncio.wait([ours], timeout=LOOK)
            return
        hurry = asyncio.ensure_future(self._wanted_soon())
        await asyncio.wait([ours, hurry], timeout=LOOK_IDLY, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()

    async def _wanted_soon(self) -> None:
        await self._hurry.wait()

    async def _until_created(self) -> None:
        self._become("waiting")
        self._move(BEGINNING)
        seen = await self._store.parse_events_since("now")
        with contextlib.suppress(NotFound):
            await self._store.open(self._name)  # made between our look and `seen`
            return
        await self._store.wait_event(seen)

    async def _follow(self, database: FollowedPackages) -> None:
        """Process what there is and wait for more. Raises NotFound when the database is deleted."""
        await self._begin(database)
        while True:
            self._become("working")
            began = time.monotonic()
            await self._forget(database)
            async for batch in self._batches(database):
                await self._process(database, batch.results, batch.last_seq)
            await self._forget(database)
            self._last_error = None
            self._took = time.monotonic() - began
            self._become("waiting")
            await self._news(database)
            await self._gather()

    async def _forget(self, database: FollowedPackages) -> None:
        """What has been purged since the last time."""
        gone = await self._purges.gone(database)
        size = self.follower.batch
        for start in range(0, len(gone), size):
            await self._process(database, gone[start : start + size], self._seq)

    async def _begin(self, database: FollowedPackages) -> None:
        """Find where to go on; from 0 where the checkpoint is of another life of the database."""
        await self._problems.load(await self._store.notes(self._name))
        self._purges.begin()
        found = await self.follower.checkpoint()
        now = await database.update_seq()
        seq = BEGINNING
        if found and found.incarnation == now.incarnation:
            seq = await database.parse_since(found.seq)
        if found and not BEGINNING < seq <= now:
            log.info("follower %s begins again: the database is not the one it knew", self.follower.name)
            await self.follower.reset()
            await self._problems.clear()
            seq = BEGINNING
        self._move(seq)

    async def _news(self, database: FollowedPackages) -> None:
        """Wait for changes; when none have come for a while, the follower may put things in order meanwhile.
        Raises RebuildNeeded when `restart` has been called."""
        waits = [asyncio.ensure_future(database.wait(self._seq)), asyncio.ensure_future(self._again.wait())]
        tidies = self.follower if isinstance(self.follower, Tidies) else None
        rest = QUIET if tidies else None
        try:
            while True:
                done, _ = await asyncio.wait(waits, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
                if done or tidies is None:
                    break
                self._task_of_one.check()
                rest = 0.0 if await tidies.tidy() else None
            for task in done:
                task.result()
        finally:
            for task in waits:
                task.cancel()
        if self._again.is_set():
            self._again.clear()
            raise RebuildNeeded("a reader found it unusable")

    async def _gather(self) -> None:
        """Let more changes come before a costly commit, unless somebody waits for this one: a follower that
        lingers takes half of the time for itself, and what costs much is done in children."""
        if self.follower.linger and self._awaited <= self._seq:
            self._hurry.clear()
            seconds = max(self.follower.linger, min(REST * self._took, LONGEST_LINGER))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()

    async def _batches(self, database: FollowedPackages) -> AsyncIterator[Changes]:
        """The changes since the last commit, in the follower's batches whatever stretches the engine reads.

        The last one has none where something was purged: then there is only a place to go on from.
        """
        waiting: list[Change] = []
        size = self.follower.batch
        last = self._seq
        async for changes in database.changes(self._seq, bodies=self.follower.bodies, all_leafs=True):
            waiting += changes.results
            last = changes.last_seq
            while len(waiting) >= size:
                yield Changes(waiting[:size], waiting[size - 1].seq)
                del waiting[:size]
        if self._seq < last:
            yield Changes(waiting, last)

    async def _process(self, database: FollowedPackages, batch: Sequence[Change], last: Seq) -> None:
        """One commit for the batch; where a document spoils it, one for each of its documents."""
        try:
            await self._apply(database, batch, last)
        except STORE_FAILS:
            raise
        except Exception:
            log.warning("follower %s: a batch failed, trying its documents alone", self.follower.name)
            for change in batch:
                await self._process_alone(database, change)
            self._move(last)

    async def _process_alone(self, database: FollowedPackages, change: Change) -> None:
        try:
            await self._apply(database, [change], change.seq)
        except STORE_FAILS:
            raise
        except Exception as error:
            tell(log, f"What the follower {self.follower.name} makes of {change.id!r}", error)
            await self._problems.add(change, error)
            await self.follower.apply([], Checkpoint.at(change.seq))
            self._move(change.seq)

    async def _apply(self, database: FollowedPackages, batch: Sequence[Change], last: Seq) -> None:
        self._task_of_one.check()
        await self.follower.apply(batch, Checkpoint.at(last))
        await self._problems.solved([change.id for change in batch])
        self._move(last)

    def _become(self, state: str) -> None:
        self._state = state

    def _move(self, seq: Seq) -> None:
        self._seq = seq
        self._tell()

    def _tell(self) -> None:
        """Wake whoever waits in `caught_up`; they look and wait again on a fresh event."""
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
