"""One database of the embedded engine: the `docstore.base.Database` protocol over one file.

Owns the two connections (the writer's, and one for reads on the event loop), the figures in memory and
the order of their publication. What is read and written is said in the modules beside this one.
"""

from collections.abc import AsyncIterator, Callable, Collection, Generator, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import apsw

from couchreg.docstore.base import (
    BEGINNING,
    Changes,
    DatabaseInfo,
    Edit,
    LocalDocument,
    Opened,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
    Updated,
)
from couchreg.docstore.optional import PartitionInfo, Purged
from couchreg.docstore.sqlite import (
    check,
    edits,
    feeds,
    listings,
    open_revs,
    other_writes,
    partitions,
    reads,
    schema,
    sequences,
)
from couchreg.docstore.sqlite.aio import Pulse, SqliteWriter, breathe, finished, in_thread
from couchreg.docstore.sqlite.connections import DatabaseConnections, Recent
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.notes import SqliteNotes
from couchreg.docstore.sqlite.paths import DatabaseFile, companions
from couchreg.docstore.sqlite.sql import query, query_in
from couchreg.errors import BadRequest, NotFound
from couchreg.model import json
from couchreg.model.partitions import LARGEST, check_readable
from couchreg.model.revtree import RevTree
from couchreg.model.user import User
from couchreg.turns import portions

T = TypeVar("T")

REVS_LIMIT: Final = 1000
PURGED_INFOS_LIMIT: Final = 1000
GONE: Final = "Database does not exist."


class SqliteDatabase:
    """`changed` is called with the name after every transaction that moved the sequence."""

    def __init__(
        self,
        file: DatabaseFile,
        recent: Recent,
        changed: Callable[[str], None],
        largest_partition: Callable[[], int] = lambda: LARGEST,
    ) -> None:
        """Opens the file. Raises Failure when it is not a database of ours."""
        self.name = file.name
        self.incarnation = file.incarnation
        self._path = file.path
        self._pool = recent.pool
        self._changed = changed
        self._closed = False
        self._files = DatabaseConnections(file.path, recent, lambda: self._writer.busy())
        self.touch = self._files.touch  # somebody has just asked for it: keep it open rather than another
        try:
            conn = self._files.reader()
            schema.verify(conn, file.name)
            self._counters = Counters.load(conn)
            self._created: float = query(conn, "SELECT created FROM meta")[0][0]
            self._settings = other_writes.settings(conn)
        except BaseException:
            self._files.abandon()
            raise
        self._partitioned = self._settings.get("partitioned") == b"true"
        self._largest_partition = largest_partition
        self._seq = self._counters.update_seq
        self._pulse = Pulse()
        self._writer = SqliteWriter(self._files.writer, self._counters, recent.pool, self._committed)
        self._validators = edits.ValidatorCache()
        self.notes = SqliteNotes(self._reader, self._do)
        self._compacting = False
        self._counted = (0, 0, 0)  # at this update_seq, behind this sequence, there are so many changes

    # -- sequences
    async def update_seq(self) -> Seq:
        if self._closed:
            raise NotFound(GONE)
        return self._stamp(self._counters.update_seq)

    async def parse_since(self, since: str) -> Seq:
        return self._stamp(sequences.parse(since, self.incarnation, self._counters.update_seq))

    def _stamp(self, number: int) -> Seq:
        return Seq(number, f"{number}-{self.incarnation}", self.incarnation)  # as `sequences.stamp`

    def _number_of(self, seq: Seq) -> int:
        return sequences.number_of(seq, self.incarnation)

    async def wait(self, since: Seq) -> None:
        number = self._number_of(since)
        while self._counters.update_seq <= number:
            self._reader()
            await self._pulse.wait()
        self._reader()

    def _committed(self) -> None:
        if self._counters.update_seq != self._seq:
            self._seq = self._counters.update_seq
            self._pulse.beat()
            self._changed(self.name)

    def _reader(self) -> apsw.Connection:
        """The connection for reads, asked for anew at every step. Raises NotFound once deleted."""
        if self._closed:
            raise NotFound(GONE)
        return self._files.reader()

    # -- reads
    async def info(self) -> DatabaseInfo:
        counters = self._counters
        files = [path for path in (self._path, *companions(self._path)[:1]) if path.exists()]
        sizes = other_writes.sizes(self._reader(), counters, sum(path.stat().st_size for path in files))
        return DatabaseInfo(
            doc_count=counters.doc_count,
            doc_del_count=counters.doc_del_count,
            update_seq=self._stamp(counters.update_seq),
            purge_seq=self._stamp(counters.purge_seq),
            size_file=sizes.file,
            size_active=sizes.active,
            size_external=counters.live,
            created=self._created,
            compact_running=self._compacting,
        )

    async def partition_info(self, name: str) -> PartitionInfo:
        if not self._partitioned:
            return PartitionInfo(0, 0, 0)
        return partitions.info(self._reader(), name)

    async def tree(self, doc_id: str) -> RevTree | None:
        self._check((doc_id,))
        return reads.tree(self._reader(), doc_id)

    def _check(self, ids: Iterable[str]) -> None:
        """Whether a partition can have them. Raises IllegalDocid."""
        if self._partitioned:
            check_readable(ids)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        if self._partitioned:
            check_readable((doc_id,))
        return reads.revision(self._reader(), doc_id, rev)

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        self._check((doc_id,))
        return reads.revisions(self._reader(), doc_id, revs)

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        options = open_revs.OpenRevsOptions(
            latest, self._number("revs_limit", REVS_LIMIT) if histories else 0
        )
        self._check(doc_id for doc_id, _ in wanted)
        found: list[list[Opened]] = []
        heavy = 0
        for part in portions(wanted, feeds.FEW):
            opened = open_revs.open_revs(self._reader(), part, options)
            found += opened
            heavy += open_revs.weight(one.revision.members for row in opened for one in row if one.revision)
            if len(opened) < len(part) or heavy >= open_revs.ENOUGH:
                break
            await breathe()
        return found

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        self._check(ids)
        most = feeds.FEW if bodies else feeds.ROWS
        found: list[Row | None] = []
        for part in portions(ids, most):
            found += reads.winners(self._reader(), part, bodies=bodies)
            await breathe()
        return found

    def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        return listings.all_docs(self._reader, wanted, bodies=bodies)

    async def count_before(self, wanted: Range) -> int:
        return await listings.count_before(self._reader, wanted)

    def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        start, now = self._number_of(since), self._counters.update_seq
        end = now if until is None else min(self._number_of(until), now)
        options = feeds.ChangesOptions(self.incarnation, descending, bodies, all_leafs)
        if ids is None:
            return listings.changes(self._reader, start, end, limit, options)
        return listings.changes_of(self._reader, ids, start, end, limit, options)

    async def pending(self, since: Seq) -> int:
        number, now = self._number_of(since), self._counters.update_seq
        return await self._count_to_the_end(number, now) if number < now else 0

    async def _count_to_the_end(self, since: int, now: int) -> int:
        """Readers page onwards, so the last count says most of the next one; a write makes it void.
        Else the shorter way is counted, by the sequences."""
        seen, start, total = self._counted
        if seen == now and start <= since:
            total -= await listings.count_changes(self._reader, start, since)
        elif since < now - since:
            total = self._counters.doc_count + self._counters.doc_del_count
            total -= await listings.count_changes(self._reader, 0, since)
        else:
            total = await listings.count_changes(self._reader, since, now)
        self._counted = (now, since, total)
        return total

    # -- writes
    async def update(
        self, wanted: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        """Raises MissingStub, IllegalDocid or IllegalPartition, and then nothing of the call is written."""
        if not wanted:
            return Updated([], await self.update_seq())
        if self._partitioned:
            partitions.check_ids(wanted)

        def work(conn: apsw.Connection, counters: Counters) -> Generator[None, None, Updated]:
            limit = self._number("revs_limit", REVS_LIMIT)
            full: Collection[str] = ()
            if self._partitioned and new_edits:
                full = partitions.full(conn, wanted, self._largest_partition())
            tx = edits.Transaction(conn, counters, limit, self._validators, full)
            outcomes = yield from edits.apply(tx, wanted, new_edits=new_edits, together=together)
            return Updated(outcomes, self._stamp(counters.update_seq))

        try:
            return await self._writer.update(work, weight=len(wanted))
        except BaseException:
            self._validators.stale = True  # what it has noted may not have come to be
            raise

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        self._check(wanted)
        answer: dict[str, tuple[list[str], list[str]]] = {}
        for part in portions(list(wanted), feeds.ROWS):
            answer |= reads.missing_revs(self._reader(), part, wanted)
            await breathe()
        return answer

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        self._check(wanted)
        limit = self._number("purged_infos_limit", PURGED_INFOS_LIMIT)
        try:
            return await self._writer.update(
                lambda conn, counters: other_writes.purge(conn, counters, wanted, limit)
            )
        finally:
            self._validators.stale = True  # another leaf of a design document may be its winner now

    async def purge_seq(self) -> Seq:
        if self._closed:
            raise NotFound(GONE)
        return self._stamp(self._counters.purge_seq)

    async def purged_infos(self) -> list[tuple[str, list[str]]]:
        return other_writes.purged_infos(self._reader())

    async def purged_since(self, since: Seq) -> Purged:
        number = self._number_of(since)
        ids, last = other_writes.purged_since(self._reader(), number)
        is_ours = since == BEGINNING or since.incarnation == self.incarnation
        is_all = is_ours and len(ids) == last - number
        return Purged(list(dict.fromkeys(ids)), self._stamp(last), is_all)

    # -- local documents
    async def local(self, doc_id: str) -> LocalDocument:
        return reads.local(self._reader(), doc_id)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        if body is None:
            return await self._do(lambda conn: other_writes.delete_local(conn, doc_id))
        return await self._do(lambda conn: other_writes.put_local(conn, doc_id, body, rev))

    def locals(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[LocalDocument]]:
        return listings.local_docs(self._reader, wanted, bodies=bodies)

    # -- settings and care
    async def setting(self, name: Setting) -> Any:
        self._reader()
        value = self._settings.get(name)
        return None if value is None else json.decode_own(value)

    async def set_setting(self, name: Setting, value: Any) -> None:
        if name == "partitioned":
            raise BadRequest("Whether a database has partitions is said when it is made.")
        text = json.encode(value)
        await self._do(lambda conn: other_writes.set_setting(conn, name, text))
        self._settings[name] = text

    def _number(self, name: str, default: int) -> int:
        value = self._settings.get(name)
        return default if value is None else int(json.decode(value))

    async def compact(self, ids: Sequence[str] | None = None) -> None:
        if ids is not None:
            await self._writer.update(
                lambda conn, counters: other_writes.drop_old_bodies_of(conn, counters, ids)
            )
            return
        if self._compacting:
            return
        self._compacting = True
        try:
            await self._compact()
        finally:
            self._compacting = False

    async def _compact(self) -> None:
        until, at = self._counters.update_seq, 0
        while True:
            last = await self._writer.update(
                lambda conn, counters, since=at: other_writes.drop_old_bodies(conn, counters, since, until)  # type: ignore[misc]
            )
            if last is None:
                break
            at = last
        while await self._writer.between(other_writes.give_back):
            pass
        await self._writer.between(other_writes.checkpoint)

    async def referred(self, keys: Collection[str]) -> set[str]:
        if not await self._writer.certain():
            return set(keys)  # a write may come to life again, and with it what it refers to
        text = "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM blobs b WHERE b.key = j.value)"
        return {key for (key,) in query_in(self._reader(), text, list(keys))}

    async def check(self) -> list[str]:
        self._reader()
        return await in_thread(self._pool, check.of_file, self._path)

    async def _do(self, change: Callable[[apsw.Connection], T]) -> T:
        """A change in one step, in a transaction."""

        def work(conn: apsw.Connection, _: Counters) -> Generator[None, None, T]:
            yield from ()
            return change(conn)

        return await self._writer.update(work)

    async def close(self, *, for_good: bool = False) -> None:
        """Finish what is being written, refuse the rest, wake who waits, close the file; `for_good` if it
        is about to be removed."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close(NotFound(GONE))
        self._pulse.beat()
        if for_good:
            self._files.abandon()
        else:
            await finished(self._files.close())
