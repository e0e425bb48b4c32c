"""What no process has in hand may be removed, and nothing else, whoever comes and goes meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

import pytest

from couchreg.docstore.attachments.pins import Pins
from couchreg.docstore.remote import Members, RemoteStore, rounds
from couchreg.docstore.remote.members import Rhythm
from couchreg.docstore.together import SWEEP
from couchreg.errors import Unavailable

PATIENT = Rhythm(0.02, 3600, 3600)


class Process:
    """One with blobs in its hands."""

    def __init__(self, remote: RemoteStore, rhythm: Rhythm = PATIENT) -> None:
        self.doubts = False
        self.pins = Pins()
        self.members = Members(remote.private, "x", alone=False, rhythm=rhythm, doubts=lambda: self.doubts)

    async def start(self) -> None:
        await self.members.join()
        self.members.start()
        await self.members.heed(self.pins)


Start = Callable[..., Awaitable[Process]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LATE", 0.0)
    monkeypatch.setattr(rounds, "LOOK", 0.01)


@pytest.fixture
async def started(remote: RemoteStore) -> AsyncIterator[Start]:
    all_started: list[Process] = []

    async def start(rhythm: Rhythm = PATIENT) -> Process:
        process = Process(remote, rhythm)
        all_started.append(process)
        await process.start()
        return process

    yield start
    for process in all_started:
        await process.members.stop()


@pytest.fixture
async def sweeper(started: Start) -> Process:
    process = await started()
    await process.members.task(SWEEP).ours()
    return process


@pytest.fixture
async def other(started: Start, sweeper: Process) -> Process:
    return await started()


async def free(process: Process, *keys: str) -> set[str]:
    async with process.members.sweeping(keys) as found:
        return set(found)


async def test_what_somebody_has_in_hand_is_left(sweeper: Process, other: Process) -> None:
    await sweeper.pins.add("a")
    await other.pins.add("b")
    assert await free(sweeper, "a", "b", "c") == {"c"}
    other.pins.release(["b"], kept=True)
    assert await free(sweeper, "a", "b", "c") == {"b", "c"}


async def test_nobody_takes_what_is_being_removed(sweeper: Process, other: Process, started: Start) -> None:
    """Nor does a process that comes meanwhile; when it is over everybody may."""
    async with sweeper.members.sweeping(["a"]) as found:
        assert found == {"a"}
        third = await started()
        waiting = [asyncio.ensure_future(one.pins.add("a")) for one in (sweeper, other, third)]
        await asyncio.wait([other_key := asyncio.ensure_future(other.pins.add("b"))])
        assert other_key.result()
        assert not any(one.done() for one in waiting)
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_who_waits_for_long_is_told(
    sweeper: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchreg.docstore.attachments.pins.LONGEST", 0.0)
    async with sweeper.members.sweeping(["a"]):
        with pytest.raises(Unavailable, match="is being removed"):
            await other.pins.add("a")
    while other.pins.removes("a"):
        await asyncio.sleep(0.01)
    assert await other.pins.add("a")


async def test_nothing_is_removed_while_somebody_is_not_sure(sweeper: Process, other: Process) -> None:
    other.doubts = True
    assert await free(sweeper, "a") == set()
    other.doubts = False
    while await free(sweeper, "a") != {"a"}:  # until it has said so
        await asyncio.sleep(0.01)


async def test_nothing_is_removed_while_somebody_does_not_answer(
    sweeper: Process, remote: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Process(remote)
    await silent.members.join()
    monkeypatch.setattr(rounds, "TIMEOUT", 0.3)
    assert await free(sweeper, "a") == set()
    await silent.members.stop()


async def test_nothing_is_removed_for_long_after_somebody_has_gone(
    sweeper: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has sent may still come to its end. So it is after a start, before which one may have gone."""
    assert await free(sweeper, "a") == {"a"}
    monkeypatch.setattr(rounds, "LATE", 3600.0)
    assert await free(sweeper, "a") == set()


async def test_a_round_whose_process_died_is_ended_by_the_next(
    sweeper: Process, other: Process, remote: RemoteStore
) -> None:
    await remote.private.write(rounds.ROUND, {"round": 7, "keys": ["a"]}, None)
    while not other.pins.removes("a"):
        await asyncio.sleep(0.01)
    await sweeper.members.recover_sweep()
    assert await other.pins.add("a")
    assert await free(sweeper, "a", "b") == {"b"}


@pytest.mark.parametrize("error", [Unavailable("the answer to a removal was lost"), KeyError("was lost")])
async def test_what_failed_is_left_alone_for_longer(
    sweeper: Process, other: Process, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    slept: list[bool] = []

    async def sleep(seconds: float) -> None:
        slept.append(other.pins.removes("a"))

    async def fail() -> Collection[str]:
        async with sweeper.members.sweeping(["a"]):
            monkeypatch.setattr(rounds.asyncio, "sleep", sleep)
            raise error

    with pytest.raises(type(error), match="was lost"):
        await fail()
    monkeypatch.undo()
    assert slept[0]


async def test_only_who_has_the_task_sweeps(sweeper: Process, other: Process) -> None:
    task = other.members.task(SWEEP)
    with pytest.raises(Unavailable, match="Another couchreg does this"):
        task.check()
    await sweeper.members.stop()
    await task.ours()
    assert await free(other, "a") == {"a"}


async def test_somebody_who_goes_unseen_during_a_round_ends_it(remote: RemoteStore) -> None:
    """Another process buries it between two looks: what it was writing may still come to its end."""
    one = rounds.Rounds(remote.private, lambda: False)
    own = {"_id": "process:own", "held": [], "doubts": False}
    silent = {"_id": "process:silent", "round": None, "held": [], "doubts": False}
    answers = iter([[own, silent], [own, silent], [own]])

    async def answer() -> list[dict[str, object]]:
        found = await remote.private.read(rounds.ROUND)
        return [{"round": (found or {}).get("round"), **said} for said in next(answers)]

    async with one.round(["a"], answer, lambda: None) as found:
        assert found == set()


async def test_somebody_who_went_just_before_a_round_prevents_it(remote: RemoteStore) -> None:
    one = rounds.Rounds(remote.private, lambda: False)
    assert one.are_there(["process:own", "process:gone"])

    async def answer() -> list[dict[str, object]]:
        found = await remote.private.read(rounds.ROUND)
        return [{"_id": "process:own", "round": (found or {}).get("round"), "held": [], "doubts": False}]

    async with one.round(["a"], answer, lambda: None) as found:
        assert found == set()
    async with one.round(["a"], answer, lambda: None) as found:
        assert found == {"a"}


async def test_what_is_broken_off_is_left_alone_until_the_next_sweep(
    sweeper: Process, other: Process
) -> None:
    """A removal that was under way may be done late; the end of a process does not wait for it."""
    inside = asyncio.Event()

    async def remove() -> None:
        async with sweeper.members.sweeping(["a"]):
            inside.set()
            await asyncio.Event().wait()

    removing = asyncio.ensure_future(remove())
    await inside.wait()
    removing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await removing
    await sweeper.members.stop()
    await other.members.task(SWEEP).ours()
    assert other.pins.removes("a")
    await other.members.recover_sweep()
    assert await other.pins.add("a")
