"""Parquet files as files of this machine: the store's own, or with a bucket copies that are kept while
there is room."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from couchreg.analytics.ledger import Table
from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.digests import digests_of_file
from couchreg.blobstore.spool import Spool
from couchreg.errors import NotFound

LOOKED_AT = 10_000  # files of which it is known that they are whole
ROOM = 4 << 30  # bytes of copies; one that is larger is there as long as it is used


@dataclass
class _Copy:
    spooled: Spooled
    users: int = 0


class TableCopies:
    """`take` a file for as long as the block lasts. What is here at the end is removed with the spool."""

    def __init__(self, blobs: BlobStore, spool: Spool, room: int = ROOM) -> None:
        self._blobs, self._spool, self._room = blobs, spool, room
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._fetching = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._looked_at: OrderedDict[str, tuple[int, int, int]] = OrderedDict()  # and found to be whole

    @asynccontextmanager
    async def take(self, table: Table) -> AsyncIterator[Path]:
        """Raises NotFound when the file has gone, or is not as long as it was made, and Unavailable."""
        local = self._blobs.local_path(table.key)
        if local is not None:
            if local.stat().st_size != table.size:
                raise NotFound
            yield local
            return
        if await self._blobs.info(table.key) is None:
            raise NotFound
        copy = await self._copy(table)
        copy.users += 1
        try:
            yield copy.spooled.path
        finally:
            copy.users -= 1
            self._make_room()

    async def _copy(self, table: Table) -> _Copy:
        name = f"{table.key} {table.sha256}"
        async with self._fetching:  # one at a time, so that nobody fetches what another is fetching
            if name not in self._copies:
                spooled = await self._spool.receive(self._blobs.open(table.key))
                if spooled.sha256 != table.sha256:
                    self._spool.remove(spooled)
                    raise NotFound
                self._copies[name] = _Copy(spooled)
            self._copies.move_to_end(name)
            return self._copies[name]

    async def is_whole(self, table: Table) -> bool:
        """Whether a file that cannot be read has the bytes that it was made with. Each is read through once,
        one at a time: whoever asks may be doing so to keep us busy."""
        local = self._blobs.local_path(table.key)
        if local is None:
            return await self._blobs.info(table.key) is not None  # copies are looked at when they are fetched
        async with self._looking:
            found = local.stat()
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._looked_at.get(table.key) != state:
                digests = await asyncio.to_thread(digests_of_file, local)
                if digests.sha256 != table.sha256:
                    return False
                self._looked_at[table.key] = state
                if len(self._looked_at) > LOOKED_AT:
                    self._looked_at.popitem(last=False)
        return True

    def _make_room(self) -> None:
        total = sum(copy.spooled.length for copy in self._copies.values())
        for name in list(self._copies):
            if total <= self._room:
                return
            copy = self._copies[name]
            if not copy.users:
                total -= copy.spooled.length
                self._spool.remove(copy.spooled)
                del self._copies[name]
