"""All versions there are, in pages of a fixed size, for those who list every one."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from couchreg.docstore.base import Database, Range, Seq
from couchreg.package.names import split_version_id
from couchreg.turns import TimeSlice

MOST: Final = 50_000  # versions of a page, as many as a sitemap may have
_FRESH: Final = 600.0  # seconds for which it is not looked up anew where pages begin
Pair = tuple[str, str]  # name and version


class VersionPages:
    """Of one `registry` database, in the order of ids."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most
        self._looking = asyncio.Lock()
        self._found: tuple[Seq, float, list[str]] | None = None  # when, and where pages begin

    async def starts(self) -> list[str]:
        """Where pages begin: ids. It may be some minutes old."""
        async with self._looking:
            now = await self._database.update_seq()
            if self._found is None or not (
                self._found[0] == now or time.monotonic() - self._found[1] < _FRESH
            ):
                self._found = (now, time.monotonic(), await self._look())
            return self._found[2]

    async def _look(self) -> list[str]:
        starts, count = [], 0
        async for some in self._some(""):
            for name, version in some:
                if count % self._most == 0:
                    starts.append(f"{name}@{version}")
                count += 1
        return starts

    async def page(self, start: str) -> AsyncIterator[list[Pair]]:
        """The versions of a page that begins at an id, some at a time."""
        left = self._most
        async for some in self._some(start):
            yield some[:left]
            left -= len(some)
            if left <= 0:
                return

    async def _some(self, start: str) -> AsyncIterator[list[Pair]]:
        turn = TimeSlice()
        async for rows in self._database.all_docs(Range(start=start or None), bodies=False):
            yield [pair for row in rows if (pair := split_version_id(row.id)) is not None]
            await turn.pass_on()
