"""The file of an index: rows of its maps in the order of their keys, and up to where the database was read.

Blocking: callers use threads, but for `peek`. One connection writes, another reads, a third is the event
loop's. A read is one short query, so that no transaction stays open between the parts of an answer. Rows and
the sequence they go up to are committed together; after a power cut the file is as it was at some commit
before, and goes on from there.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw

SCHEMA = """
    create table if not exists rows(
        map integer, sort blob, id text, number integer, key blob, value blob,
        primary key (map, sort, id, number)) without rowid;
    create index if not exists rows_by_id on rows(id);
    create table if not exists counts(map integer primary key, rows integer not null) without rowid;
    create table if not exists meta(name text primary key, value text not null) without rowid;
"""


class IndexRow(NamedTuple):
    """A row of a view. `key` and `value` are JSON text."""

    sort: bytes
    id: str
    number: int
    key: bytes
    value: bytes


class Emitted(NamedTuple):
    """What the maps made of one document: rows with their map, in the order in which they were emitted."""

    id: str
    rows: Sequence[tuple[int, bytes, bytes, bytes]]  # map, sort key, key, value


class Bound(NamedTuple):
    """One end of a range of rows."""

    sort: bytes
    id: str | None  # None: whatever the id
    inclusive: bool = True


class Read(NamedTuple):
    """Which rows of a map, in which direction. `after` is the row at which the part before ended."""

    map: int
    first: Bound | None
    last: Bound | None
    descending: bool
    after: IndexRow | None = None


class IndexFile:
    """One index. `close` when nobody uses it any more."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._writer = self._opened(path)
        self._writer.execute(SCHEMA)
        self._reader = self._opened(path)
        self._peeker = self._opened(path, kilobytes=2048)

    @staticmethod
    def _opened(path: Path, kilobytes: int = 8192) -> Any:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(10_000)
        for pragma in ("journal_mode = wal", "synchronous = normal", f"cache_size = -{kilobytes}"):
            connection.execute(f"pragma {pragma}").fetchall()
        return connection

    def close(self) -> None:
        with self._writing, self._reading:
            self._peeker.close()
            self._reader.close()
            self._writer.close()

    def meta(self, name: str) -> str | None:
        with self._reading:
            found = self._reader.execute("select value from meta where name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def clear(self, meta: dict[str, str]) -> None:
        """Forget every row."""
        with self._writing, self._writer:
            for table in ("rows", "counts", "meta"):
                self._writer.execute(f"delete from {table}")  # noqa: S608 — names of our own
            self._note(meta)

    def apply(self, documents: Iterable[Emitted], meta: dict[str, str]) -> None:
        """Replace the rows of these documents, and say up to where that goes."""
        with self._writing, self._writer:
            change: dict[int, int] = {}
            for document in documents:
                counted = "select map, count(*) from rows where id = ? group by map"
                for place, count in self._writer.execute(counted, (document.id,)).fetchall():
                    change[place] = change.get(place, 0) - count
                self._writer.execute("delete from rows where id = ?", (document.id,))
                for number, (place, sort, key, value) in enumerate(document.rows):
                    change[place] = change.get(place, 0) + 1
                    row = (place, sort, document.id, number, key, value)
                    self._writer.execute("insert into rows values (?, ?, ?, ?, ?, ?)", row)
            for place, more in change.items():
                upsert = "insert into counts values (?1, ?2) on conflict do update set rows = rows + ?2"
                self._writer.execute(upsert, (place, more))
            self._note(meta)

    def _note(self, meta: dict[str, str]) -> None:
        for pair in meta.items():
            self._writer.execute("insert or replace into meta values (?, ?)", pair)

    def sizes(self) -> tuple[int, int]:
        """Bytes on disk, and those of them that are in use."""
        with self._reading:
            [pages], [free], [size] = (
                self._reader.execute(f"pragma {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
        journal = Path(f"{self._path}-wal")
        waiting = journal.stat().st_size if journal.exists() else 0
        return self._path.stat().st_size + waiting, max(0, pages - free - 1) * size

    def compact(self) -> None:
        """Give back what is not in use. Readers go on; who writes waits."""
        with self._writing:
            self._writer.execute("vacuum")
            self._writer.execute("pragma wal_checkpoint(truncate)").fetchall()

    def total(self, place: int) -> int:
        """How many rows a map has."""
        with self._reading:
            found = self._reader.execute("select rows from counts where map = ?", (place,)).fetchone()
        return 0 if found is None else int(found[0])

    def rows(self, read: Read, *, skip: int, limit: int) -> list[IndexRow]:
        """The next rows of a range."""
        with self._reading:
            return _rows(self._reader, read, skip, limit)

    def peek(self, read: Read, limit: int) -> list[IndexRow]:
        """The first rows of a range, few of them. For the event loop alone: it waits for no thread."""
        return _rows(self._peeker, read, 0, limit)

    def count(self, read: Read) -> int:
        """How many rows a range has."""
        where, values = _where(read)
        with self._reading:
            [number] = self._reader.execute(f"select count(*) from rows where {where}", values).fetchone()  # noqa: S608
        return int(number)


def _rows(connection: Any, read: Read, skip: int, limit: int) -> list[IndexRow]:
    where, values = _where(read)
    order = " desc" if read.descending else ""
    query = (
        f"select sort, id, number, key, value from rows where {where} "  # noqa: S608 — no text of users
        f"order by sort{order}, id{order}, number limit ? offset ?"
    )
    return [IndexRow(*row) for row in connection.execute(query, (*values, limit, skip)).fetchall()]


def _where(read: Read) -> tuple[str, list[Any]]:
    low, high = (read.last, read.first) if read.descending else (read.first, read.last)
    terms: list[str] = ["map = ?"]
    values: list[Any] = [read.map]
    for bound, sign in ((low, ">"), (high, "<")):
        if bound is not None:
            term, more = _term(bound, sign)
            terms.append(term)
            values += more
    if read.after is not None:  # the rows of one document with one key keep their order in both directions
        sign = "<" if read.descending else ">"
        terms.append(f"(sort, id) {sign}= (?, ?) and ((sort, id) {sign} (?, ?) or number > ?)")
        values += [*read.after[:2], *read.after[:3]]
    return " and ".join(terms), values


def _term(bound: Bound, sign: str) -> tuple[str, list[Any]]:
    equal = "=" if bound.inclusive else ""
    if bound.id is None:
        return f"sort {sign}{equal} ?", [bound.sort]
    return f"(sort, id) {sign}{equal} (?, ?)", [bound.sort, bound.id]
