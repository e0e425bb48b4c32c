"""What is being made for pages: each thing once, and to its end, whoever still waits for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from couchreg.http.registry.frame.rendered import Key

T = TypeVar("T")
MOST = 50  # things at once; the turns of whoever makes them bound them besides


class Fillings:
    """Whoever makes it calls `close`."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Task[Any]] = {}

    async def made(self, key: Key, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` gives, which goes on where whoever waits for it goes away; who comes with the same key
        meanwhile gets the same. Where too much is being made it ends with its request. Raises what `make`
        does."""
        task = cast("asyncio.Task[T] | None", self._under_way.get(key))
        if task is None:
            if len(self._under_way) >= MOST:
                return await make()
            task = asyncio.create_task(make(), name=f"filling a page: {key[0]}")
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Key, task: asyncio.Task[Any]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # those who wait for it are told; nobody may be waiting

    async def close(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
