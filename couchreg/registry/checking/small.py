"""Small tables that are right beyond doubt, without a folder and a process for each: see `quick`.

One child looks at one package after another. It says of a package that it is right, or nothing: then the
package is checked as any other. A child that fails, or has looked at many, is replaced by a new one.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from couchreg.blobstore.base import Spooled
from couchreg.errors import Unavailable
from couchreg.model import json
from couchreg.package.report import Report
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Kind, Limits
from couchreg.sandbox.pool import Pool
from couchreg.sandbox.session import ChildSession

log = logging.getLogger(__name__)
WORKER = "couchreg.registry.checking.quick"
MOST, MOST_FILES = 128 << 10, 50  # bytes of the files of a package, descriptor included
WAITING = 64  # packages; more are checked as any other
TOGETHER = 16  # packages of one job
JOBS = 5000  # of one child
PAUSE = 5.0  # seconds after a child that failed
_RIGHT = ord("1")  # as `quick` says it
# Whoever publishes waits for it, so it goes with the server.
_LIMITS = Limits(seconds=20, cpu_seconds=2, memory=1 << 30, file_size=0, nice=0)


class _Job(NamedTuple):
    text: bytes
    files: Mapping[str, bytes]
    right: "asyncio.Future[bool]"


class SmallTables:
    """Whoever makes it calls `start` and `close`; until it is started nothing is known of any package.
    `forks` has `WORKER`."""

    def __init__(self, forks: ForkServer) -> None:
        self._pool = Pool(Kind("small tables", WORKER, _LIMITS), forks)
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None:
            await self._pool.start()
            self._task = asyncio.create_task(self._run(), name="small tables")

    async def report(self, members: Mapping[str, Any], files: Mapping[str, Spooled]) -> dict[str, Any] | None:
        """The report on a package that is right; None where that is not known."""
        if self._task is None or self._jobs.full() or not _is_small(files):
            return None
        text = json.encode(members)
        if len(text) > MOST:
            return None
        # So little is in memory: it has just been written.
        data = {path: file.content() for path, file in files.items() if path.endswith(".csv")}
        job = _Job(text, data, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        return _nothing_found() if await job.right else None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        while not self._jobs.empty():
            _settle(self._jobs.get_nowait(), right=False)
        await self._pool.close()

    async def _run(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                async with self._pool.session() as session:
                    await self._look(session, job)
            except (Stopped, Unavailable) as error:
                log.warning("small tables are checked as large ones for a while: %s", error)
                _settle(job, right=False)
                await self._pass_on()
            finally:
                _settle(job, right=False)

    async def _look(self, session: ChildSession, job: _Job) -> None:
        for _ in range(JOBS):
            batch = [job, *self._waiting()]
            try:
                asked = msgspec.msgpack.encode([(one.text, one.files) for one in batch])
                for one, byte in zip(batch, await session.ask(asked), strict=True):
                    _settle(one, right=byte == _RIGHT)
            finally:
                for one in batch:
                    _settle(one, right=False)
            job = await self._jobs.get()
        _settle(job, right=False)  # the next child is for the next

    def _waiting(self) -> list[_Job]:
        """Those that can be looked at together with another: to wake the child costs as much as a look."""
        return [self._jobs.get_nowait() for _ in range(min(TOGETHER - 1, self._jobs.qsize()))]

    async def _pass_on(self) -> None:
        """For a while nothing is known of those who come."""
        end = asyncio.get_running_loop().time() + PAUSE
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while True:
                    _settle(await self._jobs.get(), right=False)


def _settle(job: _Job, *, right: bool) -> None:
    if not job.right.done():
        job.right.set_result(right)


def _is_small(files: Mapping[str, Spooled]) -> bool:
    return len(files) <= MOST_FILES and sum(file.length for file in files.values()) <= MOST


def _nothing_found() -> dict[str, Any]:
    """What the checks say of a package in which they find nothing."""
    return {**Report().to_json(), "skipped": [], "unchecked": [], "recorded": []}
