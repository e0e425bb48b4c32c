"""Where a replication goes on: the records of its progress that lie at both ends, as CouchDB's.

A record is the `_local` document of the replication's id. It is believed as far as both ends have it: the
same session at the top, or the newest session that both remember. A source that lets nobody write
(`read_only`) has none; then the target's alone counts, which says so and names the life of the source that
it is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, NamedTuple

from couchreg.errors import Conflict, Forbidden, NotFound, Unauthorized
from couchreg.replication.options import VERSION
from couchreg.replication.peers import Broken, Info, Peer, ReplicationCheckpoint

REMEMBERED = 50  # sessions
_ALONE = "source_not_written"  # in a record that only the target has: the life of the source


class Start(NamedTuple):
    since: Any
    history: Sequence[Mapping[str, Any]]


@dataclass
class RunCounts:
    """What a replication has done, in CouchDB's words."""

    missing_checked: int = 0
    missing_found: int = 0
    docs_read: int = 0
    docs_written: int = 0
    doc_write_failures: int = 0
    bulk_get_docs: int = 0
    bulk_get_attempts: int = 0

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "RunCounts":
        """Those of an entry of a history."""
        found = {name: record.get(name) for name in cls.__dataclass_fields__}
        return cls(**{name: number for name, number in found.items() if isinstance(number, int)})


@dataclass
class ReplicationSession:
    """One run of a replication, as its history names it."""

    id: str
    began: float  # Unix time
    start: Start
    counts: RunCounts = field(default_factory=RunCounts)

    def entry(self, seq: Any, now: float) -> dict[str, Any]:
        return {
            "session_id": self.id,
            "start_time": formatdate(self.began, usegmt=True),
            "end_time": formatdate(now, usegmt=True),
            "start_last_seq": self.start.since,
            "end_last_seq": seq,
            "recorded_seq": seq,
            **vars(self.counts),
        }

    def record(self, seq: Any, now: float, *, by_ids: bool) -> dict[str, Any]:
        entry = self.entry(seq, now)
        history = [entry, *self.start.history][:REMEMBERED]
        found = {"session_id": self.id, "source_last_seq": seq, "replication_id_version": VERSION}
        if by_ids:  # as results of replications by ids have looked since CouchDB 0.11
            names = ("start_time", "end_time", "docs_read", "docs_written", "doc_write_failures")
            found |= {name: entry[name] for name in names}
        return {**found, "history": history}


def compare(source: Mapping[str, Any], target: Mapping[str, Any]) -> Start:
    """Where both records agree that a replication has come to; its beginning where they have nothing in
    common."""
    if source.get("session_id") == target.get("session_id"):
        return Start(source.get("source_last_seq", 0), _history(source))
    return _common(_history(source), _history(target))


def _history(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = record.get("history")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _common(source: list[Mapping[str, Any]], target: list[Mapping[str, Any]]) -> Start:
    while source and target:
        if _has(source[0], target):
            return Start(source[0].get("recorded_seq", 0), source[1:])
        if _has(target[0], source[1:]):
            return Start(target[0].get("recorded_seq", 0), target[1:])
        source, target = source[1:], target[1:]
    return Start(0, ())


def _has(entry: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> bool:
    return any(other.get("session_id") == entry.get("session_id") for other in history)


class ReplicationCheckpoints:
    """The records of one replication at both its ends."""

    def __init__(self, base_id: str, source: Peer, target: Peer) -> None:
        self._id = f"_local/{base_id}"
        self._source = source
        self._target = target
        self._at_source = self._at_target = ReplicationCheckpoint({}, None)
        self._lives = ("0", "0")
        self.read_only = False

    async def read(self, source: Info, target: Info) -> Start:
        """Where to begin. Raises what the ends raise."""
        self._lives = (source.life, target.life)
        self._at_target = await self._target.checkpoint(self._id)
        try:
            self._at_source = await self._source.checkpoint(self._id)
        except (Unauthorized, Forbidden, Broken):
            self.read_only = True
        alone = self._at_target.body.get(_ALONE)
        if not self._at_source.body and alone is not None and alone == source.life:
            self.read_only = True
            return Start(self._at_target.body.get("source_last_seq", 0), _history(self._at_target.body))
        return compare(self._at_source.body, self._at_target.body)

    @property
    def last(self) -> Mapping[str, Any]:
        """The record as it lies there."""
        found = self._at_target.body if self.read_only else self._at_source.body
        return {name: value for name, value in found.items() if name != _ALONE}

    async def write(self, record: Mapping[str, Any]) -> None:
        """Put the record at both ends. Raises Broken when one is not the database it was."""
        source, target = await self._committed()
        for end, now, before in (("source", source, self._lives[0]), ("target", target, self._lives[1])):
            if now != before and "0" not in (now, before):
                raise Broken(f"instance_start_time on {end} database has changed since last checkpoint.")
        if not self.read_only:
            await self._at_source_too(record)
        body = {**record, _ALONE: self._lives[0]} if self.read_only else dict(record)
        self._at_target = await _put(self._target, self._id, body, self._at_target, "target")

    async def _committed(self) -> tuple[str, str]:
        target = await self._target.commit()
        if not self.read_only:
            try:
                return await self._source.commit(), target
            except (Unauthorized, Forbidden, NotFound):
                self.read_only = True
            except Broken:
                self.read_only = True
        return (await self._source.info()).life, target

    async def _at_source_too(self, record: Mapping[str, Any]) -> None:
        try:
            self._at_source = await _put(self._source, self._id, dict(record), self._at_source, "source")
        except (Unauthorized, Forbidden):
            self.read_only = True


async def _put(
    peer: Peer, doc_id: str, body: dict[str, Any], before: ReplicationCheckpoint, end: str
) -> ReplicationCheckpoint:
    """Raises Broken where somebody else has written, or removed, the record meanwhile."""
    if before.rev is not None and (await peer.checkpoint(doc_id)).rev is None:
        raise Broken(f"The {end} database has lost its checkpoint: it may have been made again.")
    try:
        return ReplicationCheckpoint(body, await peer.write_checkpoint(doc_id, body, before.rev))
    except Conflict:
        found = await peer.checkpoint(doc_id)
        if found.body == body:  # an earlier attempt has succeeded without our hearing of it
            return found
        raise Broken(f"Error updating the {end} checkpoint document: conflict") from None
