"""The work behind the ledger: what is pending in it is made, small tables first, a few versions at a time.

One place is for small tables alone, so that they do not wait for hours behind large ones. Whatever ends it,
what is pending stays so, and goes on with the next start.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress

from couchreg.analytics.converting import Converter
from couchreg.analytics.known import Known
from couchreg.analytics.ledger import READY, Table
from couchreg.blobstore.base import BlobStore
from couchreg.errors import NotFound, StorageFailure, Unavailable
from couchreg.followers.base import RebuildNeeded
from couchreg.registry.reading.catalog import Catalog

log = logging.getLogger(__name__)
SMALL = 16 << 20  # bytes of a source
_LARGEST = 1 << 62
_LOOKED_AT = 50  # pending tables from which the next is chosen
_TOGETHER = 20  # tables of a version that one child makes
_TELLING = 1 << 20  # bytes of a source from which on its length, not its being a table, makes the time
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 30.0  # seconds before trying again
_FAILS = (Unavailable, StorageFailure, OSError, RebuildNeeded)


class MakingPace:
    """What making a table takes of late: so many seconds for each, and so many for each byte of its source.
    Before anything is known it is what a small machine takes."""

    def __init__(self) -> None:
        self._of_each, self._of_byte = 1.0, 1 / (4 << 20)

    def note(self, size: int, seconds: float) -> None:
        """That a table with a source of so many bytes took so long."""
        if size < _TELLING:
            self._of_each = _mixed(self._of_each, seconds)
        else:
            self._of_byte = _mixed(self._of_byte, max(seconds - self._of_each, seconds / 2) / size)

    def seconds(self, tables: int, size: int) -> float:
        """That so many tables with so many bytes of sources will take, one after the other."""
        return tables * self._of_each + size * self._of_byte


def _mixed(known: float, now: float) -> float:
    return 0.7 * known + 0.3 * now


class Making:
    """Whoever makes it calls `start` and `stop`."""

    def __init__(self, known: Known, catalog: Catalog, blobs: BlobStore, converter: Converter) -> None:
        self._known, self._catalog, self._blobs, self._converter = known, catalog, blobs, converter
        self._busy: set[tuple[str, str]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.pace = MakingPace()

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._lane(most), name=f"tables up to {most}") for most in (_LARGEST, SMALL)
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._converter.close()

    async def _lane(self, most: int) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                moved = await self._next(most)
                wait = _FIRST_WAIT if moved else min(wait * 2, _LONGEST_WAIT)
            except NotFound:  # a file has gone with its version, and the follower is about to say so
                moved, wait = False, min(wait * 2, _LONGEST_WAIT)
            except _FAILS as error:
                log.warning("tables: %s It is tried again.", error)
                moved, wait = False, min(wait * 2, _LONGEST_WAIT)
            except Exception:
                log.exception("tables: a failure of ours; it is tried again")
                moved, wait = False, min(wait * 2, _LONGEST_WAIT)
            if not moved:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._known.news()

    async def _next(self, most: int) -> bool:
        """Make the tables of the next version; False when there is nothing to do now."""
        found = await self._known.pending(most, _LOOKED_AT)
        free = [table for table in found if table[:2] not in self._busy]
        if not free:
            return False
        place = free[0][:2]
        self._busy.add(place)
        try:
            together = [table for table in free if table[:2] == place and table.attempts == free[0].attempts]
            return await self._make(together[:_TOGETHER])
        finally:
            self._busy.discard(place)

    async def _make(self, tables: Sequence[Table]) -> bool:
        try:
            version = await self._catalog.version(tables[0].name, tables[0].version)
        except NotFound:
            return False  # deleted: the follower is about to say so
        current = [
            table for table in tables if table.rev == version.rev and table.resource in version.resources
        ]
        if not current:
            return False
        began = time.monotonic()
        async with aclosing(self._converter.make(version, current)) as made:
            async for table in made:
                if table.state == READY:  # one that has failed was not read to its end
                    self.pace.note(table.source_bytes, time.monotonic() - began)
                if not await self._known.settle(table) and table.state == READY:
                    await self._blobs.delete(table.key, durably=True)  # of a version that has gone meanwhile
                began = time.monotonic()
        return True
