"""Jobs of one kind: turns, children, answers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from couchreg.errors import Unavailable
from couchreg.sandbox.child import Child
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.session import ChildSession, Note
from couchreg.turns import Turns


class Pool:
    """`ask` for one job in a child of its own, `session` for several in the same child.

    Both raise TooManyRequests and Unavailable (turns, starting), Stopped. A child never serves two sessions.
    Whoever makes it calls `close`, before that of the fork server.
    """

    def __init__(self, kind: Kind, forks: ForkServer) -> None:
        self.kind = kind
        self._forks = forks
        self._turns = Turns(
            kind.places,
            waiting=kind.waiting,
            waiting_of_one=kind.waiting_of_one,
            what=kind.name,
            retry_after=kind.retry_after,
        )
        self._spares: deque[Child] = deque()
        self._sparing: asyncio.Task[None] | None = None
        self._sessions: set[ChildSession] = set()
        self._closed = False

    @property
    def busy(self) -> int:
        """How many sessions run or wait for their turn."""
        return self._turns.inside

    async def start(self) -> None:
        """Start the fork server; returns at once."""
        await self._forks.start()

    async def ask(
        self,
        job: bytes,
        *,
        askers: tuple[str, ...] = (),
        grant: ChildGrant | None = None,
        note: Note | None = None,
        limits: Limits | None = None,
    ) -> bytes:
        """The answer of a job in a child of its own; `limits` in place of those of the kind."""
        async with self.session(*askers, grant=grant, limits=limits) as session:
            return await session.ask(job, note)

    @asynccontextmanager
    async def session(
        self, *askers: str, grant: ChildGrant | None = None, limits: Limits | None = None
    ) -> AsyncIterator[ChildSession]:
        """A child while the block lasts; behind it the child is gone, also when the block is cancelled."""
        async with self._turns.take(*askers):
            self._check_open()
            child = await self._child()
            session = ChildSession(self.kind, child, limits or self.kind.limits)
            self._sessions.add(session)
            try:
                self._check_open()  # it may have closed while the child was made
                await session.open(grant or ChildGrant())
                yield session
            finally:
                self._sessions.discard(session)
                await child.gone()

    async def close(self) -> None:
        """Kill what runs: those who wait for answers get Unavailable."""
        self._closed = True
        if self._sparing is not None:
            self._sparing.cancel()
            await asyncio.gather(self._sparing, return_exceptions=True)
        for session in self._sessions:
            session.abandon()
        while self._spares:
            await self._spares.pop().gone()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The server is stopping.")

    async def _child(self) -> Child:
        child = None
        while child is None and self._spares:
            spare = self._spares.popleft()
            child = spare if spare.is_running else None
            if child is None:
                spare.kill()
        child = child or await self._forks.fork(self.kind.module)
        if self.kind.spares and not self._closed and (self._sparing is None or self._sparing.done()):
            self._sparing = asyncio.create_task(self._spare())
        return child

    async def _spare(self) -> None:
        while len(self._spares) < self.kind.spares:
            try:
                self._spares.append(await self._forks.fork(self.kind.module))
            except Unavailable:
                return  # it is logged; whoever needs a child asks for it
