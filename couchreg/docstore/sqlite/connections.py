"""The open files of databases: opened when needed, closed again when too many are.

Owns the two connections of a database (the writer's, and one for reads on the event loop) and the
choice of whose are closed: the databases asked for longest ago, while nothing is written there.
"""

import resource
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from couchreg.docstore.sqlite import schema
from couchreg.docstore.sqlite.sql import SqliteConnection

_FILES_EACH: Final = 5  # two connections: the file and its log twice, the log's index
_MOST: Final = 500
_LEAST: Final = 8


def most_open() -> int:
    """How many databases may be open: half of the files this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_LEAST, min(_MOST, soft // 2 // _FILES_EACH))


class DatabaseConnections:
    """Of one database. `busy` says whether its writer's is in use; the reader's never is for long."""

    def __init__(self, path: Path, recent: "Recent", busy: Callable[[], bool]) -> None:
        self._path = path
        self._recent = recent
        self._busy = busy
        self._reader: SqliteConnection | None = None
        self._writer: SqliteConnection | None = None
        self.touch = partial(recent.touch, self)  # this database has just been asked for

    def reader(self) -> apsw.Connection:
        """A connection that has met no trouble. Raises Failure when the file cannot be opened."""
        if self._reader is not None and self._reader.suspect:
            self._reader.close(True)
            self._reader = None
        if self._reader is None:
            self._reader = schema.connect(self._path, query_only=True)
            self._recent.touch(self)
        return self._reader

    def writer(self) -> apsw.Connection:
        """As `reader`; the same connection as long as a transaction is open."""
        if self._writer is not None and self._writer.suspect and not self._writer.in_transaction:
            self._writer.close(True)
            self._writer = None
        if self._writer is None:
            self._writer = schema.connect(self._path)
            self._recent.touch(self)
        return self._writer

    def rest(self) -> bool:
        """Close the files until they are needed again; False if the writer is at work.

        The write-ahead log stays as it is, for to empty it means to wait for the disk.
        """
        if self._busy():
            return False
        self.abandon()
        return True

    def close(self) -> "Future[None]":
        """Close in a thread, and empty the write-ahead log."""
        return self._recent.pool.submit(_close, self._take())

    def abandon(self) -> None:
        """Close at once and leave the files as they are: they are to go, or cannot be used."""
        gone = self._take()
        for conn in gone:
            conn.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        _close(gone)

    def _take(self) -> list[SqliteConnection]:
        self._recent.forget(self)
        gone = [conn for conn in (self._reader, self._writer) if conn is not None]
        self._reader = self._writer = None
        return gone


def _close(conns: list[SqliteConnection]) -> None:
    for conn in conns:
        conn.close(True)


class Recent:
    """Which databases are open, the one asked for longest ago first."""

    def __init__(self, pool: Executor, most: int) -> None:
        self.pool = pool
        self._most = most
        self._open: OrderedDict[DatabaseConnections, None] = OrderedDict()
        self._latest: DatabaseConnections | None = None  # the last of these

    def __len__(self) -> int:
        return len(self._open)

    def touch(self, connections: DatabaseConnections) -> None:
        if connections is self._latest:
            return
        self._latest = connections
        self._open[connections] = None
        self._open.move_to_end(connections)
        if len(self._open) > self._most:
            self._close_others(connections)

    def _close_others(self, wanted: DatabaseConnections) -> None:
        for other in list(self._open):
            if len(self._open) <= self._most:
                return
            if other is not wanted:
                other.rest()

    def forget(self, connections: DatabaseConnections) -> None:
        self._open.pop(connections, None)
        if connections is self._latest:
            self._latest = None
