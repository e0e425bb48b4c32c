"""One process at a time is at work on a registry."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from couchreg.docstore.remote import AtWork, Holding, RemoteStore, holding
from couchreg.errors import Unavailable
from tests.docstore.writing import edit, put_one


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "BEAT", 0.02)


@pytest.fixture
def told() -> asyncio.Event:
    """That the first one has lost it."""
    return asyncio.Event()


@pytest.fixture
async def first(remote: RemoteStore, told: asyncio.Event) -> AsyncIterator[Holding]:
    held = Holding(remote.private, "first", good=3600, lost=told.set)
    await held.take()
    remote.calls.gate = held.check
    yield held
    await held.stop()


async def test_who_is_at_work_is_left_alone(remote: RemoteStore, first: Holding) -> None:
    first.start()

    async def written(_: float) -> None:
        rev = (await remote.private.read("holder") or {})["_rev"]
        while (await remote.private.read("holder") or {})["_rev"] == rev:
            await asyncio.sleep(0.02)

    with pytest.raises(AtWork):
        await Holding(remote.private, "second", pause=written).take()
    await put_one(await remote.create("db"), edit("a"))


async def test_who_is_quiet_is_followed_and_writes_nothing_more(
    remote: RemoteStore, first: Holding, told: asyncio.Event
) -> None:
    database = await remote.create("db")
    second = Holding(remote.private, "second", quiet=0)
    await second.take()
    first.start()
    await told.wait()
    with pytest.raises(Unavailable, match="Another couchreg has taken over"):
        await put_one(database, edit("a"))
    for write in (remote.create("x"), remote.delete("db"), remote.set_config("a", "b", "c")):
        with pytest.raises(Unavailable):
            await write
    assert (await database.info()).doc_count == 0
    await second.stop()


async def test_who_is_not_sure_writes_nothing(remote: RemoteStore, first: Holding) -> None:
    short = Holding(remote.private, "first", good=0)
    await short.take()
    with pytest.raises(Unavailable, match="has not answered for a while"):
        short.check()
    await short.stop()


async def test_a_crash_of_its_own_keeps_nobody_waiting(
    remote: RemoteStore, first: Holding, told: asyncio.Event
) -> None:
    again = Holding(remote.private, "first", quiet=3600)
    await again.take()
    again.check()
    first.start()  # it was no crash: a copy of the data directory is at work
    await told.wait()
    with pytest.raises(Unavailable, match="Another couchreg"):
        first.check()
    await again.stop()
    other = Holding(remote.private, "other", quiet=3600)
    await other.take()  # who has stopped is nobody
    await other.stop()
