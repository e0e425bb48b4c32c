"""Download counts: how often files of a version were fetched, by day (UTC).

Counting is an addition in memory; what has been counted is written some seconds later, and at the end.
Only a server that is killed loses the counts of its last seconds.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TypeVar

import apsw

from couchreg.errors import BadRequest
from couchreg.package.moments import Clock, utc_now
from couchreg.registry.reading.counts_file import CountedDownloads, CountsFile

log = logging.getLogger(__name__)
T = TypeVar("T")
INTERVAL = 5.0  # seconds between two writes
MOST_WAITING = 100_000  # versions and days in memory, when the disk does not take them
MOST_ROWS = 100_000  # of an answer
LONGEST = 366  # days of an answer
MOST_PACKAGES, MONTH, MINUTE = 10_000, 30, 60.0


class Downloads:
    """Counts of one server; `path` is the file's."""

    def __init__(
        self, path: Path | str = ":memory:", *, interval: float = INTERVAL, clock: Clock = utc_now
    ) -> None:
        self._file = CountsFile(str(path))
        self._interval = interval
        self._clock = clock
        self._waiting: Counter[tuple[str, str, str]] = Counter()
        self._counted = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counts")
        self._writing = asyncio.Lock()
        self._most: tuple[float, list[tuple[str, int]]] | None = None  # when, and what
        self._task: asyncio.Task[None] | None = None

    @property
    def today(self) -> date:
        return self._clock().astimezone(UTC).date()

    def count(self, name: str, version: str, times: int = 1) -> None:
        """One file of this version goes out now, or has just gone out `times`."""
        key = (name, self.today.isoformat(), version)
        if key in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[key] += times
            self._counted.set()

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="download counts")

    async def _run(self) -> None:
        while True:
            await self._counted.wait()
            await asyncio.sleep(self._interval)
            with contextlib.suppress(apsw.Error):  # logged where it was raised; tried again next time
                await self.flush()

    async def flush(self) -> None:
        """Write what has been counted. Raises apsw.Error, and keeps the counts then."""
        # A write that has begun comes to its end: cut off, it would be counted twice.
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._writing:
            self._counted.clear()
            batch, self._waiting = self._waiting, Counter()
            if not batch:
                return
            try:
                rows = [CountedDownloads(*key, count) for key, count in batch.items()]
                await self._in_thread(lambda: self._file.add(rows))
            except Exception as error:
                self._waiting.update(batch)
                self._counted.set()
                log.error("download counts cannot be written: %s", error)
                raise

    async def of(self, name: str, first: date, last: date) -> list[CountedDownloads]:
        """The counts of a package, from the first to the last day. Raises BadRequest for too many."""
        if not 0 <= (last - first).days < LONGEST:
            raise BadRequest(f"Ask for 1 to {LONGEST} days, the earlier one first.")
        await self.flush()
        days = (first.isoformat(), last.isoformat())
        found = await self._in_thread(lambda: self._file.read(name, *days, MOST_ROWS + 1))
        if len(found) > MOST_ROWS:
            raise BadRequest("That is too much for one answer: ask for fewer days.")
        return found

    async def most(self) -> list[tuple[str, int]]:
        """The packages with the most downloads of the last MONTH days, MOST_PACKAGES of them. They are
        counted once a minute."""
        now = time.monotonic()
        if self._most is None or now - self._most[0] > MINUTE:
            first = (self.today - timedelta(days=MONTH)).isoformat()
            self._most = (now, await self._in_thread(lambda: self._file.most(first, MOST_PACKAGES)))
        return self._most[1]

    async def close(self) -> None:
        """Write what has been counted, if the disk takes it, and close the file."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        try:
            with contextlib.suppress(apsw.Error):  # logged where it was raised
                await self.flush()
            await self._in_thread(self._file.close)
        finally:
            self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
