"""A store with its configuration at hand, so that whoever needs a setting neither waits nor asks a network.

The snapshot is read anew at the start, after every change made here, when somebody says so
(`_config/_reload`) and every REFRESH seconds: a change that another process has written counts here after
that time at the latest.
"""

import asyncio
import contextlib
import logging
from typing import Self

from couchreg.docstore.base import Config, Store
from couchreg.docstore.proxy import StoreProxy

log = logging.getLogger(__name__)

REFRESH = 5.0  # seconds


class CachedConfig(StoreProxy):
    """A `ConfiguredStore`: made by `load`, and kept fresh between `start` and `stop`."""

    def __init__(self, inner: Store, snapshot: Config, *, interval: float = REFRESH) -> None:
        super().__init__(inner)
        self._snapshot = snapshot
        self._interval = interval
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, inner: Store, *, interval: float = REFRESH) -> Self:
        return cls(inner, await inner.read_config(), interval=interval)

    def config(self) -> Config:
        return self._snapshot

    async def refresh_config(self) -> None:
        async with self._reading:  # an older answer never comes after a newer one
            self._snapshot = await self.inner.read_config()

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        await self.inner.set_config(section, key, value)
        await self.refresh_config()

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
            except Exception:
                if not failing:  # once for each trouble; what was read last holds meanwhile
                    log.exception("the configuration cannot be read; it will be tried again")
                failing = True
