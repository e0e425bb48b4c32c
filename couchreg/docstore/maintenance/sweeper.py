"""Removes, from time to time, the bytes that no document of any database refers to.

It composes what the store and the attachments offer; what a blob is for is not known here.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection
from functools import partial

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Store
from couchreg.docstore.maintenance.deleted import expire
from couchreg.docstore.maintenance.lacking import ADVICE, first_unknown
from couchreg.docstore.optional import referred_in
from couchreg.docstore.together import SWEEP, OneProcess, Processes
from couchreg.errors import CouchregError, NotFound
from couchreg.journal.failing import tell

log = logging.getLogger(__name__)

INTERVAL = 3600.0  # seconds between two sweeps


async def referred(store: Store, keys: Collection[str]) -> set[str]:
    """Those of these blob keys that a stored revision in some database of the server has.

    All of them while a database cannot be read, or its file is away: nobody knows what it needs.
    """
    moved = await store.missing()
    if moved:
        log.warning("Nothing is removed from the datastore while %s is away.", moved[0])
        return set(keys)
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

    Beside databases that were put back from an older copy, what no document refers to may be the files of
    versions that the copy lacks, however old they are. So all records of the blob store have to be known.
    """

    def __init__(
        self,
        store: Store,
        attachments: Attachments,
        *,
        grace: float,
        interval: float = INTERVAL,
        begun: float | None = None,
        recorded: str | None = None,
        undelete: float | None = None,
        processes: Processes | None = None,
    ) -> None:
        """With `processes` one of them at a time sweeps. `recorded` names the database whose revisions are
        recorded in the blob store. Deleted versions are kept for `undelete` seconds; with None their files
        are left alone."""
        self._store = store
        self._attachments = attachments
        self._grace = grace
        self._interval = interval
        self._begun = begun
        self._recorded = recorded
        self._undelete = undelete
        self._processes = processes or OneProcess()
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
        await self._processes.recover_sweep()
        found: dict[str, bool] = {}
        removed = await self._attachments.sweep(
            grace,
            lambda keys: self._needed(keys, found),
            waiting=self._grace,
            among=self._processes if self._attachments.others_write() else None,
        )
        self._begun = None
        if self._undelete is not None:
            lacks = partial(self._lacks, found)
            removed += await expire(self._attachments.blobs, self._undelete, lacks)
        return removed

    async def _needed(self, keys: Collection[str], found: dict[str, bool]) -> set[str]:
        """As `referred`; all of them, where the databases lack something."""
        needed = await referred(self._store, keys)
        return set(keys) if len(needed) < len(keys) and await self._lacks(found) else needed

    async def _lacks(self, found: dict[str, bool]) -> bool:
        """Whether the databases lack what was recorded. It is looked once a sweep, where something would be
        removed, and `found` remembers it."""
        if self._recorded is None:
            return False
        if "lacks" not in found:
            unknown = await first_unknown(self._store, self._recorded, self._attachments.blobs)
            found["lacks"] = unknown is not None
            if unknown is not None:
                log.warning(ADVICE.format(unknown))
        return found["lacks"]

    async def _run(self) -> None:
        await self._processes.task(SWEEP).ours()  # asked for here: who does not sweep keeps nobody from it
        while True:
            try:
                removed = await self.sweep()
            except Exception as error:
                tell(log, "The sweep, which is tried again,", error)
            else:
                log.log(logging.INFO if removed else logging.DEBUG, "removed %d unreferenced blobs", removed)
            await asyncio.sleep(self._interval)
