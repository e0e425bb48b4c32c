"""Download counts on disk: a small SQLite file of its own, for they are this server's and do not replicate.

Blocking; one thread calls it. Days are texts, `2026-03-01`, in UTC.
"""

import logging
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import apsw

log = logging.getLogger(__name__)

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS downloads (
    name TEXT NOT NULL, day TEXT NOT NULL, version TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (name, day, version)
) WITHOUT ROWID, STRICT;
"""
_ADD = """
INSERT INTO downloads (name, day, version, count) VALUES (?, ?, ?, ?)
ON CONFLICT (name, day, version) DO UPDATE SET count = count + excluded.count
"""
_READ = """
SELECT name, day, version, count FROM downloads WHERE name = ? AND day BETWEEN ? AND ?
ORDER BY day, version LIMIT ?
"""


def _open(path: str) -> apsw.Connection:
    if path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(path)
    try:
        connection.set_busy_timeout(5000)
        connection.execute(_SCHEMA).fetchall()  # to the end of all its statements
    except apsw.Error:
        connection.close()
        raise
    return connection


_MOST = """
SELECT name, sum(count) AS n FROM downloads WHERE day >= ? GROUP BY name ORDER BY n DESC, name LIMIT ?
"""


class CountedDownloads(NamedTuple):
    """So many downloads of files of a version on a day."""

    name: str
    day: str
    version: str
    downloads: int


class CountsFile:
    """The counts in the file `path`, or in memory for `:memory:`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: apsw.Connection | None = None

    @property
    def _connection(self) -> apsw.Connection:
        if self._opened is None:
            try:
                self._opened = _open(self._path)
            except (apsw.CorruptError, apsw.NotADBError):
                aside = f"{self._path}.damaged"
                log.error("%s is damaged and is kept as %s: downloads are counted anew", self._path, aside)
                os.replace(self._path, aside)
                self._opened = _open(self._path)
        return self._opened

    def add(self, counts: Iterable[CountedDownloads]) -> None:
        """Add to what is there: all of it or nothing."""
        connection = self._connection
        with connection:
            connection.executemany(_ADD, list(counts)).fetchall()

    def read(self, name: str, first: str, last: str, most: int) -> list[CountedDownloads]:
        """The counts of a package from day to day, both included, `most` rows of them."""
        return [CountedDownloads(*row) for row in self._connection.execute(_READ, (name, first, last, most))]

    def most(self, first: str, most: int) -> list[tuple[str, int]]:
        """The packages with the most downloads since a day, and how many those are."""
        rows: list[Any] = self._connection.execute(_MOST, (first, most)).fetchall()
        return [(str(name), int(count)) for name, count in rows]

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
