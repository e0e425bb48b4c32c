"""Which processes are at work on a registry in a CouchDB, and which of them does what only one may do.

Each writes a document `process:<name>` every second or so, and reads those of the others. One that has not
changed for a while, by the clock of who looks, is taken for dead and its document is deleted: then it can
never be written again, and the process, should it live, learns so and ends. Who could not write its own for a
shorter while writes nothing else any more. No two clocks are compared.

A document `lease:<task>` names the process that does the task. It is good as long as that process is: nobody
writes it again but who takes over, with the revision that was read.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from couchreg.docstore.remote.numbered import FORGET, NumberedDocuments
from couchreg.docstore.remote.private import PrivateDocuments
from couchreg.docstore.remote.rounds import ROUND, Rounds
from couchreg.docstore.together import SWEEP, Hands, TaskOfOne
from couchreg.errors import Conflict, CouchregError, NotFound, Unavailable

log = logging.getLogger(__name__)

_PROCESS: Final = "process:"
_LEASE: Final = "lease:"
_LEAVING: Final = 5  # attempts to delete the own document
LONGEST: Final = 60.0  # seconds for which one waits for a task to become free


class Rhythm(NamedTuple):
    """Seconds: between two writes of a process's document; for which a write is good; without a change after
    which the process is dead for others; after which a write that is not answered is given up."""

    beat: float
    good: float
    quiet: float
    timeout: float = 2.0


ALONE: Final = Rhythm(3.0, 12.0, 20.0, 5.0)  # nobody waits to take over, and a slow CouchDB does no harm
SEVERAL: Final = Rhythm(1.0, 5.0, 8.0)  # another one takes over within ten seconds

Pause = Callable[[float], Awaitable[None]]
Lost = Callable[[], None]  # told that this process counts as dead
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", None)


def _now() -> float:
    """Seconds of a clock that goes on while the machine is suspended, where it has one."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class AtWork(CouchregError):
    """Another process is at work on this registry, and the two cannot be there together."""


@dataclass
class _Seen:
    rev: str
    since: float  # when it was read first with this revision
    quiet: float


class Members:
    """One process among those of a registry: `join`, `start`, and `stop` at the end.

    `name` is that of a data directory, the same after each start from there: of a process that must be alone
    the next one from the same directory need not be waited for as long.
    """

    def __init__(
        self,
        private: PrivateDocuments | NumberedDocuments,
        name: str,
        *,
        alone: bool,
        rhythm: Rhythm | None = None,
        pause: Pause = asyncio.sleep,
        lost: Lost = lambda: None,
        doubts: Callable[[], bool] = bool,
    ) -> None:
        self.own = secrets.token_hex(16)
        self.are_several = not alone
        self._private = private
        self._soon = private.soon  # for what must not wait behind the requests of clients
        self._name = name
        self._rhythm = rhythm or (ALONE if alone else SEVERAL)
        self._pause = pause
        self._tell_lost = lost
        self._rounds = Rounds(private, doubts)
        self._rev: str | None = None
        self._beats = 0
        self._until = 0.0
        self._lost = False
        self._others: dict[str, _Seen] = {}
        self._looked = 0.0
        self._tasks: dict[str, LeasedTask] = {}
        self._hurry = asyncio.Event()  # to look
        self._tell = asyncio.Event()  # to write
        self._writing = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises Unavailable where this process may count as dead."""
        if self._lost:
            raise Unavailable(
                "Another couchreg has taken over this registry: this one writes nothing.", retry_after=60
            )
        if self._until < _now():
            raise Unavailable(
                "What says which servers are at work has not answered for a while.", retry_after=5
            )

    # -- coming and going
    async def join(self) -> None:
        """Be at work. Raises AtWork where somebody is who must be alone, or this one must be and is not.

        Written first and looked at then, so that of two who come at once one at least sees the other.
        """
        await self._clear_way()
        await self._write()
        if await self._in_the_way():
            await self.stop()
            raise AtWork

    async def be_alone(self) -> None:
        """See `Processes.be_alone`. Written first here, too: who comes now sees that this one is alone."""
        self.are_several = False
        await self._write()
        if await self._in_the_way():
            raise Unavailable("Another couchreg is at work on this registry.")
        for task in self._tasks.values():
            task.taken.set()

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="processes of the registry")

    async def stop(self) -> None:
        """What this process did is free at once."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._until = 0.0
        with contextlib.suppress(CouchregError):
            await self._leave()

    async def _leave(self) -> None:
        """A write that was broken off may have been done, or be done now: what is there then is deleted, and
        with what was deleted no write can succeed."""
        for _ in range(_LEAVING):
            found = await self._soon.read(_PROCESS + self.own) if self._beats and not self._lost else None
            if found is None:
                return
            with contextlib.suppress(Conflict):
                await self._soon.delete(_PROCESS + self.own, str(found["_rev"]), gated=False)
                return

    async def _in_the_way(self) -> dict[str, dict[str, Any]]:
        """The processes, dead ones too, beside which this one cannot be."""
        found = await self._private.between(_PROCESS, _PROCESS + "~")
        return {
            one["_id"]: one
            for one in found
            if one["_id"] != _PROCESS + self.own and (one.get("alone") or not self.are_several)
        }

    async def _clear_way(self) -> None:
        there = await self._in_the_way()
        if not there:
            return
        log.warning("Another couchreg was at work on this registry: looking whether it still is.")
        await self._pause(max(self._quiet_of(one) for one in there.values()))
        for doc_id, one in (await self._in_the_way()).items():
            if doc_id not in there or there[doc_id]["_rev"] != one["_rev"]:
                raise AtWork
            await self._bury(doc_id, one["_rev"])

    def _quiet_of(self, found: dict[str, Any]) -> float:
        """After how many seconds without a change another process is dead."""
        if found.get("alone") and found.get("name") == self._name:
            return 2 * ALONE.beat  # its directory is ours now: at work could only be a copy of that
        return float(found.get("quiet", ALONE.quiet))

    async def _bury(self, doc_id: str, rev: str) -> None:
        """Raises AtWork for one that lives."""
        try:
            await self._soon.delete(doc_id, rev, gated=False)
        except NotFound:
            return
        except Conflict:
            raise AtWork from None
        log.warning("The couchreg %s is dead: what it did is free.", doc_id.removeprefix(_PROCESS)[:8])

    # -- being there
    async def _write(self) -> None:
        async with self._writing:
            begun, self._beats = _now(), self._beats + 1
            if self._until and begun - self._until > FORGET / 2:  # long dead, and perhaps forgotten
                self._lose()
                return
            value = {
                "name": self._name,
                "alone": not self.are_several,
                "quiet": self._rhythm.quiet,
                "beats": self._beats,
                **self._rounds.answer(),
            }
            try:
                self._rev = await self._soon.write(_PROCESS + self.own, value, self._rev, gated=False)
            except Conflict:
                await self._look_at_own()
            else:
                self._until = begun + self._rhythm.good

    async def _look_at_own(self) -> None:
        """A write whose answer was lost conflicts with itself."""
        found = await self._soon.read(_PROCESS + self.own)
        if found is not None:
            self._rev = str(found["_rev"])
            self._tell.set()
            return
        self._lose()

    def _lose(self) -> None:
        if self._lost:
            return
        self._lost = True
        log.error("Another couchreg has taken over this registry: this one writes nothing any more.")
        self._tell_lost()

    async def _run(self) -> None:
        """A look that takes long keeps no write waiting."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._repeat(self._write, self._tell, self._rhythm.timeout))
            both.create_task(self._repeat(self._look, self._hurry, self._rhythm.good))

    async def _repeat(
        self, step: Callable[[], Awaitable[None]], hurry: asyncio.Event, seconds: float
    ) -> None:
        """Whatever fails, since a process that does this no more can write nothing more."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rhythm.beat):
                    await hurry.wait()
            hurry.clear()
            if self._lost:
                return
            try:
                async with asyncio.timeout(seconds):
                    await step()
            except (CouchregError, TimeoutError) as error:
                log.debug("the processes of the registry cannot be told or asked: %s", error)
            except Exception:
                log.exception("the processes of the registry cannot be told or asked")

    # -- the others
    async def is_at_work(self, process: str) -> bool:
        if process == self.own:
            return True
        return await self._private.read(_PROCESS + process) is not None

    async def _look(self) -> None:
        """One answer tells which processes there are and what they do."""
        if not self.are_several:
            return
        begun = _now()
        found = await self._soon.between(_LEASE, ROUND)
        now = _now()
        if begun - self._looked > self._rhythm.good:
            self._others.clear()  # where nothing could be read, nobody could write, perhaps
        self._looked = now
        processes = {one["_id"]: one for one in found if one["_id"].startswith(_PROCESS)}
        self._others = {doc_id: seen for doc_id, seen in self._others.items() if doc_id in processes}
        for doc_id, one in processes.items():
            if doc_id == _PROCESS + self.own:
                continue
            seen = self._others.get(doc_id)
            if seen is None or seen.rev != one["_rev"]:
                self._others[doc_id] = _Seen(one["_rev"], now, self._quiet_of(one))
            elif begun - seen.since >= seen.quiet:
                with contextlib.suppress(AtWork):
                    await self._bury(doc_id, seen.rev)
                    self._hurry.set()  # to take what it did
        self._rounds.are_there(processes)
        if self._rounds.see(next((one for one in found if one["_id"] == ROUND), None)):
            self._tell.set()  # to answer
        leases = {one["_id"].removeprefix(_LEASE): one for one in found if one["_id"].startswith(_LEASE)}
        for task in list(self._tasks.values()):
            await self._attend(task, leases.get(task.name), set(processes))

    async def _attend(self, task: "LeasedTask", lease: dict[str, Any] | None, there: set[str]) -> None:
        """Take a task that nobody does who is there, or give one back. Nothing else writes its document for
        this process, so what was read of our own is so still."""
        holder = None if lease is None else lease.get("process")
        rev = None if lease is None else str(lease["_rev"])
        if holder == self.own:
            if task.is_wanted:  # the answer to the write that took it may have been lost
                task.taken.set()
            else:
                task.taken.clear()
                await self._soon.write(_LEASE + task.name, {"process": None}, rev)
        elif task.is_ours:
            self._lose()
        elif task.is_wanted and (holder is None or _PROCESS + holder not in there):
            try:
                await self._soon.write(_LEASE + task.name, {"process": self.own}, rev)
            except Conflict:
                return
            log.info("This couchreg does what is called %r from now on.", task.name)
            task.taken.set()

    # -- sweeping
    async def heed(self, hands: Hands) -> None:
        """See `Processes.heed`."""
        if self.are_several:
            await self._rounds.heed(hands)

    @asynccontextmanager
    async def sweeping(self, keys: Collection[str]) -> AsyncIterator[Collection[str]]:
        """See `Processes.sweeping`."""
        if not self.are_several:
            yield keys
            return
        async with self._rounds.round(keys, self._answers, self._task(SWEEP).check) as free:
            yield free

    async def recover_sweep(self) -> None:
        """See `Processes.recover_sweep`."""
        if self.are_several:
            await self._rounds.recover(self._task(SWEEP).check)

    async def _answers(self) -> Sequence[dict[str, Any]]:
        return await self._private.between(_PROCESS, _PROCESS + "~")

    # -- what one of them does
    def task(self, name: str) -> TaskOfOne:
        """One that this process does when nobody else does it."""
        return self._task(name)

    def _task(self, name: str) -> "LeasedTask":
        found = self._tasks.get(name)
        if found is None:
            found = self._tasks[name] = LeasedTask(self, name)
        found.is_wanted = True
        if not self.are_several:
            found.taken.set()
        self._hurry.set()
        return found

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """See `Processes.turn`."""
        task = self._task(name)
        try:
            await self._waited(task)
            yield
        finally:
            task.is_wanted = False
            task.taken.clear()
            self._hurry.set()

    @staticmethod
    async def _waited(task: "LeasedTask") -> None:
        try:
            async with asyncio.timeout(LONGEST):
                await task.ours()
        except TimeoutError:
            raise Unavailable("Another couchreg is at the same for a long time.") from None


class LeasedTask:
    """See `TaskOfOne`."""

    def __init__(self, members: Members, name: str) -> None:
        self._members = members
        self.name = name
        self.is_wanted = False
        self.taken = asyncio.Event()

    @property
    def is_ours(self) -> bool:
        return self.taken.is_set()

    async def ours(self) -> None:
        await self.taken.wait()

    def check(self) -> None:
        self._members.check()
        if not self.is_ours:
            raise Unavailable("Another couchreg does this.")
