"""What an update brings into an index: rows in the place of those of the same documents. Blocking.

Statements are few and do much each: the interpreter is another thread's meanwhile.

A file that is filled for the first time has no index of rows by their document, which takes half as long to
keep as the rows themselves: as yet no document has other rows there. The file gets it before the first update
behind that; and where the file is opened after a filling that was cut off, where a document comes twice, and
where there are so many rows that making it would take much memory.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from couchreg.designdocs.views import blocks
from couchreg.designdocs.views.blocks import Kind
from couchreg.model import json

MOST_NEW: Final = 200_000  # documents that are remembered while a file is filled
MOST_ROWS: Final = 400_000  # of a file without the index, which is sorted in memory: some 40 MB,
MOST_BYTES: Final = 64 << 20  # and as they come in, for their sort keys are sorted too
TOGETHER: Final = 8 << 20  # bytes of rows that go into the file by one statement

_TABLES: Final = """
    create table temp.documents(place integer primary key, id text not null, before text not null);
    create table temp.incoming(map integer, sort blob, id text, number integer, key blob, value blob);
"""
_PLAIN_DOCUMENTS: Final = "insert into temp.documents select ?2 + key, value, '' from json_each(?1)"
_DOCUMENTS: Final = """
    insert into temp.documents
    select ?2 + key, cast(unhex(value ->> 0) as text), value ->> 1 from jsonb_each(?1)
"""
_ROWS: Final = """
    insert into temp.incoming
    select value ->> 1, unhex(before || (value ->> 2)), documents.id, value ->> 3,
        cast(value ->> 4 as blob), cast(value ->> 5 as blob)
    from jsonb_each(?1) listed cross join temp.documents on documents.place = ?2 + (listed.value ->> 0)
"""
_CHANGED: Final = """
    select map, sort, id from (
        select map, sort, id, key, value, 1 as count from temp.incoming
        union all
        select map, sort, id, key, value, -1 from rows where id in (select id from temp.documents))
    group by map, sort, id, key, value having sum(count) <> 0
"""
_REMOVE: Final = """
    insert into counts
        select map, -count(*) from rows where id in (select id from temp.documents) group by map
        on conflict do update set rows = rows + excluded.rows;
    delete from rows where id in (select id from temp.documents);
"""
_INSERT: Final = """
    insert into counts
        select map, count(*) from temp.incoming group by map
        on conflict do update set rows = rows + excluded.rows;
    insert into rows
        select map, sort, id, number, key, value from temp.incoming order by map, sort, id, number;
    delete from temp.incoming;
    delete from temp.documents;
"""
_INDEX: Final = "create index if not exists rows_by_id on rows(id)"
_HAS_INDEX: Final = "select 1 from sqlite_schema where name = 'rows_by_id'"


class Mapped(NamedTuple):
    """What the maps made of some documents: `emitted.rows_text`, in which each has the place it has among
    `ids`. `before` comes before the sort keys of a document's rows, where not all have nothing there."""

    ids: Sequence[str]
    rows: bytes
    before: Sequence[bytes] = ()


NO_ROWS: Final = b"[]"


class Filling:
    """The writer's way into `rows` and `counts`. Only one thread at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute(_TABLES)
        self._is_bare = connection.execute(_HAS_INDEX).fetchone() is None
        self._new: set[int] | None = set()  # hashes of the ids that have come in; None once it is filled
        if connection.execute("select 1 from rows limit 1").fetchone() is not None:
            self._new = None
            self._complete()
        self._rows = self._bytes = 0

    def filled(self) -> None:
        """The first filling is over."""
        self._new = None

    def prepare(self, mapped: Iterable[Mapped], kinds: Iterable[Kind]) -> None:
        """Before the transaction in which these are stored: see to the index, if it is needed by now."""
        if not self._is_bare:
            return
        ids = [doc_id for some in mapped for doc_id in some.ids]
        hashes = set(map(hash, ids))
        known = self._new
        if (
            known is None
            or any(kinds)
            or len(hashes) < len(ids)
            or not known.isdisjoint(hashes)
            or len(known) > MOST_NEW
            or self._rows > MOST_ROWS
            or self._bytes > MOST_BYTES
        ):
            self._complete()
        else:
            known |= hashes

    def _complete(self) -> None:
        if self._is_bare:
            self._connection.execute(_INDEX)
        self._is_bare, self._new = False, None

    def store(self, mapped: Iterable[Mapped], kinds: set[Kind]) -> None:
        """Replace the rows of these documents, and remove the blocks of `kinds` in which rows change."""
        waiting = set[str]()
        size = place = 0
        for some in mapped:
            if not some.ids:
                continue
            if size > TOGETHER or not waiting.isdisjoint(some.ids):
                self._replace(kinds)
                waiting.clear()
                size = place = 0
            self._take(some, place)
            waiting.update(some.ids)
            size += len(some.rows)
            place += len(some.ids)
        if waiting:
            self._replace(kinds)

    def _take(self, some: Mapped, place: int) -> None:
        text = json.texts(some.ids)
        if some.before or b"\\u0000" in text:  # which SQLite would end the id with
            before = some.before or [b""] * len(some.ids)
            pairs = [
                (doc_id.encode().hex(), prefix.hex()) for doc_id, prefix in zip(some.ids, before, strict=True)
            ]
            self._connection.execute(_DOCUMENTS, (json.encode(pairs).decode(), place))
        else:
            self._connection.execute(_PLAIN_DOCUMENTS, (text.decode(), place))
        if some.rows != NO_ROWS:
            self._connection.execute(_ROWS, (some.rows.decode(), place))
            self._rows += self._connection.changes()
            self._bytes += len(some.rows)

    def _replace(self, kinds: set[Kind]) -> None:
        if not self._is_bare:
            if kinds:
                changed = self._connection.execute(_CHANGED).fetchall()
                places = {(row[0], (row[1], row[2])) for row in changed}
                blocks.remove_around(self._connection, kinds, places)
            self._connection.execute(_REMOVE)
        self._connection.execute(_INSERT)
