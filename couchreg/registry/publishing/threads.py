"""Work on files in a thread that ends when nobody waits for it any more."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")
IsStopped = Callable[[], bool]


class Abandoned(Exception):
    """Raised in the thread: whoever asked for the work has gone."""


async def in_thread(work: Callable[[IsStopped], Result]) -> Result:
    """Run `work` in a thread; it asks its argument from time to time whether to end, and raises Abandoned.

    When the caller is cancelled this returns only after the thread has ended, so that files may be removed.
    """
    stop = threading.Event()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop.is_set)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await ended(running)
        raise


async def at_once(work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """`work` on the event loop, in place of `asyncio.to_thread`: for what takes less time than a hop."""
    return work(*args, **kwargs)


async def ended(running: "asyncio.Future[Result]") -> None:
    """Wait until it has ended, whatever becomes of it and however often we are cancelled meanwhile."""
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue
    if not running.cancelled():
        running.exception()


async def whole(write: Coroutine[Any, Any, Result]) -> Result:
    """Write to the end, also when nobody waits for it any more: half of it would be of no use."""
    writing = asyncio.ensure_future(write)
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await ended(writing)
        raise
