"""Removes, from time to time, the bytes that no document of any database refers to.

It composes what the store and the attachments offer; what a blob is for is not known here.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Store
from couchreg.docstore.optional import referred_in
from couchreg.errors import CouchregError, NotFound

log = logging.getLogger(__name__)

INTERVAL = 3600.0  # seconds between two sweeps


async def referred(store: Store, keys: Collection[str]) -> set[str]:
    """Those of these blob keys that a stored revision in some database of the server has.

    All of them while a database cannot be read: nobody knows what it needs.
    """
    found: set[str] = set()
    for name in await store.names():
        try:
            found |= await referred_in(await store.open(name), keys)
        except NotFound:
            continue  # deleted since it was listed
        except CouchregError as error:
            log.warning("Nothing is removed from the datastore while %s cannot be read: %s", name, error)
            return set(keys)
        if len(found) == len(keys):
            break
        await asyncio.sleep(0)  # there may be many
    return found


class Sweeper:
    """Sweeps at the start and then every `interval` seconds; blobs younger than `grace` seconds stay.

    With `begun` (Unix time) the first sweep takes what is older than that: where nobody but this server
    writes, what an earlier life of it left unfinished is waited for by nobody.
    """

    def __init__(
        self,
        store: Store,
        attachments: Attachments,
        *,
        grace: float,
        interval: float = INTERVAL,
        begun: float | None = None,
    ) -> None:
        self._store = store
        self._attachments = attachments
        self._grace = grace
        self._interval = interval
        self._begun = begun
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
        grace = self._grace if self._begun is None else min(self._grace, time.time() - self._begun)
        removed = await self._attachments.sweep(
            grace, lambda keys: referred(self._store, keys), waiting=self._grace
        )
        self._begun = None
        return removed

    async def _run(self) -> None:
        while True:
            try:
                removed = await self.sweep()
            except Exception:
                log.exception("the sweep failed; it will be tried again")
            else:
                log.log(logging.INFO if removed else logging.DEBUG, "removed %d unreferenced blobs", removed)
            await asyncio.sleep(self._interval)
