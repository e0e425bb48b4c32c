"""The databases of one server, each a file of `<data>/databases/`, and `server.sqlite` beside them."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from couchreg.docstore.base import Config, DatabaseEvent, DatabaseEvents, Seq
from couchreg.docstore.sqlite import connections, paths, schema, sequences, server
from couchreg.docstore.sqlite.aio import Pulse, in_thread
from couchreg.docstore.sqlite.database import GONE, SqliteDatabase
from couchreg.docstore.sqlite.events import Events
from couchreg.docstore.sqlite.notes import SqliteNotes
from couchreg.docstore.sqlite.paths import DatabaseFile
from couchreg.errors import FileExists, NotFound

_THREADS: Final = 8  # commits that wait for the disk at the same time


class SqliteStore:
    """The embedded engine. Everything of it is called on one event loop, or before it runs."""

    def __init__(self, data: Path, *, most_open: int | None = None) -> None:
        """`data` is the data directory, held by this process alone; `databases/` is made when absent.

        `most_open` databases have their files open at a time; the limit of the system says how many.
        """
        self._directory = data / "databases"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.sweep(self._directory)
        found = (paths.parse(path) for path in self._directory.iterdir())
        self._files: dict[str, DatabaseFile] = {file.name: file for file in found if file is not None}
        self._open: dict[str, SqliteDatabase] = {}
        self._making: dict[str, asyncio.Event] = {}
        self._conn = server.open_server(data / "server.sqlite")
        self.uuid = server.identity(self._conn)
        self._life = self.uuid[:8]
        self._events = Events(self._conn, self._files)
        self._pulse = Pulse()
        self._pool = ThreadPoolExecutor(_THREADS, "couchreg-sqlite")
        self._recent = connections.Recent(self._pool, most_open or connections.most_open())

    # -- databases
    async def create(self, name: str) -> SqliteDatabase:
        """Raises FileExists, IllegalDatabaseName (too long for a file). Who is told that it exists can use
        it: one that is being made is waited for."""
        while name in self._making:
            await self._making[name].wait()
        if name in self._files:
            raise FileExists
        incarnation = secrets.token_hex(4)
        file = DatabaseFile(name, incarnation, self._directory / paths.file_name(name, incarnation))
        made = self._making[name] = asyncio.Event()
        try:
            await in_thread(self._pool, _make, file.path)
            self._files[name] = file
        finally:
            del self._making[name]
            made.set()
        self._happened(name, "created")
        return await self.open(name)

    async def delete(self, name: str) -> None:
        file = self._files.pop(name, None)
        if file is None:
            raise NotFound(GONE)
        database = self._open.pop(name, None)
        if database is not None:
            await database.close()
        await in_thread(self._pool, _remove, file.path)
        self._happened(name, "deleted")

    async def open(self, name: str) -> SqliteDatabase:
        """Opens the file when the database is first asked for. Raises NotFound, Failure."""
        database = self._open.get(name)
        if database is None:
            file = self._files.get(name)
            if file is None:
                raise NotFound(GONE)
            database = self._open[name] = SqliteDatabase(file, self._recent, self._updated)
        else:
            database.touch()
        return database

    async def notes(self, name: str) -> SqliteNotes:
        return (await self.open(name)).notes

    async def names(self) -> list[str]:
        return sorted(self._files)

    # -- configuration
    async def read_config(self) -> Config:
        return server.config(self._conn)

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        with self._conn:
            server.set_config(self._conn, section, key, value)

    # -- events
    async def parse_events_since(self, since: str) -> Seq:
        return self._stamp(sequences.parse(since, self._life, self._events.seq))

    async def events(self, since: Seq) -> DatabaseEvents:
        found = self._events.since(sequences.number_of(since, self._life))
        events = [DatabaseEvent(self._stamp(seq), name, kind) for seq, name, kind in found]
        return DatabaseEvents(events, self._stamp(self._events.seq))

    async def wait_event(self, since: Seq) -> None:
        number = sequences.number_of(since, self._life)
        while self._events.seq <= number:
            await self._pulse.wait()

    def _stamp(self, number: int) -> Seq:
        return sequences.stamp(number, self._life)

    def _happened(self, name: str, kind: str) -> None:
        self._events.lasting(name, kind)
        self._pulse.beat()

    def _updated(self, name: str) -> None:
        self._events.updated(name)
        self._pulse.beat()

    async def close(self) -> None:
        """Finish what is being written and close every file."""
        while self._open:
            await self._open.popitem()[1].close()
        self._conn.close()
        self._pool.shutdown()


def _make(path: Path) -> None:
    """A database file that is complete as soon as it has its name."""
    half = path.with_name(f".new-{path.name.rpartition('@')[2]}")
    schema.create(half)
    half.rename(path)
    paths.sync(path.parent)


def _remove(path: Path) -> None:
    """The rename is the moment of deletion; a crash leaves the rest to `paths.sweep`."""
    gone = path.with_name(f".gone-{path.name.rpartition('@')[2]}")
    path.rename(gone)
    paths.sync(path.parent)
    for rest in (gone, *paths.companions(path)):
        rest.unlink(missing_ok=True)
