"""The tables of the SQLite search index, and how packages are written into them.

`item` has a row for everything that can be found, with a number that no other has had; `package_words` and
`resource_words` have its terms by FTS5, `package_tags` and `resource_tags` what is exactly so of it;
`counted` and `value` have what is counted (see `fts5_facets`), `shown` what a hit is made of, `meaning` its
vector. Tags are terms of FTS5 too, for an item has dozens: rows of an index would be written all over the
file, and FTS5 writes its own in order.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import apsw

from couchreg.followers.base import Checkpoint
from couchreg.followers.search import fts5_facets
from couchreg.followers.search.fts5_match import term_of
from couchreg.followers.search.items import COLUMNS, Item
from couchreg.followers.search.tokens import Streams, streams

VERSION: Final = 12  # of tables and analysis, by twos; another one in the file means that it is built anew
MEANING: Final = 1  # is added to it where there are vectors
_NAMES = frozenset({"name", "resources", "fields"})  # columns whose texts are names
_FTS = f"""({", ".join(COLUMNS)}, words, content='', contentless_delete=1, tokenize='ascii', prefix='2 3')"""
_TAGS = "(tags, content='', contentless_delete=1, detail=none, tokenize='ascii')"
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA cache_size = -65536;
CREATE TABLE IF NOT EXISTS state (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, incarnation TEXT, seq TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS item (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, package TEXT NOT NULL, version TEXT NOT NULL,
    resource TEXT NOT NULL, date TEXT NOT NULL, first_day INTEGER, last_day INTEGER,
    west REAL, south REAL, east REAL, north REAL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS item_name ON item (kind, package, resource);
DROP INDEX IF EXISTS item_date;
CREATE INDEX IF NOT EXISTS item_newest ON item (kind, date DESC, package, resource);
CREATE VIRTUAL TABLE IF NOT EXISTS package_words USING fts5{_FTS};
CREATE VIRTUAL TABLE IF NOT EXISTS resource_words USING fts5{_FTS};
CREATE VIRTUAL TABLE IF NOT EXISTS package_tags USING fts5{_TAGS};
CREATE VIRTUAL TABLE IF NOT EXISTS resource_tags USING fts5{_TAGS};
CREATE TABLE IF NOT EXISTS meaning (id INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shown (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
{fts5_facets.SCHEMA}"""
_FTS_TABLES: Final = ("package_words", "resource_words", "package_tags", "resource_tags")
SEGMENTS: Final = 8  # of a level that FTS5 puts together: by fours it would write everything twice as often
WORTH_WHILE: Final = 10  # a tenth of a table: then all of it is written again
_IS_MORE: Final = 2  # rows changed by a command that has put something together
_PAGES: Final = 500  # that are put together at a time: some ten milliseconds
_ITEM = "INSERT INTO item VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KINDS: Final = ("package", "resource")
_COLUMNS = f"rowid, {', '.join(COLUMNS)}, words"
_WORDS = {
    kind: f"INSERT INTO {kind}_words ({_COLUMNS}) VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"  # noqa: S608
    for kind in _KINDS
}
_FOUND = "SELECT id FROM item WHERE kind = ? AND package = ?"
_REMOVED = (
    "DELETE FROM shown WHERE id = ?",
    "DELETE FROM meaning WHERE id = ?",
    "DELETE FROM item WHERE id = ?",
)


@lru_cache(100)
def names_streams(texts: tuple[str, ...]) -> Streams:
    """Those of the only resource of a package are its own, too."""
    return streams(texts, names=True)


class IndexRows:
    """The file at `path`, for writing. Raises apsw.Error."""

    def __init__(self, path: Path, *, with_meaning: bool = False) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = apsw.Connection(str(path))
        self._untidy: list[str] | None = None  # tables that are being put in order; None: not begun
        self._is_begun = False  # with the first of those
        self._facets = fts5_facets.FacetRows(self._connection)
        try:
            self._connection.set_busy_timeout(5000)
            self._connection.execute(_SCHEMA).fetchall()
            self._gather()
            self._run(
                "INSERT OR IGNORE INTO state VALUES (1, ?, NULL, NULL)", (VERSION + MEANING * with_meaning,)
            )
        except BaseException:
            self._connection.close()
            raise

    def _gather(self) -> None:
        """Say once, of each table of FTS5, how many segments of it are put together at a time."""
        for name in _FTS_TABLES:
            said = self._run(f"SELECT v FROM {name}_config WHERE k = 'automerge'")  # noqa: S608
            if said != [(SEGMENTS,)]:
                self._run(f"INSERT INTO {name} ({name}, rank) VALUES ('automerge', ?)", (SEGMENTS,))  # noqa: S608

    def state(self) -> tuple[int, Checkpoint | None]:
        """The version that made it, and how far it is."""
        [[version, incarnation, seq]] = self._run("SELECT version, incarnation, seq FROM state")
        return int(version), None if incarnation is None else Checkpoint(str(incarnation), str(seq))

    def replace(self, made: Iterable[tuple[str, Sequence[Item]]], gone: Collection[str]) -> None:
        """Put packages in place of what there is of them, and remove others, in the transaction that `commit`
        ends."""
        if not self._connection.in_transaction:
            self._run("BEGIN IMMEDIATE")
        for name in gone:
            self._remove(name)
        for name, found in made:
            self._remove(name)
            for item in found:
                self._add(item)

    def commit(self, checkpoint: Checkpoint) -> None:
        """Say how far that was, and make it so."""
        self._facets.settle()
        self._run("UPDATE state SET incarnation = ?, seq = ?", tuple(checkpoint))
        self._run("COMMIT")

    def tidy(self) -> bool:
        """Make one segment of all that a table of FTS5 has, some pages at a time, and leave out what is of
        items that are gone, where so much lies outside of its largest segment that it is worth while; whether
        there is more to do. What is committed in between is a segment of its own.

        Source: https://www.sqlite.org/fts5.html#the_merge_command
        """
        if self._untidy is None:
            self._untidy = [name for name in _FTS_TABLES if self._is_in_parts(name)]
        if not self._untidy:
            self._untidy = None
            return False
        name, before = self._untidy[0], self._connection.total_changes()
        # The first step says that all segments are meant, the others go on with them.
        pages = _PAGES if self._is_begun else -1
        self._run(f"INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
        self._is_begun = self._connection.total_changes() - before >= _IS_MORE
        if not self._is_begun:
            del self._untidy[0]
        return True

    def _is_in_parts(self, name: str) -> bool:
        found = self._run(f"SELECT count(*) FROM {name}_idx GROUP BY segid")  # noqa: S608
        sizes = [int(pages) for [pages] in found]
        return len(sizes) > 1 and (sum(sizes) - max(sizes)) * WORTH_WHILE >= sum(sizes)

    def forget(self) -> None:
        """What was not committed; after an error SQLite may have done so by itself."""
        self._facets.forget()
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def _remove(self, package: str) -> None:
        for number, kind in enumerate(_KINDS):
            for [place] in self._run(_FOUND, (number, package)):
                self._run(f"DELETE FROM {kind}_words WHERE rowid = ?", (place,))  # noqa: S608
                self._run(f"DELETE FROM {kind}_tags WHERE rowid = ?", (place,))  # noqa: S608
                self._facets.remove(place, number)
                for sql in _REMOVED:
                    self._run(sql, (place,))

    def _add(self, item: Item) -> None:
        is_resource = item.resource is not None
        days, degrees = item.period or (None, None), item.box or (None,) * 4
        values = (int(is_resource), item.package, item.version, item.resource or "", item.date)
        self._run(_ITEM, (*values, *days, *degrees))
        place = self._connection.last_insert_rowid()
        terms = [
            names_streams(item.columns[name]) if name in _NAMES else streams(item.columns[name])
            for name in COLUMNS
        ]
        kind = _KINDS[is_resource]
        words = " ".join(found.words for found in terms if found.words)
        self._run(_WORDS[kind], (place, *(found.stems for found in terms), words))
        tags = " ".join(map(term_of, item.tags))
        self._run(f"INSERT INTO {kind}_tags (rowid, tags) VALUES (?, ?)", (place, tags))  # noqa: S608
        self._run("INSERT INTO shown VALUES (?, ?)", (place, item.shown))
        if item.means:
            self._run("INSERT INTO meaning VALUES (?, ?)", (place, item.means))
        self._facets.add(place, int(is_resource), item.facets)
