"""The databases of a data directory for further processes of the same server, of which one alone writes.

Whoever reads asks SQLite at each `open` whether somebody else has committed since (`PRAGMA data_version`,
some microseconds), and so has what was acknowledged before it was asked: counters and settings of a database,
and of the server its configuration and which databases there are. Nothing is ever written, nor a log emptied.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import apsw

from couchreg.docstore.base import Config, DatabaseEvents, Seq, Setting
from couchreg.docstore.sqlite import connections, other_writes, roster, schema, server
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.database import GONE, SqliteDatabase
from couchreg.docstore.sqlite.failures import foreseen
from couchreg.docstore.sqlite.notes import SqliteNotes
from couchreg.docstore.sqlite.paths import DatabaseFile
from couchreg.docstore.sqlite.sql import query
from couchreg.errors import NotFound, Unavailable

_VERSION: Final = "PRAGMA data_version"
ELSEWHERE: Final = "Another process of this server writes."


class ReadDatabase(SqliteDatabase):
    """A database that another process writes. What is known of it is as new as the last `look`, which whoever
    asks for `update_seq` takes."""

    def __init__(self, file: DatabaseFile, recent: connections.Recent) -> None:
        self._looked_with: apsw.Connection | None = None
        self._version = 0
        super().__init__(file, recent, lambda name: None)
        self._writer.connect = _elsewhere

    def look(self) -> None:
        """Know of everything that has been committed before. Raises NotFound, Failure."""
        conn = self._reader()
        version = query(conn, _VERSION)[0][0]
        if conn is self._looked_with and version == self._version:
            return
        self._counters.become(Counters.load(conn))
        self._settings = other_writes.settings(conn)
        self._looked_with, self._version = conn, version

    async def update_seq(self) -> Seq:
        self.look()
        return await super().update_seq()

    async def wait(self, since: Seq) -> None:
        raise Unavailable(ELSEWHERE)

    def shut(self) -> None:
        """It is gone, or nobody needs it."""
        self._closed = True
        self._files.abandon()


class ReadStore:
    """A `ConfiguredStore` for reading: `fresh()` before anything is asked of it."""

    def __init__(self, data: Path, *, most_open: int | None = None) -> None:
        """`data` is held by another process. Raises Failure."""
        self._directory = data / "databases"
        self._conn = schema.connect(data / "server.sqlite", query_only=True)
        self._version = -1
        self._files: dict[str, DatabaseFile] = {}
        self._open: dict[str, ReadDatabase] = {}
        self._config: Config = {}
        self._pool = ThreadPoolExecutor(1, "couchreg-sqlite")
        self._recent = connections.Recent(self._pool, most_open or connections.most_open())
        try:
            self.uuid = server.identity(self._conn)
            self.fresh()
        except BaseException:
            self._shut()
            raise

    def fresh(self) -> None:
        """Know the configuration, and which databases there are, as of now. Raises Failure."""
        if self._conn.suspect:
            path = self._conn.filename
            self._conn.close(True)
            self._conn, self._version = schema.connect(Path(path), query_only=True), -1
        version = query(self._conn, _VERSION)[0][0]
        if version == self._version:
            return
        self._config = server.config(self._conn)
        self._files = roster.known(self._conn, self._directory)
        for name in [name for name, one in self._open.items() if not self._is_still(one)]:
            self._open.pop(name).shut()
        self._version = version

    def _is_still(self, database: ReadDatabase) -> bool:
        file = self._files.get(database.name)
        return file is not None and file.incarnation == database.incarnation

    async def open(self, name: str) -> ReadDatabase:
        """As new as now. Raises NotFound, Failure; Unavailable for what by its name is not everybody's."""
        if name.rpartition("/")[2].startswith("_"):
            _elsewhere()
        database = self._open.get(name)
        if database is None:
            file = self._files.get(name)
            if file is None:
                raise NotFound(GONE)
            try:
                database = ReadDatabase(file, self._recent)
            except apsw.Error as error:
                raise foreseen(error) from error
            self._open[name] = database
        else:
            database.touch()
        database.look()
        return database

    async def notes(self, name: str) -> SqliteNotes:
        return (await self.open(name)).notes

    async def names(self) -> list[str]:
        return sorted(self._files)

    def config(self) -> Config:
        return self._config

    async def read_config(self) -> Config:
        return self._config

    async def refresh_config(self) -> None:
        self.fresh()

    async def close(self) -> None:
        self._shut()

    def _shut(self) -> None:
        while self._open:
            self._open.popitem()[1].shut()
        with suppress(apsw.Error):  # nothing of ours is in it
            self._conn.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._conn.close(True)
        self._pool.shutdown()

    # -- what the process that writes is asked for
    def heed(self, config: Config) -> None: ...

    async def missing(self) -> list[str]:
        _elsewhere()

    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> ReadDatabase:
        _elsewhere()

    async def delete(self, name: str) -> None:
        _elsewhere()

    async def set_config(self, section: str, key: str, value: str | None, *, persist: bool = True) -> None:
        _elsewhere()

    async def forget_config(self) -> None:
        _elsewhere()

    async def parse_events_since(self, since: str) -> Seq:
        _elsewhere()

    async def events(self, since: Seq) -> DatabaseEvents:
        _elsewhere()

    async def wait_event(self, since: Seq) -> None:
        _elsewhere()


def _elsewhere() -> NoReturn:
    raise Unavailable(ELSEWHERE)
