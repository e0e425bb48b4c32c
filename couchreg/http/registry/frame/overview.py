"""What an administrator sees of a server at work: replications, queues, stores, and what took long."""

from collections.abc import Sequence
from typing import NamedTuple

from couchreg.journal.figures import LongRequest


class ReplicationRow(NamedTuple):
    """A replication; counts are None before it has read anything."""

    source: str
    target: str
    user: str
    state: str
    written: int | None
    pending: int | None
    failures: int | None
    problem: str


class QueueRow(NamedTuple):
    """Work that is done a few at a time: how much of it runs or waits."""

    name: str
    inside: int


class DatabaseRow(NamedTuple):
    """`size` in bytes of its file, `active` of what in it counts."""

    name: str
    documents: int
    deleted: int
    size: int
    active: int


class Overview(NamedTuple):
    """`more_…`: how many are not listed."""

    replications: Sequence[ReplicationRow] = ()
    more_replications: int = 0
    queues: Sequence[QueueRow] = ()
    databases: Sequence[DatabaseRow] = ()
    more_databases: int = 0
    long: Sequence[LongRequest] = ()


async def nothing_at_work() -> Overview:
    return Overview()
