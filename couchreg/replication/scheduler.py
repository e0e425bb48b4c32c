"""Which replications run: many may be wanted, and a bounded number runs at once, in turns.

A job that crashes waits, twice as long each time, and is healthy again after it has run for a while. Where
more are wanted than may run, those that have run longest make room at each round; one-shot ones are not
interrupted.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from couchreg.errors import CouchregError, TooManyRequests
from couchreg.replication.jobs import Job, sentence
from couchreg.replication.run import Run

log = logging.getLogger(__name__)

MOST_WANTED = 10_000  # jobs of one server
MOST_OF_ONE = 20  # jobs of one user who is no administrator
MOST_CRASHES = 10  # that make the wait longer


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds. As CouchDB's settings of the same names in `[replicator]`."""

    max_jobs: int = 500
    max_churn: int = 20
    interval: float = 60.0
    health_threshold: float = 120.0
    first_wait: float = 30.0
    longest_wait: float = 8 * 3600.0


Begin = Callable[[Job], Awaitable[Run]]
Ended = Callable[[Job, Mapping[str, Any]], Awaitable[None]]


async def nobody_told(job: Job, result: Mapping[str, Any]) -> None:
    """For jobs that no document asked for."""


class Scheduler:
    def __init__(self, begin: Begin, pace: Callable[[], Pace], *, completed: Ended = nobody_told) -> None:
        self._begin = begin
        self._pace = pace
        self._completed = completed
        self._jobs: dict[str, Job] = {}
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="replication scheduler")

    async def stop(self) -> None:
        """Jobs that run leave a checkpoint."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await asyncio.gather(*[self._halt(job) for job in self._jobs.values()])

    # -- what is wanted
    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def all(self) -> Sequence[Job]:
        return [self._jobs[key] for key in sorted(self._jobs)]

    def add(self, job: Job) -> None:
        """Raises TooManyRequests."""
        if not job.user.is_admin:
            own = sum(1 for other in self._jobs.values() if other.user.name == job.user.name)
            if own >= MOST_OF_ONE:
                raise TooManyRequests(f"You have {own} replications already.", retry_after=60)
        if len(self._jobs) >= MOST_WANTED:
            raise TooManyRequests("This server has as many replications as it takes.", retry_after=600)
        self._jobs[job.id] = job
        if job.result is not None:  # who waited may have gone
            job.result.add_done_callback(lambda done: done.cancelled() or done.exception())
        job.note("added")
        self._fill()
        self._changed.set()

    async def remove(self, job: Job) -> None:
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]
        await self._halt(job)
        if job.result is not None and not job.result.done():
            job.result.set_exception(CouchregError("The replication was cancelled.", error="cancelled"))
        self._fill()

    # -- what runs
    async def _run(self) -> None:
        while True:
            self._changed.clear()
            await self._rotate()
            self._fill()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest()):
                    await self._changed.wait()

    def _rest(self) -> float:
        """Until a job that has crashed may begin again, or to the next round."""
        now = time.time()
        soon = [
            job.not_before - now for job in self._jobs.values() if job.task is None and job.not_before > now
        ]
        return max(0.05, min([self._pace().interval, *soon]))

    def _running(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.task is not None]

    def _waiting(self) -> list[Job]:
        """Those whose turn may come, who has waited longest first."""
        now = time.time()
        ready = [job for job in self._jobs.values() if job.task is None and job.not_before <= now]
        return sorted(ready, key=lambda job: job.began)

    def _fill(self) -> None:
        free = self._pace().max_jobs - len(self._running())
        for job in self._waiting()[: max(free, 0)]:
            job.began = time.time()
            job.task = asyncio.create_task(self._guarded(job), name=f"replication {job.id}")

    async def _rotate(self) -> None:
        """Room for those that wait, where all places are taken."""
        pace, running = self._pace(), self._running()
        waiting = len(self._waiting())
        if not waiting or len(running) < pace.max_jobs:
            return
        now = time.time()
        old = [job for job in running if job.replication.continuous and now - job.began >= pace.interval]
        leaving = sorted(old, key=lambda job: job.began)[: min(waiting, pace.max_churn)]
        await asyncio.gather(*[self._halt(job) for job in leaving])
        for job in leaving:
            job.began = time.time()  # behind all that wait
            job.note("stopped")

    async def _halt(self, job: Job) -> None:
        task, job.task = job.task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _guarded(self, job: Job) -> None:
        """One run, and what comes of it."""
        job.note("started")
        began = time.monotonic()
        try:
            job.run = await self._begin(job)
            result = await job.run.execute()
        except asyncio.CancelledError:
            job.refresh()
            raise
        except Exception as error:
            self._crashed(job, error, time.monotonic() - began)
        else:
            job.refresh()
            await self._finished(job, result)
        finally:
            job.refresh()
            job.run = None
            self._changed.set()

    async def _finished(self, job: Job, result: Mapping[str, Any]) -> None:
        job.task = None
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]
        if job.result is not None and not job.result.done():
            job.result.set_result(result)
        await self._completed(job, result)

    def _crashed(self, job: Job, error: Exception, lasted: float) -> None:
        pace = self._pace()
        known = isinstance(error, CouchregError)
        log.warning("Replication %s: %r", job.id, sentence(error), exc_info=None if known else error)
        if lasted > pace.health_threshold:
            job.crashes = 0
        wait = min(pace.first_wait * 2 ** min(job.crashes, MOST_CRASHES), pace.longest_wait)
        job.crashes += 1
        job.problem = sentence(error)
        job.not_before = time.time() + wait * random.uniform(1.0, 1.1)  # noqa: S311
        job.task = None
        job.note("crashed", job.problem)
        if job.result is not None:  # whoever waits for it hears of it and may ask again
            self._jobs.pop(job.id, None)
            if not job.result.done():
                told = error if known else CouchregError(sentence(error))
                job.result.set_exception(told)
