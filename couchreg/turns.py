"""Who is next where only a few can be served at once: a queue that is fair between askers.

An asker is any text: a user, or a network where nobody has logged in. It may belong to groups: the network
that a user comes from. Whoever has the fewest jobs running, and was served longest ago, is next; nobody may
have more than half of the places, or more than a few jobs waiting, and no group all places. So one who asks
for much waits for itself and hardly delays the others, whoever else is at the same address.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from couchreg.errors import TooManyRequests, Unavailable

T = TypeVar("T")

FEW = 32  # items of a list between two looks at the clock, where one takes microseconds


@dataclass(eq=False, slots=True)
class _Waiting:
    askers: Sequence[str]
    turn: asyncio.Future[None]


class Turns:
    """`places` jobs run at once, of one asker half of them; `waiting` more may wait, of one asker
    `waiting_of_one`, of a group twice as many. `what` is a plural for the reasons of refusals; who is refused
    is told to come again after `retry_after` seconds. For the tasks of one event loop."""

    def __init__(
        self, places: int, *, waiting: int, waiting_of_one: int, what: str = "jobs", retry_after: int = 10
    ) -> None:
        self.places = places
        self._of_one = max(1, places // 2)
        # Of two places a group may have both: else one user of it would keep the others from theirs.
        self._of_group = places - 1 if places > 2 else places
        self._most, self._most_of_one = waiting, waiting_of_one
        self._what, self._retry_after = what, retry_after
        self._queue: list[_Waiting] = []
        self._waiting: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._served: dict[str, int] = {}  # of askers that are here: when their last turn began
        self._began = 0
        self._busy = 0

    @property
    def inside(self) -> int:
        """How many jobs run or wait."""
        return self._busy + len(self._queue)

    @asynccontextmanager
    async def take(self, *askers: str) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends. The first is the asker, others are its groups.

        Raises TooManyRequests when an asker has too many jobs waiting already, Unavailable when there are
        too many in all. A job without an asker is bounded only by the whole.
        """
        askers = tuple(dict.fromkeys(askers))  # twice the same counts once
        await self._wait(askers)
        try:
            yield
        finally:
            self._leave(askers)

    async def _wait(self, askers: Sequence[str]) -> None:
        if self._may_run(askers):
            self._enter(askers)  # whoever else waits may not run now
            return
        self._check(askers)
        mine = _Waiting(askers, asyncio.get_running_loop().create_future())
        self._queue.append(mine)
        self._waiting.update(askers)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine.turn.done() and not mine.turn.cancelled():
                self._leave(askers)  # the turn had come in the same moment
            raise
        finally:
            if mine in self._queue:
                self._queue.remove(mine)
                self._no_longer_waiting(askers)

    def _check(self, askers: Sequence[str]) -> None:
        own, group = self._most_of_one, 2 * self._most_of_one
        if self._has(self._waiting, askers, own, group):
            raise TooManyRequests(
                f"Too many of your {self._what} are waiting already: try again in a while.",
                retry_after=self._retry_after,
            )
        if len(self._queue) >= self._most:
            raise Unavailable(
                f"Too many {self._what} are waiting: try again in a while.", retry_after=self._retry_after
            )

    def _may_run(self, askers: Sequence[str]) -> bool:
        full = self._has(self._running, askers, self._of_one, self._of_group)
        return self._busy < self.places and not full

    def _has(self, jobs: Counter[str], askers: Sequence[str], own: int, group: int) -> bool:
        """Whether the asker has `own` of these jobs, or one of its groups `group`."""
        return any(jobs[asker] >= (group if number else own) for number, asker in enumerate(askers))

    def _enter(self, askers: Sequence[str]) -> None:
        self._busy += 1
        self._began += 1
        self._running.update(askers)
        self._served.update(dict.fromkeys(askers, self._began))

    def _leave(self, askers: Sequence[str]) -> None:
        self._busy -= 1
        self._running.subtract(askers)
        self._forget(askers)
        # One whose turn is done has been cancelled, and is about to leave the queue.
        while ready := [job for job in self._queue if not job.turn.done() and self._may_run(job.askers)]:
            job = min(ready, key=self._rank)  # the first of equals
            self._queue.remove(job)
            self._no_longer_waiting(job.askers)
            self._enter(job.askers)
            job.turn.set_result(None)

    def _rank(self, job: _Waiting) -> tuple[int, ...]:
        """Who has least is first: the asker counts before its groups, so that one of many users behind an
        address is not taken for the others."""
        running = [self._running[asker] for asker in job.askers]
        served = [self._served.get(asker, 0) for asker in job.askers]
        return tuple(first for of in (running, served) for first in (sum(of[:1]), max(of[1:], default=0)))

    def _no_longer_waiting(self, askers: Sequence[str]) -> None:
        self._waiting.subtract(askers)
        self._forget(askers)

    def _forget(self, askers: Sequence[str]) -> None:
        """What is known of askers that are gone is given up, so that nothing here grows with time."""
        for asker in askers:
            if not self._waiting[asker]:
                del self._waiting[asker]
            if not self._running[asker]:
                del self._running[asker]
            if asker not in self._waiting and asker not in self._running:
                self._served.pop(asker, None)


SLICE = 0.005  # seconds that one piece of work has the loop for itself
ROUNDS = 8  # of the loop that are then the others': to be answered, a request takes several


def portions(items: Sequence[T], size: int = FEW) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time: a look at the clock after each costs as much as some of them."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class TimeSlice:
    """`await slice.pass_on()` after each step of work on the event loop: others get their turn when this one
    has had its time."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.monotonic() + SLICE

    @property
    def is_over(self) -> bool:
        """Whether `pass_on` lets others in now: asked where even a call that does nothing costs."""
        return time.monotonic() >= self._until

    async def pass_on(self) -> None:
        if time.monotonic() >= self._until:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            self._until = time.monotonic() + SLICE


class Locks:
    """One lock for each name in use, for what must not happen to it twice at a time."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """A name that nobody holds or waits for costs nothing."""
        lock, users = self._locks.get(name) or (asyncio.Lock(), 0)
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)
