"""What some stores can do and others cannot, beside the core that every one has (`base.Database`).

Each is a small protocol, and a database that has its methods has it. Whoever needs one asks for it by the
function below it, which raises NotImplementedHere where the store has none: the doors then answer 501.
"""

from collections.abc import AsyncIterator, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from couchreg.docstore.base import Database, DatabaseInfo, LocalDocument, Range, Seq
from couchreg.errors import NotImplementedHere


class Purged(NamedTuple):
    """What was purged in a stretch of a database's purges, which ends at `seq`."""

    ids: list[str]  # the documents, each once, those purged first in front; some may be there all the same
    seq: Seq
    is_all: bool  # False: the database does not remember everything that belongs here


@runtime_checkable
class Purges(Protocol):
    """Forgets revisions for good."""

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Forget leaf revisions; id -> those really purged. Other revisions are left alone."""

    async def purged_infos(self) -> list[tuple[str, list[str]]]:
        """The remembered purges: (id, revs), oldest first."""

    async def purge_seq(self) -> Seq:
        """That of the last purge, as `info` tells it among much else. `parse_since` reads its text."""

    async def purged_since(self, since: Seq) -> Purged:
        """What was purged after a `purge_seq`. It is not all where that is of another life of the database,
        or of a later state than the one it was put back to."""


@runtime_checkable
class Compacts(Protocol):
    """Gives back the space of what nobody can ask for any more."""

    async def compact(self, ids: Sequence[str] | None = None) -> None:
        """Drop the bodies of revisions that are not leafs and give the space back.

        With `ids` at least those of these documents, when this returns; the space is kept for others.
        """


@runtime_checkable
class RefersTo(Protocol):
    """Knows which blobs its documents need."""

    async def referred(self, keys: Collection[str]) -> set[str]:
        """Those of these blob keys that an attachment of some stored revision has; all of them while it is
        not known what is stored (see Unsure)."""


@runtime_checkable
class Checks(Protocol):
    """Can be checked."""

    async def check(self) -> list[str]:
        """Every broken invariant as a sentence; empty when all is well."""


@runtime_checkable
class ListsLocals(Protocol):
    """Lists local documents; to read and write one by its id is the core's."""

    def locals(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[LocalDocument]]:
        """The local documents of a range of ids, in chunks."""


@runtime_checkable
class CountsBefore(Protocol):
    """Knows at which place a range of documents begins."""

    async def count_before(self, wanted: Range) -> int:
        """How many live documents come before the range in reading order (CouchDB's `offset`)."""


class PartitionInfo(NamedTuple):
    """Counters of a partition; `size` are the bytes of its leafs, with their attachments."""

    doc_count: int
    doc_del_count: int
    size: int


@runtime_checkable
class Partitions(Protocol):
    """Knows what a partition holds, without reading it."""

    async def partition_info(self, name: str) -> PartitionInfo:
        """Nothing at all for one without documents, and where the database has no partitions."""


class TellsInfo(Protocol):
    """All that is asked of a database whose last purge somebody wants to know."""

    async def info(self) -> DatabaseInfo: ...


def purging(database: TellsInfo) -> Purges:
    _check(database, Purges, "forget revisions for good")
    return cast("Purges", database)


def compacting(database: Database) -> Compacts:
    _check(database, Compacts, "be compacted on demand")
    return cast("Compacts", database)


def referring(database: Database) -> RefersTo:
    _check(database, RefersTo, "tell which files its documents need")
    return cast("RefersTo", database)


def checking(database: Database) -> Checks:
    _check(database, Checks, "be checked")
    return cast("Checks", database)


def listing_locals(database: Database) -> ListsLocals:
    _check(database, ListsLocals, "list local documents")
    return cast("ListsLocals", database)


def counting(database: Database) -> CountsBefore:
    _check(database, CountsBefore, "count the documents before a range")
    return cast("CountsBefore", database)


def partitions(database: Database) -> Partitions:
    _check(database, Partitions, "tell the size of a partition")
    return cast("Partitions", database)


def _check(database: TellsInfo, part: Hashable, what: str) -> None:
    if not (_has(type(database), part) and _has(type(_innermost(database)), part)):
        raise NotImplementedHere(f"The document store behind this server cannot {what}.")


@lru_cache(maxsize=256)
def _has(kind: type, part: Any) -> bool:
    """To look through a protocol takes longer than what is then asked for."""
    return issubclass(kind, part)


def _innermost(database: TellsInfo) -> TellsInfo:
    """A proxy has every method, so it is what it stands before that tells what there is."""
    while (inner := getattr(database, "inner", None)) is not None:
        database = inner
    return database


async def last_purge(database: TellsInfo) -> Seq:
    """The sequence of the last purge, also where the store can tell no more of purges than that."""
    try:
        return await purging(database).purge_seq()
    except NotImplementedHere:
        return (await database.info()).purge_seq


async def referred_in(database: Database, keys: Collection[str]) -> set[str]:
    """Those of these blobs that some stored revision needs; all of them, where the store cannot tell."""
    with suppress(NotImplementedHere):
        return await referring(database).referred(keys)
    return set(keys)
