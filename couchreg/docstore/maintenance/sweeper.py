"""Removes, from time to time, the bytes that no document of any database refers to.

It composes what the store and the attachments offer; what a blob is for is not known here.
"""

import asyncio
import contextlib
import logging

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Store
from couchreg.docstore.optional import is_referred
from couchreg.errors import NotFound

log = logging.getLogger(__name__)

INTERVAL = 3600.0  # seconds between two sweeps


async def referred(store: Store, key: str) -> bool:
    """Whether a stored revision in some database of the server has an attachment with this blob key."""
    for name in await store.names():
        with contextlib.suppress(NotFound):  # deleted since it was listed
            if await is_referred(await store.open(name), key):
                return True
    return False


class Sweeper:
    """Sweeps at the start and then every `interval` seconds; blobs younger than `grace` seconds stay."""

    def __init__(
        self, store: Store, attachments: Attachments, *, grace: float, interval: float = INTERVAL
    ) -> None:
        self._store = store
        self._attachments = attachments
        self._grace = grace
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self) -> int:
        """One sweep; how many blobs it removed."""
        return await self._attachments.sweep(self._grace, lambda key: referred(self._store, key))

    async def _run(self) -> None:
        while True:
            try:
                removed = await self.sweep()
            except Exception:
                log.exception("the sweep failed; it will be tried again")
            else:
                log.log(logging.INFO if removed else logging.DEBUG, "removed %d unreferenced blobs", removed)
            await asyncio.sleep(self._interval)
