"""The processes that work on one registry, and which of them does what only one of them may do.

With documents in a data directory there is one, and it does everything. A store that several processes share
brings a `Processes` of its own.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

SWEEP: Final = "sweep"  # the task of who removes what no document refers to


class TaskOfOne(Protocol):
    """Something that one process at a time does: it takes it, keeps it as long as it lives, and when it has
    died another one takes it."""

    @property
    def is_ours(self) -> bool:
        """Whether this process does it."""

    async def ours(self) -> None:
        """Return once this process does it."""

    def check(self) -> None:
        """Raises Unavailable where it is not certain that nobody else does it by now."""


class Hands(Protocol):
    """What knows which blobs this process is about to refer to."""

    def block(self, keys: Collection[str]) -> Collection[str]:
        """Let none of these be taken from now on; those that are taken already."""

    def unblock(self) -> None:
        """All of them may be taken again."""


class Processes(Protocol):
    own: str  # the name of this process, which no other one ever has
    are_several: bool  # whether others may work beside this one

    def check(self) -> None:
        """Raises Unavailable where this process may write nothing, since it may count as dead for others."""

    def task(self, name: str) -> TaskOfOne: ...

    def turn(self, name: str) -> AbstractAsyncContextManager[None]:
        """Have a task, as soon as it is free, until the block ends. Raises Unavailable where that takes too
        long."""

    async def is_at_work(self, process: str) -> bool:
        """Whether a process may still write something. Raises Unavailable."""

    async def heed(self, hands: Hands) -> None:
        """From now on blobs may be taken in hand here, but for those that another process sweeps."""

    def sweeping(self, keys: Collection[str]) -> AbstractAsyncContextManager[Collection[str]]:
        """Those of these keys that no process has in hand, nor will take until the block ends: none, where
        that cannot be had now. For who has the task "sweep"; may take minutes. Raises Unavailable."""

    async def recover_sweep(self) -> None:
        """End what a process that has died in it was sweeping. Raises Unavailable."""

    async def be_alone(self) -> None:
        """From now on nobody else may work beside this one. Raises Unavailable where somebody does."""


class OwnTask:
    """A task of the only process."""

    is_ours = True

    async def ours(self) -> None: ...

    def check(self) -> None: ...


class OneProcess:
    """Nobody else."""

    own = "alone"
    are_several = False

    def check(self) -> None: ...

    def task(self, name: str) -> TaskOfOne:
        return OwnTask()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        yield

    async def is_at_work(self, process: str) -> bool:
        return process == self.own

    async def heed(self, hands: Hands) -> None: ...

    @asynccontextmanager
    async def sweeping(self, keys: Collection[str]) -> AsyncIterator[Collection[str]]:
        yield keys

    async def recover_sweep(self) -> None: ...

    async def be_alone(self) -> None: ...
