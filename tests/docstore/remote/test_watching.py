"""Who waits for a change is told of it, whoever else comes and goes."""

import asyncio

import pytest

from couchreg.docstore.base import Seq
from couchreg.docstore.remote.watching import Watcher
from couchreg.errors import Unavailable


def seq(number: int) -> Seq:
    return Seq(number, str(number), "life")


class Feed:
    """Tells what it is given, and nothing before."""

    def __init__(self) -> None:
        self.asked: list[Seq] = []
        self.told: asyncio.Queue[Seq | Exception] = asyncio.Queue()

    async def poll(self, since: Seq) -> Seq:
        self.asked.append(since)
        told = await self.told.get()
        if isinstance(told, Exception):
            raise told
        return told


@pytest.fixture
def feed() -> Feed:
    return Feed()


async def waiting(watcher: Watcher, number: int) -> asyncio.Task[None]:
    task = asyncio.create_task(watcher.wait(seq(number)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_who_comes_with_an_older_place_than_the_feed_is_at_does_not_wait(feed: Feed) -> None:
    watcher = Watcher(feed.poll)
    first = await waiting(watcher, 6)
    await watcher.wait(seq(5))
    feed.told.put_nowait(seq(7))
    await first
    await watcher.wait(seq(6))  # nobody waits any more, and 7 was seen
    again = await waiting(watcher, 6)  # once is enough: what was seen may be gone
    assert not again.done()
    feed.told.put_nowait(seq(8))
    await again
    await watcher.close()


async def test_who_comes_as_the_last_one_leaves_is_told(feed: Feed) -> None:
    watcher = Watcher(feed.poll)
    first = await waiting(watcher, 1)
    first.cancel()
    second = asyncio.create_task(watcher.wait(seq(1)))
    await asyncio.wait([first])
    for _ in range(3):
        await asyncio.sleep(0)
    feed.told.put_nowait(seq(2))
    await second
    await watcher.close()


async def test_what_cannot_be_understood_keeps_nobody_waiting(
    feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher(feed.poll)
    first = await waiting(watcher, 1)
    feed.told.put_nowait(ValueError("no JSON"))
    with pytest.raises(Unavailable, match="cannot be understood"):
        await first
    assert "no JSON" in caplog.text
    second = await waiting(watcher, 1)
    feed.told.put_nowait(seq(2))
    await second
    await watcher.close()
