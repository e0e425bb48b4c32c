"""Which processes are at work on a registry, and which of them does what only one may do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from couchreg.docstore.remote import AtWork, CouchAddress, Members, RemoteStore
from couchreg.docstore.remote.calls import CouchCalls
from couchreg.docstore.remote.members import Rhythm
from couchreg.errors import Unavailable
from tests.docstore import couchdbs
from tests.docstore.writing import edit, put_one

PATIENT = Rhythm(0.02, 3600, 3600)
HASTY = Rhythm(0.02, 3600, 0.05)  # dead for others, as soon as it has stopped writing for a moment

Made = Callable[..., Members]


@pytest.fixture
async def made(remote: RemoteStore) -> AsyncIterator[Made]:
    all_made: list[Members] = []

    def make(name: str = "a", *, alone: bool = False, rhythm: Rhythm = PATIENT, **more: object) -> Members:
        members = Members(remote.private, name, alone=alone, rhythm=rhythm, **more)  # type: ignore[arg-type]
        all_made.append(members)
        return members

    yield make
    for members in all_made:
        await members.stop()


# -- those who must be alone
async def test_who_is_alone_at_work_is_left_alone(remote: RemoteStore, made: Made) -> None:
    first = made(alone=True)
    await first.join()
    first.start()

    async def until_written(_: float) -> None:
        rev = (await remote.private.read(f"process:{first.own}") or {})["_rev"]
        while (await remote.private.read(f"process:{first.own}") or {})["_rev"] == rev:
            await asyncio.sleep(0.02)

    for alone in (True, False):
        with pytest.raises(AtWork):
            await made("b", alone=alone, pause=until_written).join()
    remote.calls.gate = first.check
    await put_one(await remote.create("db"), edit("a"))


async def test_who_is_dead_is_followed_and_writes_nothing_more(remote: RemoteStore, made: Made) -> None:
    told = asyncio.Event()
    first = made(alone=True, rhythm=HASTY, lost=told.set)
    await first.join()
    remote.calls.gate = first.check
    database = await remote.create("db")
    second = made("b", alone=True)
    await second.join()
    first.start()  # it lived
    await told.wait()
    with pytest.raises(Unavailable, match="Another couchreg has taken over"):
        await put_one(database, edit("a"))
    for write in (remote.create("x"), remote.delete("db"), remote.set_config("a", "b", "c")):
        with pytest.raises(Unavailable):
            await write
    assert (await database.info()).doc_count == 0


async def test_who_is_not_sure_writes_nothing(made: Made) -> None:
    members = made(rhythm=Rhythm(0.02, 0, 3600))
    await members.join()
    with pytest.raises(Unavailable, match="has not answered for a while"):
        members.check()


async def test_who_has_stopped_keeps_nobody_waiting(made: Made) -> None:
    async def never(_: float) -> None:
        raise AssertionError("it waits")

    first = made(alone=True)
    await first.join()
    await first.stop()
    await made("b", alone=True, pause=never).join()


async def test_who_stops_while_it_writes_keeps_nobody_waiting(
    remote: RemoteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is done, though nobody waits for the answer."""
    sent = asyncio.Event()
    write = remote.private.soon.write

    async def write_unheard(*args: Any, **more: Any) -> str:
        await write(*args, **more)
        sent.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    members = made()
    await members.join()
    with monkeypatch.context() as patch:
        patch.setattr(members._soon, "write", write_unheard)
        members.start()
        await sent.wait()
        await members.stop()
    assert not await made("b").is_at_work(members.own)


async def test_a_start_that_is_broken_off_keeps_nobody_waiting(
    remote: RemoteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = asyncio.Event()
    write = remote.private.soon.write

    async def write_unheard(*args: Any, **more: Any) -> str:
        await write(*args, **more)
        sent.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    members = made(alone=True)
    with monkeypatch.context() as patch:
        patch.setattr(members._soon, "write", write_unheard)
        joining = asyncio.create_task(members.join())
        await sent.wait()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        await members.stop()
    assert not await made("b").is_at_work(members.own)


async def test_who_must_be_alone_from_now_on_has_to_be(made: Made) -> None:
    first = made()
    await first.join()
    await first.be_alone()
    assert first.task("x").is_ours
    second, third = made(pause=lambda _: asyncio.sleep(0)), made("c")
    await first.stop()
    await second.join()
    await third.join()
    with pytest.raises(Unavailable, match="at work"):
        await third.be_alone()


# -- several
async def test_one_at_a_time_does_a_task_and_another_one_when_it_is_dead(made: Made) -> None:
    told = asyncio.Event()
    first, second = made(rhythm=HASTY, lost=told.set), made("b", rhythm=HASTY)
    for members in (first, second):
        await members.join()
    first.start()
    mine, theirs = first.task("sweep"), second.task("sweep")
    await mine.ours()
    mine.check()
    own = first.own
    running, first._running = first._running, None  # as a process that stands still
    assert running is not None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await second.is_at_work(own)
    second.start()
    await theirs.ours()
    assert not await second.is_at_work(own)
    first.start()  # it goes on
    await told.wait()
    with pytest.raises(Unavailable):
        mine.check()
    theirs.check()


async def test_what_somebody_does_who_lives_is_not_taken(made: Made) -> None:
    first, second = made(), made("b")
    for members in (first, second):
        await members.join()
        members.start()
    await first.task("sweep").ours()
    theirs = second.task("sweep")
    await second.task("another").ours()  # it has looked
    assert not theirs.is_ours
    with pytest.raises(Unavailable, match="Another couchreg does this"):
        theirs.check()
    await first.stop()
    await theirs.ours()


async def test_a_turn_is_one_at_a_time(made: Made) -> None:
    first, second = made(), made("b")
    inside: list[str] = []

    async def enter(name: str, members: Members) -> None:
        for _ in range(3):
            async with members.turn("start"):
                inside.append(name)
                assert len(inside) == 1
                await asyncio.sleep(0.05)
                inside.remove(name)

    for members in (first, second):
        await members.join()
        members.start()
    await asyncio.gather(enter("a", first), enter("b", second))


async def test_nobody_is_taken_for_dead_where_nothing_could_be_read(remote: RemoteStore, made: Made) -> None:
    """What was seen before a time without answers proves nothing."""
    first, second = made(rhythm=Rhythm(0.02, 3600, 0.0)), made("b", rhythm=Rhythm(0.02, -1.0, 3600))
    await first.join()
    await second.join()
    for _ in range(3):
        await second._look()
    assert await second.is_at_work(first.own)
    patient = made("c")
    await patient.join()
    for _ in range(2):
        await patient._look()
    assert not await second.is_at_work(first.own)


# -- whatever else happens
async def until_told(remote: RemoteStore, members: Members, times: int = 2) -> None:
    """Until its document was written so many times more."""
    async with asyncio.timeout(30):
        for _ in range(times):
            rev = (await remote.private.read(f"process:{members.own}") or {})["_rev"]
            while (await remote.private.read(f"process:{members.own}") or {})["_rev"] == rev:
                await asyncio.sleep(0.02)


def once(there: Callable[..., Awaitable[Any]], first: Callable[[], Awaitable[Any]]) -> Callable[..., Any]:
    """Something else for the first call."""
    calls = iter([first])

    async def call(*args: Any, **more: Any) -> Any:
        instead = next(calls, None)
        return await (there(*args, **more) if instead is None else instead())

    return call


async def test_an_answer_of_another_kind_ends_nothing(
    remote: RemoteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def strange() -> None:
        raise KeyError("rows")

    members = made()
    await members.join()
    for name in ("between", "write"):
        monkeypatch.setattr(members._soon, name, once(getattr(members._soon, name), strange))
    members.start()
    await until_told(remote, members)
    async with asyncio.timeout(30):
        await members.task("x").ours()
    members.check()


async def test_no_write_waits_for_a_look_or_for_an_answer_that_does_not_come(
    remote: RemoteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = made(rhythm=Rhythm(0.02, 3600, 3600, 0.2))
    await members.join()
    for name in ("between", "write"):
        monkeypatch.setattr(members._soon, name, once(getattr(members._soon, name), asyncio.Event().wait))
    members.start()
    await until_told(remote, members)
    members.check()


async def test_no_write_waits_behind_what_clients_ask(couch_door: str) -> None:
    prefix = couchdbs.new_prefix()
    address = CouchAddress.parse(f"{couch_door}/{prefix}")
    looking, busy = RemoteStore(address), RemoteStore(address, calls=CouchCalls(address, connections=1))
    members = Members(busy.private, "a", alone=False, rhythm=PATIENT)
    try:
        await busy.prepare()
        await busy.create("db")
        await members.join()
        path = f"/{prefix}%2Fdb/_changes"
        async with busy.calls.opened("GET", path, query={"feed": "longpoll", "timeout": "60000"}):
            members.start()
            await until_told(looking, members)
            async with asyncio.timeout(30):
                await members.task("x").ours()
    finally:
        await members.stop()
        await busy.close()
        await looking.close()
        await couchdbs.remove(couch_door, prefix)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
async def test_time_goes_on_while_the_machine_is_suspended(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = made()
    await members.join()
    members.check()
    after = time.clock_gettime(time.CLOCK_BOOTTIME) + 2 * PATIENT.good
    monkeypatch.setattr(time, "clock_gettime", lambda clock: after)
    with pytest.raises(Unavailable, match="has not answered for a while"):
        members.check()


async def test_few_revisions_are_kept_of_what_is_written_every_second(remote: RemoteStore) -> None:
    assert await (await remote.private.asking.ask("GET", "/_revs_limit")).json() == 10
    await remote.prepare()
