"""Which jobs run, with runs that do what they are told."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from couchreg.errors import CouchregError, TooManyRequests
from couchreg.model.user import User
from couchreg.replication.aside import SetAside
from couchreg.replication.jobs import Job
from couchreg.replication.options import parse
from couchreg.replication.run import Run
from couchreg.replication.scheduler import MOST_OF_ONE, Pace, Scheduler

ADMIN = User("admin", ("_admin",))
QUICK = Pace(max_jobs=3, max_churn=3, interval=0.05, first_wait=0.01, longest_wait=0.05)


class Told(Run):
    """Ends when it is told to, or fails."""

    def __init__(self, end: asyncio.Event, problem: Exception | None = None) -> None:
        self._end = end
        self._problem = problem
        self.source_seq = None

    async def execute(self) -> Mapping[str, Any]:
        if self._problem is not None:
            raise self._problem
        await self._end.wait()
        return {"done": True}


def job(name: str, user: User = ADMIN, **options: Any) -> Job:
    wanted = parse({"source": "http://x.org/a", "target": "http://x.org/b", **options})
    return Job(name, name, wanted, user, SetAside(None, name))


async def test_all_have_their_turn_though_few_run_at_once() -> None:
    began: Counter[str] = Counter()
    never = asyncio.Event()

    async def begin(job: Job) -> Run:
        began[job.id] += 1
        return Told(never)

    scheduler = Scheduler(begin, lambda: QUICK)
    scheduler.start()
    names = [f"job{n}" for n in range(10)]
    for name in names:
        scheduler.add(job(name, continuous=True))
    most = 0
    async with asyncio.timeout(30):
        while len(began) < len(names):
            most = max(most, sum(one.task is not None for one in scheduler.all()))
            await asyncio.sleep(0.005)
    await scheduler.stop()
    assert most == QUICK.max_jobs
    assert {event["type"] for event in scheduler.all()[0].history} <= {"added", "started", "stopped"}


async def test_one_shot_ones_are_not_interrupted() -> None:
    end = asyncio.Event()
    began: Counter[str] = Counter()

    async def begin(job: Job) -> Run:
        began[job.id] += 1
        return Told(end)

    scheduler = Scheduler(begin, lambda: QUICK)
    scheduler.start()
    for n in range(6):
        scheduler.add(job(f"job{n}"))
    await asyncio.sleep(QUICK.interval * 4)
    assert len(began) == QUICK.max_jobs
    end.set()
    async with asyncio.timeout(30):
        while scheduler.all():
            await asyncio.sleep(0.005)
    await scheduler.stop()
    assert set(began.values()) == {1}


async def test_one_that_crashes_waits_and_is_tried_again() -> None:
    tried: Counter[str] = Counter()
    end = asyncio.Event()
    end.set()

    async def begin(job: Job) -> Run:
        tried[job.id] += 1
        return Told(end, CouchregError("no", error="ill") if tried[job.id] <= 3 else None)

    ended: list[str] = []

    async def completed(job: Job, result: Mapping[str, Any]) -> None:
        ended.append(job.id)

    scheduler = Scheduler(begin, lambda: QUICK, completed=completed)
    scheduler.start()
    one = job("ill")
    scheduler.add(one)
    async with asyncio.timeout(30):
        while not ended:
            await asyncio.sleep(0.005)
    await scheduler.stop()
    crashes = [event for event in one.history if event["type"] == "crashed"]
    assert (tried["ill"], len(crashes), crashes[0]["reason"]) == (4, 3, "ill: no")


async def test_one_user_has_only_so_many() -> None:
    async def begin(job: Job) -> Run:
        return Told(asyncio.Event())

    scheduler = Scheduler(begin, lambda: QUICK)
    for n in range(MOST_OF_ONE):
        scheduler.add(job(f"job{n}", User("anna"), continuous=True))
    with pytest.raises(TooManyRequests):
        scheduler.add(job("more", User("anna"), continuous=True))
    scheduler.add(job("bobs", User("bob"), continuous=True))
    await scheduler.stop()
