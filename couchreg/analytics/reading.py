"""Having statements read: by one child for all, since it runs nothing of them. It is made anew from time to
time."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from couchreg.errors import BadStatement
from couchreg.model import json
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool
from couchreg.sandbox.session import ChildSession
from couchreg.turns import Turns

_JOBS = 1000  # that one child reads
_LIMITS = Limits(seconds=20, cpu_seconds=2, memory=2 << 30, file_size=64 << 20, message=8 << 20)
LONGEST = 64 << 10  # bytes of a statement
# Where Linux says how much of the machine a process may use: DuckDB does not start where it may not look.
MACHINE = tuple(path for path in (Path("/sys/fs/cgroup"),) if path.exists())


class StatementReader:
    """`await read(…)` from any task. `forks` has `WORKER`."""

    WORKER = "couchreg.analytics.inside.statements"

    def __init__(self, forks: ForkServer) -> None:
        self._pool = Pool(Kind("statements to be read", self.WORKER, _LIMITS), forks)
        self._turns = Turns(1, waiting=64, waiting_of_one=64, what="statements", retry_after=2)
        self._open: tuple[AsyncExitStack, ChildSession] | None = None
        self._jobs = 0

    async def close(self) -> None:
        await self._end()
        await self._pool.close()

    async def read(self, sql: str) -> dict[str, Any]:
        """What the statement asks for, see `inside/statements`. Raises BadStatement, Unavailable."""
        if len(sql.encode()) > LONGEST:
            raise BadStatement(f"A statement has {LONGEST >> 10} KiB at most.")
        async with self._turns.take():
            found = await self._answer(sql)
        if "error" in found:
            raise BadStatement(found["error"], *line_of(sql, found["place"]))
        return found

    async def _answer(self, sql: str) -> dict[str, Any]:
        if self._jobs >= _JOBS:
            await self._end()
        try:
            session = await self._session()
            self._jobs += 1
            found: dict[str, Any] = json.decode(await session.ask(sql.encode()))
        except Stopped:
            await self._end()
            raise BadStatement("The statement could not be read within the time that there is.") from None
        except BaseException:  # cancelled in the middle: the child's answer would be taken for another's
            await asyncio.shield(self._end())
            raise
        return found

    async def _session(self) -> ChildSession:
        if self._open is None:
            stack = AsyncExitStack()
            self._open = (
                stack,
                await stack.enter_async_context(self._pool.session(grant=ChildGrant(read=MACHINE))),
            )
            self._jobs = 0
        return self._open[1]

    async def _end(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened[0].aclose()


def line_of(text: str, place: int | None) -> tuple[int, int] | tuple[()]:
    """Line and column, both from 1, of a byte of a text."""
    if place is None:
        return ()
    before = text.encode()[:place].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
