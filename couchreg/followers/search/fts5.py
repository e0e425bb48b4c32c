"""The default search engine: an SQLite file with FTS5. Blocking; see `SearchIndex`.

Rows and checkpoint are one transaction. What is indexed are terms that `tokens` made, with blanks between,
so FTS5 only cuts at blanks. Texts are not kept for FTS5 (it has no content); what a hit shows lies
compressed in a table of its own.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import apsw
import numpy as np

from couchreg.errors import StorageFailure
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search import fts5_facets, fts5_match, fts5_rows
from couchreg.followers.search.base import (
    ENOUGH,
    EXACT_WEIGHT,
    SECONDS,
    WEIGHTS,
    Hit,
    HitsPage,
    NoMeaning,
    TooSlow,
)
from couchreg.followers.search.folder import make_room
from couchreg.followers.search.fts5_facets import CountedValues, Places
from couchreg.followers.search.fts5_rows import IndexRows
from couchreg.followers.search.items import COLUMNS, PackageSource, items
from couchreg.followers.search.meaning import nearest, vector
from couchreg.followers.search.query import Query
from couchreg.followers.search.remembering import Counts, KnownCounts
from couchreg.model import json

FILE: Final = "fts5.sqlite"
MOST_NEIGHBOURS: Final = 20_000  # terms that are looked at for one word that nothing has
MOST_COUNTED: Final = 20_000  # items whose facets are counted,
MOST_COUNTED_VALUES: Final = 4 << 20  # as long as they have no more values of all facets together
FEW: Final = 1_000  # items that are sorted in no time
_STEPS = 2_000  # of SQLite's machine between two looks at the clock
_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.SchemaChangeError, apsw.FormatError)
_BM25, _PLAIN = "bm25", "plain"
_RANK = ", ".join(str(WEIGHTS[name]) for name in COLUMNS) + f", {EXACT_WEIGHT}"
_ORDERS: Final = {
    "name": "item.package, item.resource",
    "date": "item.date DESC, item.package, item.resource",
    "downloads": "(SELECT -n FROM temp.downloads WHERE name = item.package) NULLS LAST, "
    "item.package, item.resource",
}


class Fts5Index:
    """The index in the file `FILE` of a directory, in which there is nothing else."""

    def __init__(
        self, directory: Path, *, seconds: float = SECONDS, with_meaning: bool = False, plain: bool = False
    ) -> None:
        """With `plain` the score of an item depends on this item alone."""
        self._directory = directory
        self._plain = plain
        self._with_meaning = with_meaning
        self._path = directory / FILE
        self._seconds = seconds
        self._rows: IndexRows | None = None
        self._reading: apsw.Connection | None = None
        self._counts = KnownCounts()
        self._values = CountedValues()
        self._deadline = 0.0

    # -- writing
    def open(self) -> Checkpoint | None:
        with trusting():
            make_room(self._directory, keep=FILE)
            self._rows = self._rows or IndexRows(self._path, with_meaning=self._with_meaning)
            version, checkpoint = self._rows.state()
            if version != fts5_rows.VERSION + fts5_rows.MEANING * self._with_meaning:
                raise RebuildNeeded("the search index was made by another version")
            return checkpoint

    def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        with self._writing() as rows:
            made = [  # here it is the package's fault
                (source.name, items(source, with_meaning=self._with_meaning)) for source in sources
            ]
            with trusting():
                rows.replace(made, gone)

    def commit(self, sources: Sequence[PackageSource], gone: Collection[str], checkpoint: Checkpoint) -> None:
        self.put(sources, gone)
        with self._writing() as rows, trusting():
            rows.commit(checkpoint)

    def tidy(self) -> bool:
        with self._writing() as rows, trusting():
            return rows.tidy()

    @contextmanager
    def _writing(self) -> Iterator[IndexRows]:
        if self._rows is None:
            raise RebuildNeeded("the search index is not open")
        try:
            yield self._rows
        except BaseException:
            with trusting():
                self._rows.forget()
            raise

    def clear(self) -> None:
        self.close()
        with trusting():
            make_room(self._directory)
            self._rows = IndexRows(self._path, with_meaning=self._with_meaning)

    def close(self) -> None:
        if self._rows is not None:
            self._rows.close()
            self._rows = None

    # -- reading
    def search(self, query: Query) -> HitsPage:
        if query.like and not self._with_meaning:
            raise NoMeaning
        if query.is_nothing:
            return HitsPage(0, [], {name: [] for name in query.facets})
        with self._bounded() as connection:
            self._counts.check(str(connection.execute("PRAGMA data_version").fetchall()))
            connection.execute("BEGIN")  # one state of the index for all that is asked
            try:
                asked = _Asked(connection, query, self._values, _PLAIN if self._plain else _BM25)
                return asked.page(self._counts)
            finally:
                if connection.in_transaction:  # what was interrupted has none any more
                    connection.execute("ROLLBACK")

    def known(self, term: str) -> bool:
        return self._has(f'"{term}"')

    def is_word(self, term: str) -> bool:
        return self._has(f'words : "{term}"')

    def _has(self, matched: str) -> bool:
        sql = "SELECT 1 FROM {} WHERE {} MATCH ? LIMIT 1"
        with self._bounded() as connection:
            return any(
                connection.execute(sql.format(name, name), (matched,)).fetchall()
                for name in ("package_words", "resource_words")
            )

    def neighbours(self, term: str) -> Sequence[tuple[str, int]]:
        sql = "SELECT term, doc FROM terms WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?"
        beginning = term[:1]
        if not beginning or ord(beginning) >= 0x10FFFF:
            return []
        lengths = (len(term) - 2, len(term) + 2)
        with self._bounded() as connection:
            rows: Iterator[Any] = connection.execute(sql, (beginning, chr(ord(beginning) + 1), *lengths))
            return list(islice(rows, MOST_NEIGHBOURS))

    def read_ahead(self) -> bool:
        with self._bounded() as connection:
            return self._values.read_ahead(connection)

    def close_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None
            self._counts = KnownCounts()
            self._values = CountedValues()

    @contextmanager
    def _bounded(self) -> Iterator[apsw.Connection]:
        """The connection for reading, which gives up when the time for one search is over."""
        self._deadline = time.monotonic() + self._seconds
        try:
            with trusting():
                yield self._reader()
        except apsw.InterruptError:
            raise TooSlow from None
        except (RebuildNeeded, StorageFailure):
            self.close_reading()
            raise

    def _reader(self) -> apsw.Connection:
        if self._reading is None:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.set_busy_timeout(1000)
                connection.execute(_READING).fetchall()
                connection.register_fts5_function(_PLAIN, _plain_score)
                connection.set_progress_handler(self._is_late, _STEPS)
            except BaseException:
                connection.close()
                raise
            self._reading = connection
        return self._reading

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


_READING = """
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -65536;
CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, package_words, row);
CREATE TABLE temp.downloads (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
"""


class _Asked:
    """One query over one connection."""

    def __init__(self, connection: apsw.Connection, query: Query, values: CountedValues, rank: str) -> None:
        self._connection = connection
        self._values = values
        self._rank = rank
        self._query = query
        self._walk = fts5_match.by_match(query, with_items=False)

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def page(self, counts: KnownCounts) -> HitsPage:
        query = self._query
        if query.like:
            return self._near()
        total, facets = counts.of(query, self._facets if query.facets else lambda: (self._count(), {}))
        return HitsPage(total, self._hits(total) if query.limit and query.offset < total else [], facets)

    def _near(self) -> HitsPage:
        """All that match are compared with what is meant: there are no regions to look into first."""
        query, walk = self._query, self._walk
        sql = (
            f"SELECT id, vector FROM meaning WHERE id IN (SELECT {walk.place} FROM {walk.source} "  # noqa: S608
            f"WHERE {walk.where})"
        )
        rows: Iterator[Any] = self._connection.execute(sql, walk.values)
        near = nearest(vector(query.like), rows)
        page = near[query.offset : query.offset + query.limit]
        facets, _ = self._facets_of(np.array([place for place, _ in near], np.int64))
        return HitsPage(len(near), self._shown(page), facets)

    def _count(self) -> int:
        walk = self._walk
        sql = f"SELECT count(*) FROM {walk.source} WHERE {walk.where}"  # noqa: S608
        return int(self._run(sql, walk.values)[0][0])

    def _hits(self, total: int) -> list[Hit]:
        """Of the many that have some tag, those that come first are soon found among all in their order."""
        query = self._query
        ranked = query.has_words and query.sort == "score"
        score = f"-{self._rank}({fts5_match.table(query)}, {_RANK})" if ranked else "0.0"
        order = "2 DESC, 1" if ranked else _ORDERS.get(query.sort, _ORDERS["name"])
        if query.sort == "downloads":
            self._run("DELETE FROM temp.downloads")
            self._connection.executemany(
                "INSERT INTO temp.downloads VALUES (?, ?)", query.downloads
            ).fetchall()
        walk = fts5_match.by_match(query, with_items=not ranked)
        if total > FEW and not query.has_words:
            walk = fts5_match.by_item(query)
        sql = (
            f"SELECT {walk.place}, {score} FROM {walk.source} WHERE {walk.where} "  # noqa: S608
            f"ORDER BY {order} LIMIT ? OFFSET ?"
        )
        found = self._run(sql, (*walk.values, query.limit, query.offset))
        return self._shown(found)

    def _shown(self, found: Sequence[tuple[int, float]]) -> list[Hit]:
        """The hits with these numbers and scores, in their order. Raises RebuildNeeded."""
        sql = (
            "SELECT item.id, package, version, resource, body FROM json_each(?) "
            "CROSS JOIN item ON item.id = value JOIN shown ON shown.id = item.id"
        )
        rows = self._run(sql, (json.encode([place for place, _ in found]).decode(),))
        known = {place: row for place, *row in rows}
        if len(known) < len(found):
            raise RebuildNeeded("the search index is damaged: an item has nothing to show")
        hits = [(*known[place], score) for place, score in found]
        return [
            Hit(package, version, resource or None, score, body)
            for package, version, resource, body, score in hits
        ]

    def _facets(self) -> tuple[int, Counts]:
        """How many match, and the values of the facets among the first MOST_COUNTED of them."""
        query = self._query
        if query.is_everything:
            return self._count(), fts5_facets.in_all(self._connection, query)
        walk = self._walk
        sql = (  # one text takes half as long as a row for each
            f"SELECT group_concat(place) FROM (SELECT {walk.place} AS place FROM {walk.source} "  # noqa: S608
            f"WHERE {walk.where} LIMIT ?)"
        )
        [[listed]] = self._run(sql, (*walk.values, MOST_COUNTED + 1))
        places = np.fromstring(listed or "", np.int64, sep=",")
        facets, is_all = self._facets_of(places)
        return len(places) if is_all else self._count(), facets

    def _facets_of(self, places: Places) -> tuple[Counts, bool]:
        """The values of the facets among the first MOST_COUNTED of these; and whether all were counted."""
        query, first = self._query, places[:MOST_COUNTED]
        if not query.facets:
            return {}, False
        columns, counted = self._values.of(self._connection, query.facets, first, MOST_COUNTED_VALUES)
        facets = fts5_facets.in_columns(self._connection, query, columns)
        return facets, counted == len(places)


def _plain_score(api: apsw.FTS5ExtensionApi, *weights: Any) -> float:
    """What an item is worth as a match, whatever else is in the index; the less the better, as `bm25`."""
    score = 0.0
    for phrase in range(api.phrase_count):
        places = api.phrase_locations(phrase)
        weight = sum(float(by) * len(found) for by, found in zip(weights, places, strict=True))
        score += weight / (weight + ENOUGH)
    return -score


@contextmanager
def trusting() -> Iterator[None]:
    """Whatever SQLite finds wrong with the file means that it cannot be used any more; trouble with the disk
    is passed on as such."""
    try:
        yield
    except apsw.InterruptError:
        raise
    except _BROKEN as error:
        raise RebuildNeeded(f"the search index is damaged: {type(error).__name__}: {error}") from error
    except apsw.CantOpenError as error:
        raise OSError(f"the search index cannot be opened: {error}") from error
    except apsw.Error as error:
        raise StorageFailure(f"The search index cannot be read or written: {error}") from error
