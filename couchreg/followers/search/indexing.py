"""Writing the index in a child: what is computed of packages is computed there, and the server hands over.

The child holds the transaction. It is given packages as they are read, and works while the next are; its end,
whoever brought it about, takes back what was not committed. It ends with the server.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from couchreg.followers.base import Checkpoint
from couchreg.followers.search.folder import make_room
from couchreg.followers.search.handed import is_more, work
from couchreg.followers.search.items import PackageSource
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.messages import Tag
from couchreg.sandbox.pool import Pool
from couchreg.sandbox.session import ChildSession

LARGEST: Final = 8 << 20  # bytes of the packages of one job, unless one has more
COMMITS: Final = 10_000  # of one child: what libraries gather in memory goes with it
BUSY: Final = 0.35  # of the time of a job: what the server computes meanwhile when it has others to answer
LONGEST_PAUSE: Final = 0.25  # seconds between two jobs of a child, where others want the processors
SLOWEST: Final = 30.0  # seconds from the beginning to the commit, by a child that gives way
LIMITS: Final = Limits(
    seconds=900,
    cpu_seconds=600,  # an engine puts its parts together at times
    cpu_of_child=86_400,
    memory=4 << 30,
    file_size=256 << 30,
    files=1024,
    message=512 << 20,
    nice=10,
)


class Indexing:
    """A `base.Writer`. `module` is one of `inside`, for the engine of the index in `directory`."""

    def __init__(
        self, module: str, directory: Path, limits: Limits = LIMITS, *, with_meaning: bool = False
    ) -> None:
        self._directory = directory
        self._with_meaning = with_meaning
        self._limits = limits
        self._forks = ForkServer((module,))
        self._pool = Pool(Kind("index updates", module, limits), self._forks)
        self._opened: tuple[AsyncExitStack, ChildSession] | None = None
        self._at: Checkpoint | None = None
        self._is_busy = False
        self._commits = 0
        self._gives_way = False  # whether a child is to have what others leave,
        self._is_giving_way = False  # and whether the one at work has
        self._is_starved = False
        self._job_began = 0.0, 0.0  # the loop's clock, and what this process had computed
        self._began: float | None = None  # when its transaction has, by the loop's clock

    async def begin(self, at: Checkpoint | None) -> None:
        await self.end()
        self._at = at

    def expect(self, *, much: bool) -> None:
        if not much:
            self._is_starved = False
        self._gives_way = much and not self._is_starved

    async def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        """Returns when the child has begun: what goes wrong comes with the next call."""
        batch: list[PackageSource] = []
        size = 0
        for source in sources:
            if batch and size + len(source.members) > LARGEST:
                await self._begin(batch, ())
                batch, size = [], 0
            batch.append(source)
            size += len(source.members)
        await self._begin(batch, gone)

    async def commit(self, checkpoint: Checkpoint) -> None:
        await self._begin((), (), checkpoint)
        await self._settle()
        self._at = checkpoint
        self._commits += 1
        self._began = None
        if self._commits >= COMMITS:
            await self.end()

    async def tidy(self) -> bool:
        await self._settle()
        self.expect(much=False)  # what comes meanwhile waits for it
        if self._is_giving_way:
            await self.end()
        await self._begin_job(self._work(tidies=True))
        return await self._settle()

    def _work(
        self,
        sources: Sequence[PackageSource] = (),
        gone: Collection[str] = (),
        checkpoint: Checkpoint | None = None,
        *,
        tidies: bool = False,
    ) -> bytes:
        directory = str(self._directory.resolve())
        return work(
            directory, self._at, sources, gone, checkpoint, with_meaning=self._with_meaning, tidies=tidies
        )

    async def end(self) -> None:
        opened, self._opened = self._opened, None
        self._is_busy, self._commits, self._began = False, 0, None
        if opened is not None:
            await opened[0].aclose()

    async def close(self) -> None:
        await self.end()
        await self._pool.close()
        await self._forks.close()

    async def _begin(
        self, sources: Sequence[PackageSource], gone: Collection[str], checkpoint: Checkpoint | None = None
    ) -> None:
        await self._settle()
        if self._gives_way:
            await self._pause()
        if self._began is None and self._is_giving_way != self._gives_way:
            await self.end()
        await self._begin_job(self._work(sources, gone, checkpoint))
        self._began = self._began or asyncio.get_running_loop().time()

    async def _begin_job(self, job: bytes) -> None:
        try:
            await (await self._session()).begin(job)
        except BaseException:  # cancelled in the middle: the child has half a job
            await asyncio.shield(self.end())
            raise
        self._is_busy = True
        self._job_began = asyncio.get_running_loop().time(), time.process_time()

    async def _pause(self) -> None:
        """Leave the processors to others for as long as the last job took, where they were wanted: two halves
        of one are slower together than each alone, whoever goes first."""
        loop, began = asyncio.get_running_loop(), self._job_began
        took, used = loop.time() - began[0], time.process_time() - began[1]
        if used > BUSY * took:
            await asyncio.sleep(min(took, LONGEST_PAUSE))

    async def _settle(self) -> bool:
        """Wait for the child to be done with its job; whether it has more to put in order. Raises what went
        wrong in it."""
        if not self._is_busy or self._opened is None:
            return False
        try:
            tag, answer = await self._received(self._opened[1])
            if tag is not Tag.DONE:
                raise RuntimeError(f"a message {tag.name} of a child that writes an index")
        except BaseException:
            await asyncio.shield(self.end())
            raise
        self._is_busy = False
        return is_more(answer)

    async def _received(self, session: ChildSession) -> tuple[Tag, bytes]:
        """What a child answers. One that gives way to all others gets nothing done while they leave nothing:
        then the next one does not, as long as there is much to write."""
        if not self._is_giving_way or self._began is None:
            return await session.receive()
        try:
            async with asyncio.timeout_at(self._began + SLOWEST):
                return await session.receive()
        except TimeoutError:
            self._is_starved = True
            raise Stopped(Cause.TIME, "index updates") from None

    async def _session(self) -> ChildSession:
        if self._opened is None:
            if not self._directory.is_dir():  # somebody removed it: the child may make nothing beside it
                await asyncio.to_thread(make_room, self._directory)
            stack = AsyncExitStack()
            grant = ChildGrant(write=[self._directory])
            limits = replace(self._limits, idle=self._gives_way)
            session = self._pool.session(grant=grant, limits=limits)
            self._opened = stack, await stack.enter_async_context(session)
            self._is_giving_way = self._gives_way
        return self._opened[1]
