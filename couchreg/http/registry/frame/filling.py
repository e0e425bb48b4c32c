"""What is being made for pages: each thing once, whoever of those that wait for it goes away."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from couchreg.http.registry.frame.rendered import Key

T = TypeVar("T")
MOST = 50  # things at once; the turns of whoever makes them bound them besides
MOST_OF_ONE = 8  # of one asker; of a group twice as many
LINGER = 5.0  # seconds that something goes on for nobody: a page's script asks for the rest much sooner


@dataclass(eq=False, slots=True)
class _Filling:
    task: asyncio.Task[Any]
    askers: Sequence[str]
    waiting: int = 0
    end: asyncio.TimerHandle | None = None


class Fillings:
    """Whoever makes it calls `close`."""

    def __init__(self) -> None:
        self._under_way: dict[Key, _Filling] = {}

    async def made(self, key: Key, make: Callable[[], Coroutine[Any, Any, T]], askers: Sequence[str]) -> T:
        """What `make` gives; who comes with the same key meanwhile gets the same, so whoever calls has found
        out that they may have it. It ends when nobody has waited for it for a while. Where too much is being
        made, in all or for these `askers` (as in `Turns`), it begins when something else has ended. Raises
        what `make` does."""
        while (found := self._under_way.get(key)) is None and (before := self._before(askers)):
            await asyncio.wait(before, return_when=asyncio.FIRST_COMPLETED)
        filling = found or self._begin(key, make(), askers)
        filling.waiting += 1
        if filling.end is not None:
            filling.end.cancel()
            filling.end = None
        try:
            return cast("T", await asyncio.shield(filling.task))
        finally:
            filling.waiting -= 1
            if not filling.waiting and not filling.task.done():
                filling.end = asyncio.get_running_loop().call_later(LINGER, self._end, key, filling)

    def _before(self, askers: Sequence[str]) -> list[asyncio.Task[Any]]:
        """One of these has to end first; none where there is room."""
        running = [one for one in self._under_way.values() if not one.task.done()]
        for number, asker in enumerate(askers):
            mine = [one.task for one in running if asker in one.askers]
            if len(mine) >= MOST_OF_ONE * (2 if number else 1):
                return mine
        return [one.task for one in running] if len(running) >= MOST else []

    def _begin(self, key: Key, make: Coroutine[Any, Any, Any], askers: Sequence[str]) -> _Filling:
        filling = _Filling(asyncio.create_task(make, name=f"filling a page: {key[0]}"), askers)
        self._under_way[key] = filling
        filling.task.add_done_callback(lambda _: self._done(key, filling))
        return filling

    def _end(self, key: Key, filling: _Filling) -> None:
        self._forget(key, filling)  # who comes now has it made anew
        filling.task.cancel()

    def _done(self, key: Key, filling: _Filling) -> None:
        self._forget(key, filling)
        if filling.end is not None:
            filling.end.cancel()
        if not filling.task.cancelled():
            filling.task.exception()  # those who wait for it are told; nobody may be waiting

    def _forget(self, key: Key, filling: _Filling) -> None:
        if self._under_way.get(key) is filling:
            del self._under_way[key]

    async def close(self) -> None:
        tasks = [one.task for one in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
