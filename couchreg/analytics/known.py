"""What is known of tables, for the event loop: the ledger in a thread of its own, and who waits for news of
it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from couchreg.analytics.ledger import Ledger, Table, TableCounts, failure
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.derived_file import BROKEN

T = TypeVar("T")


class Known:
    """`Ledger` with its methods awaited. They raise StorageFailure, and RebuildNeeded for a damaged file."""

    def __init__(self, path: Path) -> None:
        self._ledger = Ledger(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tables")
        self._news = asyncio.Event()

    async def checkpoint(self) -> Checkpoint | None:
        return await self._run(self._ledger.checkpoint)

    async def follow(
        self, gone: Iterable[tuple[str, str]], came: Iterable[Sequence[Table]], checkpoint: Checkpoint
    ) -> None:
        await self._run(lambda: self._ledger.follow(gone, came, checkpoint))
        self._tell()

    async def of(self, name: str, version: str) -> list[Table]:
        return await self._run(lambda: self._ledger.of(name, version))

    async def settle(self, table: Table) -> bool:
        kept = await self._run(lambda: self._ledger.settle(table))
        self._tell()
        return kept

    async def pending(self, most_bytes: int, limit: int) -> list[Table]:
        return await self._run(lambda: self._ledger.pending(most_bytes, limit))

    async def pending_up_to(self, most_bytes: int) -> TableCounts:
        return await self._run(lambda: self._ledger.pending_up_to(most_bytes))

    async def counted(self) -> dict[str, TableCounts]:
        return await self._run(self._ledger.counted)

    async def statistics(self, table: Table) -> bytes | None:
        return await self._run(lambda: self._ledger.statistics(table))

    async def keep_statistics(self, table: Table, body: bytes) -> None:
        await self._run(lambda: self._ledger.keep_statistics(table, body))

    async def names(self, after: str, limit: int) -> list[str]:
        return await self._run(lambda: self._ledger.names(after, limit))

    async def news(self) -> None:
        """Return when something has changed since the call."""
        await self._news.wait()

    async def reset(self) -> None:
        await self._run(self._ledger.forget)
        self._tell()

    async def close(self) -> None:
        await self._run(self._ledger.close)
        self._thread.shutdown()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except BROKEN as error:
            raise RebuildNeeded(str(error)) from error
        except apsw.Error as error:
            raise failure(error) from error
