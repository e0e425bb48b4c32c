"""A store with its configuration at hand, so that whoever needs a setting neither waits nor asks a network.

The snapshot is read anew at the start, after every change made here, when somebody says so
(`_config/_reload`) and every REFRESH seconds: a change that another process has written counts here after
that time at the latest.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Self

from couchreg.docstore.base import Config, Store
from couchreg.docstore.proxy import StoreProxy
from couchreg.errors import BadRequest
from couchreg.journal.failing import tell

log = logging.getLogger(__name__)

REFRESH = 5.0  # seconds
MOST_HELD = 1000  # settings that are not stored


class CachedConfig(StoreProxy):
    """A `ConfiguredStore`: made by `load`, and kept fresh between `start` and `stop`."""

    def __init__(self, inner: Store, snapshot: Config, *, interval: float = REFRESH) -> None:
        super().__init__(inner)
        # Both are asked on every request, the configuration several times: without a detour of their own.
        self.open = inner.open  # type: ignore[method-assign]
        self.config: Callable[[], Config] = partial(getattr, self, "_snapshot")
        self._snapshot = snapshot
        self._held: dict[tuple[str, str], str | None] = {}  # set for this run alone, over what is stored
        self.tell_held: Callable[[bool], None] = lambda held: None  # whether there are any, before they count
        self._interval = interval
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, inner: Store, *, interval: float = REFRESH) -> Self:
        return cls(inner, await inner.read_config(), interval=interval)

    async def refresh_config(self) -> None:
        async with self._reading:  # an older answer never comes after a newer one
            stored = await self.inner.read_config()
            self._snapshot = _laid_over(stored, self._held) if self._held else stored
            self.inner.heed(self._snapshot)

    async def set_config(self, section: str, key: str, value: str | None, *, persist: bool = True) -> None:
        if persist:
            await self.inner.set_config(section, key, value)
            self._held.pop((section, key), None)
        elif len(self._held) < MOST_HELD or (section, key) in self._held:
            self.tell_held(True)
            self._held[section, key] = value
        else:
            raise BadRequest(f"At most {MOST_HELD} settings are kept without being stored.")
        await self.refresh_config()
        self.tell_held(bool(self._held))

    async def forget_config(self) -> None:
        self._held.clear()
        await self.refresh_config()
        self.tell_held(False)

    # -- what others change
    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="configuration")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.refresh_config()
                failing = False
            except Exception as error:
                if not failing:  # once for each trouble; what was read last holds meanwhile
                    tell(log, "Reading the configuration, which is tried again,", error)
                failing = True


def _laid_over(stored: Config, held: Mapping[tuple[str, str], str | None]) -> Config:
    found = {section: dict(values) for section, values in stored.items()}
    for (section, key), value in held.items():
        values = found.setdefault(section, {})
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
    return {section: values for section, values in found.items() if values}
