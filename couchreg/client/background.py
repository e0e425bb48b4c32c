"""An event loop in a thread of its own, for callers that have none, or one that runs already (notebooks).

There is one for all clients of a process. It ends with the process, after what was opened on it is closed.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
_CLOSING = 5  # seconds, at the end of the process


class Closable(Protocol):
    async def close(self) -> None: ...


class LoopThread:
    """`run` and `iterate` from any thread but the loop's own."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._opened: set[Closable] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="couchreg client", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine; Ctrl-C in the waiting thread cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """The items of an asynchronous iterator, one at a time."""
        while True:
            try:
                yield self.run(_next(items))
            except StopAsyncIteration:
                return

    def opened(self, thing: Closable) -> None:
        """Close `thing` when the process ends, unless `close` did."""
        self._opened.add(thing)

    def close(self, thing: Closable) -> None:
        """Close what was opened here. Does not wait: it may be called while garbage is collected."""
        self._opened.discard(thing)
        if self._loop.is_running() and self.process == os.getpid():
            asyncio.run_coroutine_threadsafe(thing.close(), self._loop)

    def _end(self) -> None:
        if self.process != os.getpid() or not self._loop.is_running():
            return
        closing = asyncio.run_coroutine_threadsafe(self._close_all(), self._loop)
        closing.result(_CLOSING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING)
        self._loop.close()

    async def _close_all(self) -> None:
        opened, self._opened = self._opened, set()
        await asyncio.gather(*(thing.close() for thing in opened), return_exceptions=True)
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=_CLOSING / 2)


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


_lock = threading.Lock()
_current: LoopThread | None = None


def background() -> LoopThread:
    """The loop of this process; a forked child gets its own."""
    global _current
    with _lock:
        if _current is None or _current.process != os.getpid():
            _current = LoopThread()
        return _current
