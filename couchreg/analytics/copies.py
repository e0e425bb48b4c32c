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
from couchreg.blobstore.spool import Spool
from couchreg.errors import NotFound

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

    @asynccontextmanager
    async def take(self, table: Table) -> AsyncIterator[Path]:
        """Raises NotFound when the file has gone, Unavailable."""
        local = self._blobs.local_path(table.key)
        if local is not None:
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
                self._copies[name] = _Copy(spooled)
            self._copies.move_to_end(name)
            return self._copies[name]

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
