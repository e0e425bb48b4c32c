"""A second attempt beside one that does not answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from couchreg.docstore.remote.calls import NotSent
from couchreg.docstore.remote.hedging import hedged
from couchreg.errors import TooLarge, Unavailable

Attempt = Callable[[], Awaitable[str]]


def attempts(*wanted: tuple[float, str | Exception]) -> Attempt:
    """One after the other: after how many seconds it says or raises what."""
    left = list(wanted)

    async def attempt() -> str:
        seconds, found = left.pop(0)
        await asyncio.sleep(seconds)
        if isinstance(found, Exception):
            raise found
        return found

    return attempt


async def test_one_that_answers_soon_is_alone() -> None:
    assert await hedged(attempts((0.0, "one")), 60) == ("one", False)
    with pytest.raises(Unavailable):
        await hedged(attempts((0.0, Unavailable("no"))), 60)


async def test_whichever_answers_first_counts() -> None:
    assert await hedged(attempts((3600, "one"), (0.0, "two")), 0.01) == ("two", True)
    assert await hedged(attempts((0.1, "one"), (3600, "two")), 0.01) == ("one", True)
    assert await hedged(attempts((0.1, "one"), (0.0, Unavailable("no"))), 0.01) == ("one", True)


async def test_where_both_fail_nothing_is_said_not_to_be_sent_that_was() -> None:
    with pytest.raises(Unavailable) as raised:
        await hedged(attempts((0.1, Unavailable("sent")), (0.0, NotSent("not sent"))), 0.01)
    assert raised.value.reason == "sent"
    with pytest.raises(NotSent):
        await hedged(attempts((0.1, NotSent("one")), (0.0, NotSent("two"))), 0.01)
    with pytest.raises(TooLarge):
        await hedged(attempts((3600, "one"), (0.0, TooLarge("large"))), 0.01)


async def test_nothing_goes_on_when_whoever_asked_has_left() -> None:
    ended = list[str]()

    async def attempt() -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")
        return ""

    task = asyncio.create_task(hedged(attempt, 0.01))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"] * 2
