"""What is made for pages is made once, and to its end."""

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

    waiting = [asyncio.create_task(fillings.made(("a",), make)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    go.set()
    assert await asyncio.gather(*waiting) == ["made", "made"]
    assert begun == [1]
    assert await fillings.made(("a",), make) == "made"
    assert begun == [1, 1]  # nothing is kept here


async def test_what_fails_fails_for_those_who_wait() -> None:
    fillings = Fillings()

    async def fail() -> str:
        raise Unavailable("not now")

    for _ in range(2):
        with pytest.raises(Unavailable, match="not now"):
            await fillings.made(("a",), fail)


async def test_there_are_few_at_once_and_none_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "MOST", 1)
    fillings, ended = Fillings(), []

    async def never() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(1)

    first, second = [asyncio.create_task(fillings.made((key,), never)) for key in "ab"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.cancel()  # it is its request's own
    await asyncio.wait([second])
    assert ended == [1]
    await fillings.close()
    await asyncio.wait([first])
    assert ended == [1, 1]
