"""What a follower is: it reads the changes of one database and builds something from them.

What it builds may be deleted and built again at any time. The loop (`loop.py`) brings the changes, in
order; a follower commits what it made of them together with how far that was.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, Protocol, Self, runtime_checkable

from couchreg.docstore.base import Change, Changes, DatabaseInfo, Range, Row, Seq
from couchreg.docstore.notes import Notes

BATCH: Final = 500  # changes of one commit, at most, where a commit costs little


class Checkpoint(NamedTuple):
    """The last change a follower has processed, in which life of the database.

    `seq` is the text of a sequence, for the database alone reads it (`Database.parse_since`); of checkpoints
    that were written before it had one it is the number.
    """

    incarnation: str
    seq: str

    @classmethod
    def at(cls, seq: Seq) -> Self:
        return cls(seq.incarnation, seq.text)


class FollowedPackages(Protocol):
    """What is asked of a database that is followed: of `docstore.base.Database` what reads documents."""

    async def info(self) -> DatabaseInfo: ...

    async def update_seq(self) -> Seq: ...

    async def parse_since(self, since: str) -> Seq: ...

    async def wait(self, since: Seq) -> None: ...

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]: ...

    def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]: ...

    def changes(
        self, since: Seq, *, bodies: bool = False, all_leafs: bool = False
    ) -> AsyncIterator[Changes]: ...


class FollowedStore(Protocol):
    """Where it is found; of `docstore.base.Store` what a loop needs."""

    async def open(self, name: str) -> FollowedPackages: ...

    async def notes(self, name: str) -> Notes: ...

    async def parse_events_since(self, since: str) -> Seq: ...

    async def wait_event(self, since: Seq) -> None: ...


class RebuildNeeded(Exception):
    """What a follower built cannot be used any more: the loop resets it and begins again at 0."""


class Follower(Protocol):
    """One program that follows a database.

    `apply` may raise Unavailable, StorageFailure or OSError when a store fails: the loop tries again, later.
    What else it raises is taken as the fault of a document. To apply a change twice must be harmless.
    """

    name: str
    bodies: bool  # whether `apply` wants the members of the changed documents
    batch: int  # changes of one commit, at most
    linger: float  # seconds to wait for further changes before a batch; more for costly commits

    async def checkpoint(self) -> Checkpoint | None:
        """How far it has come; None before the first commit. Raises RebuildNeeded."""

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        """Process changes (none: only move on) and commit the result and `checkpoint` together. A document
        that has been purged comes as a deletion without revisions."""

    async def reset(self) -> None:
        """Forget everything built so far, the checkpoint with it."""

    async def close(self) -> None: ...


@runtime_checkable
class Tidies(Protocol):
    """A follower that puts in order what it has built, when there has been nothing to follow for a while."""

    async def tidy(self) -> bool:
        """A little of that, in a fraction of a second; whether there is more. Raises as `Follower.apply`."""
