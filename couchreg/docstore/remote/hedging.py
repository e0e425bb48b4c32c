"""One more attempt beside one that does not answer.

A node that stands still keeps its connections open, and a balancer may not know of it yet. Who waited for the
first attempt to fail would wait long, and each new connection may lead there again. Knows no HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from couchreg.errors import Unavailable

T = TypeVar("T")


async def hedged(once: Callable[[], Awaitable[T]], seconds: float) -> tuple[T, bool]:
    """What one of at most two attempts says, and whether both were begun: the second when the first has not
    answered for some seconds. Where both fail it raises an Unavailable of one that was sent, if there is one.
    """

    async def attempt() -> T:
        return await once()

    first = asyncio.create_task(attempt(), name="first attempt")
    running = {first}
    try:
        done, _ = await asyncio.wait(running, timeout=seconds)
        if done:
            return first.result(), False
        running.add(asyncio.create_task(attempt(), name="second attempt"))
        failed: list[Unavailable] = []
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result(), True
                if not isinstance(error, Unavailable):
                    raise error
                failed.append(error)
        raise next((error for error in failed if type(error) is Unavailable), failed[0])
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
