"""What is made for pages is made once, for as long as somebody wants it."""

import asyncio

import pytest

from couchreg.errors import Unavailable
from couchreg.http.registry.frame import filling
from couchreg.http.registry.frame.filling import Fillings


async def test_who_comes_meanwhile_gets_the_same_and_who_goes_ends_nothing() -> None:
    fillings, go, begun = Fillings(), asyncio.Event(), []

    async def make() -> str:
        begun.append(1)
        await go.wait()
        return "made"

    waiting = [asyncio.create_task(fillings.made(("a",), make, ())) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    go.set()
    assert await asyncio.gather(*waiting) == ["made", "made"]
    assert begun == [1]
    assert await fillings.made(("a",), make, ()) == "made"
    assert begun == [1, 1]  # nothing is kept here


async def test_what_fails_fails_for_those_who_wait() -> None:
    fillings = Fillings()

    async def fail() -> str:
        raise Unavailable("not now")

    for _ in range(2):
        with pytest.raises(Unavailable, match="not now"):
            await fillings.made(("a",), fail, ())


async def test_what_nobody_waits_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    fillings, ended = Fillings(), asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def leave(*waiting: asyncio.Task[None]) -> None:
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)

    monkeypatch.setattr(filling, "LINGER", 0.01)
    first, second = [asyncio.create_task(fillings.made(("a",), never, ())) for _ in range(2)]
    await leave(first)
    await asyncio.sleep(0.1)
    assert not ended.is_set()  # one waits
    await leave(second)
    async with asyncio.timeout(60):
        await ended.wait()
    ended.clear()
    monkeypatch.setattr(filling, "LINGER", 3600.0)
    await leave(asyncio.create_task(fillings.made(("a",), never, ())))
    again = asyncio.create_task(fillings.made(("a",), never, ()))  # as a page's script does
    await asyncio.sleep(0)
    assert not ended.is_set()
    await fillings.close()
    await asyncio.wait([again])
    assert ended.is_set()


async def test_what_is_too_much_begins_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "MOST", 3)
    monkeypatch.setattr(filling, "MOST_OF_ONE", 1)
    fillings, begun = Fillings(), []
    go = {key: asyncio.Event() for key in "abcdef"}
    askers = {"a": ("anna", "net"), "b": ("anna", "net"), "c": ("bob", "net"), "d": ("carl", "net")}

    def filled(key: str) -> asyncio.Task[None]:
        async def make() -> None:
            begun.append(key)
            await go[key].wait()

        return asyncio.create_task(fillings.made((key,), make, askers.get(key, (key,))))

    async def begins(*keys: str) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        assert begun == list(keys)

    tasks = [filled(key) for key in "abcdef"]
    await begins("a", "c", "e")  # b has its share; d's network has its own; f finds no room
    go["c"].set()
    await begins("a", "c", "e", "d")
    go["a"].set()
    await begins("a", "c", "e", "d", "b")
    for event in go.values():
        event.set()
    await asyncio.gather(*tasks)
    assert sorted(begun) == list("abcdef")


async def test_none_go_on_at_the_end() -> None:
    fillings, ended = Fillings(), []

    async def never() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(1)

    first = asyncio.create_task(fillings.made(("a",), never, ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await fillings.close()
    await asyncio.wait([first])
    assert ended == [1]
