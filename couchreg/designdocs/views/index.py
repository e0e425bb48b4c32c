"""The file of an index: rows of its maps in the order of their keys, and up to where the database was read.

Blocking: callers use threads, but for `peek`. One connection writes, another reads, a third is the event
loop's. A read is one short query, so that no transaction stays open between the parts of an answer. Rows and
the sequence they go up to are committed together; after a power cut the file is as it was at some commit
before, and goes on from there.
"""

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import apsw

from couchreg.designdocs.views import blocks
from couchreg.designdocs.views.answers import IndexState
from couchreg.designdocs.views.blocks import Block, WantedBlocks
from couchreg.designdocs.views.filling import Filling, Mapped
from couchreg.designdocs.views.reading import FoundRows, Read, counts_of, rows_of, where
from couchreg.designdocs.views.stretches import Stretch, stretch
from couchreg.errors import Unavailable

log = logging.getLogger(__name__)

BROKEN: Final = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)
FEW_ROWS: Final = 100_000  # of a map: they are counted in some ten milliseconds
DAMAGED: Final = "The index was damaged and is made again: ask in a while."
CLOSED: Final = "The index was closed meanwhile: ask again."
SCHEMA = """
    create table if not exists rows(
        map integer, sort blob, id text, number integer, key blob, value blob,
        primary key (map, sort, id, number)) without rowid;
    create table if not exists counts(map integer primary key, rows integer not null) without rowid;
    create table if not exists meta(name text primary key, value text not null) without rowid;
"""


_numbers = itertools.count(1)


def opened(path: Path, *, anew: bool = False) -> "IndexFile":
    """The file at `path`: one that is damaged, or known to be (`anew`), makes way for a new one."""
    if not anew:
        try:
            return IndexFile(path)
        except BROKEN:
            pass  # told below
    log.warning("%s is damaged: the index is made again", path)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return IndexFile(path)


def make_folder(path: Path) -> None:
    """With those above it that are not there: for its owner alone, as all that is not published."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)


class IndexFile:
    """One index. `close` when nobody uses it any more."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self.is_broken = False  # once it has turned out to be damaged: then there has to be another
        self._path = path
        self._number = next(_numbers)
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._writer = self._opened(path)
        self._writer.execute("pragma temp_store = memory")
        self._writer.execute(SCHEMA + blocks.SCHEMA)
        self._filling = Filling(self._writer)
        self._kinds = blocks.kinds(self._writer)
        self._counted = set[int]()  # maps whose rows have been counted
        self._changes = 0  # counts up before and after each change of rows
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

    @contextmanager
    def _trusting(self, lock: AbstractContextManager[Any]) -> Iterator[None]:
        """Hold a lock. Raises Unavailable where the file turns out to be damaged meanwhile."""
        with lock:
            try:
                yield
            except BROKEN as error:
                self.is_broken = True
                raise Unavailable(DAMAGED, retry_after=1) from error

    @property
    def state(self) -> IndexState:
        """Equal before and after a reading: all of it was of the same rows, if it began with `is_quiet`."""
        return IndexState(self._number, self._changes)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being written. To be asked after the state that is to count."""
        return not self._writing.locked()

    def meta(self, name: str) -> str | None:
        with self._trusting(self._reading):
            found = self._reader.execute("select value from meta where name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def clear(self, meta: dict[str, str]) -> None:
        """Forget every row."""
        with self._trusting(self._writing), self._writer:
            self._changes += 1
            for table in ("rows", "counts", "meta", "whole_blocks"):
                self._writer.execute(f"delete from {table}")  # noqa: S608 — names of our own
            self._note(meta)
        self._changes += 1

    def apply(self, mapped: Sequence[Mapped], meta: dict[str, str]) -> None:
        """Replace the rows of these documents, and say up to where that goes."""
        with self._trusting(self._writing):
            self._filling.prepare(mapped, self._kinds)
            self._changes += 1
            with self._writer:
                self._filling.store(mapped, self._kinds)
                self._note(meta)
            self._changes += 1  # who read meanwhile may have seen either

    def filled(self) -> None:
        """The first update is over: what comes from now on may be in the place of other rows."""
        self._filling.filled()

    def stretch(self, read: Read, wanted: WantedBlocks, most: int) -> tuple[Stretch, int]:
        """The next pieces of a range, and a number that says whether something has changed since."""
        changes = self._changes
        with self._trusting(self._reading):
            return stretch(self._reader, read, wanted, most), changes

    def first_counts(self, read: Read, *, by_key: bool) -> list[tuple[bytes, int]] | None:
        """`reading.counts_of`, if nobody has asked this of the map before and it is quick."""
        if read.map in self._counted:
            return None
        self._counted.add(read.map)
        if self.total(read.map) > FEW_ROWS or any(kind[0] == read.map for kind in self._kinds):
            return None
        with self._trusting(self._reading):
            return counts_of(self._reader, read, by_key=by_key)

    def keep(self, place: int, reduce: bytes, made: Iterable[tuple[Block, int]]) -> None:
        """Keep what was reduced of rows that have not changed since they were read; the rest is let go."""
        with self._trusting(self._writing):
            kept = [block for block, changes in made if changes == self._changes]
            with self._writer:
                blocks.store(self._writer, place, reduce, kept)
            self._kinds |= {(place, reduce, block.level) for block in kept}

    def _note(self, meta: dict[str, str]) -> None:
        for pair in meta.items():
            self._writer.execute("insert or replace into meta values (?, ?)", pair)

    def sizes(self) -> tuple[int, int]:
        """Bytes on disk, and those of them that are in use."""
        with self._trusting(self._reading):
            [pages], [free], [size] = (
                self._reader.execute(f"pragma {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
        journal = Path(f"{self._path}-wal")
        waiting = journal.stat().st_size if journal.exists() else 0
        return self._path.stat().st_size + waiting, max(0, pages - free - 1) * size

    def compact(self) -> None:
        """Give back what is not in use. Readers go on; who writes waits."""
        with self._trusting(self._writing):
            self._writer.execute("vacuum")
            self._writer.execute("pragma wal_checkpoint(truncate)").fetchall()

    def total(self, place: int) -> int:
        """How many rows a map has."""
        with self._trusting(self._reading):
            found = self._reader.execute("select rows from counts where map = ?", (place,)).fetchone()
        return 0 if found is None else int(found[0])

    def rows(self, read: Read, *, skip: int, limit: int) -> FoundRows:
        """The next rows of a range."""
        with self._trusting(self._reading):
            return rows_of(self._reader, read, skip, limit)

    def peek(self, read: Read, limit: int) -> FoundRows:
        """The first rows of a range, few of them. For the event loop alone: it waits for no thread."""
        with self._trusting(nullcontext()):
            return rows_of(self._peeker, read, 0, limit)

    def count(self, read: Read) -> int:
        """How many rows a range has."""
        condition, values = where(read)
        with self._trusting(self._reading):
            [number] = self._reader.execute(f"select count(*) from rows where {condition}", values).fetchone()  # noqa: S608
        return int(number)
