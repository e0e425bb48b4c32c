"""The databases of one server, each a file of `<data>/databases/`, and `server.sqlite` beside them."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from couchreg import durable
from couchreg.docstore.base import Config, DatabaseEvent, DatabaseEvents, Seq, Setting
from couchreg.docstore.sqlite import connections, paths, roster, schema, sequences, server
from couchreg.docstore.sqlite.aio import Pulse, in_thread
from couchreg.docstore.sqlite.database import GONE, SqliteDatabase
from couchreg.docstore.sqlite.events import EventLog
from couchreg.docstore.sqlite.failures import foreseen
from couchreg.docstore.sqlite.notes import SqliteNotes
from couchreg.docstore.sqlite.paths import DatabaseFile
from couchreg.docstore.sqlite.serverfile import ServerFile
from couchreg.errors import CouchregError, Failure, FileExists, NotFound, StorageFailure, Unavailable, Unsure
from couchreg.model import json
from couchreg.model.partitions import LARGEST
from couchreg.os_errors import belongs

log = logging.getLogger(__name__)

T = TypeVar("T")

_THREADS: Final = 8  # commits that wait for the disk at the same time
_AGAIN: Final = 1.0  # seconds between attempts to find out what became of a deletion


class SqliteStore:
    """The embedded engine. Everything of it is called on one event loop, or before it runs."""

    def __init__(self, data: Path, *, most_open: int | None = None) -> None:
        """`data` is the data directory, held by this process alone; `databases/` is made when absent.

        `most_open` databases have their files open at a time; the limit of the system says how many.
        """
        self._directory = data / "databases"
        durable.make_directory(self._directory, mode=0o700)
        conn = server.open_server(data / "server.sqlite")
        try:
            self.uuid = server.identity(conn)
            self._files, self._missing = roster.settle(conn, self._directory)
            self._events = EventLog(conn, self._files)
            self.heed(server.config(conn))
        except apsw.Error as error:
            conn.close(True)
            raise foreseen(error) from error
        self._life = self.uuid[:8]
        self._open: dict[str, SqliteDatabase] = {}
        self._changing: dict[str, asyncio.Task[Any]] = {}  # databases that are being made or deleted
        self._unsure: set[str] = set()  # databases that nobody knows to be deleted or not
        self._removed: list[DatabaseFile] = []  # whose rows may go
        self._broken: dict[str, str] = {}  # what the log has been told
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulse = Pulse()
        self._pool = ThreadPoolExecutor(_THREADS, "couchreg-sqlite")
        self._server = ServerFile(conn, self._pool)
        self._recent = connections.Recent(self._pool, most_open or connections.most_open())

    # -- databases
    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> SqliteDatabase:
        """Raises FileExists, IllegalDatabaseName (too long for a file). Who is told that it exists can use
        it: a creation that is under way is waited for."""
        return await self._alone(name, self._create(name, settings or {}))

    async def delete(self, name: str) -> None:
        """Raises NotFound, and Unsure where a crash may yet delete it: until that is known, the database
        does not answer."""
        await self._alone(name, self._delete(name))

    async def open(self, name: str) -> SqliteDatabase:
        """Opens the file when the database is first asked for. Raises NotFound, Failure, Unavailable.

        A file that cannot be used is looked at again by whoever asks next.
        """
        if self._unsure and name in self._unsure:
            raise Unavailable("Whether this database has been deleted is not known yet: the disk failed.")
        database = self._open.get(name)
        if database is None:
            file = self._files.get(name)
            if file is None:
                raise NotFound(GONE)
            database = self._open[name] = self._opened(file)
        else:
            database.touch()
        return database

    async def notes(self, name: str) -> SqliteNotes:
        return (await self.open(name)).notes

    async def names(self) -> list[str]:
        return sorted(self._files)

    async def missing(self) -> list[str]:
        return sorted(str(file.path) for file in self._missing)

    async def adopt(self, uuid: str) -> None:
        """Be the registry of this identity from now on."""
        await self._server.change(lambda conn: server.set_identity(conn, uuid))
        self.uuid, self._life = uuid, uuid[:8]

    # -- configuration
    async def read_config(self) -> Config:
        return await self._server.read(server.config)

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        await self._server.change(lambda conn: server.set_config(conn, section, key, value))

    def heed(self, config: Config) -> None:
        text = config.get("couchdb", {}).get("max_partition_size", "")
        self._largest_partition = int(text) if text.isascii() and text.isdigit() else LARGEST

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

    async def close(self) -> None:
        """Finish what is being written and close every file."""
        for task in self._tasks:
            task.cancel()
        waiting = [*self._tasks, *self._changing.values()]
        if waiting:
            await asyncio.wait(waiting)
        while self._open:
            await self._open.popitem()[1].close()
        await self._server.close()
        self._pool.shutdown()

    # -- the inside
    async def _alone(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        """Work on one name, after what is being done to it already; nobody who goes away breaks it off."""
        try:
            while busy := self._changing.get(name):
                await asyncio.wait([busy])
        except asyncio.CancelledError:
            work.close()
            raise
        task = self._changing[name] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(task)

    def _ended(self, name: str, task: "asyncio.Task[Any]") -> None:
        del self._changing[name]
        if not task.cancelled():
            task.exception()  # told whoever still waits

    async def _create(self, name: str, settings: Mapping[Setting, Any]) -> SqliteDatabase:
        if name in self._files:
            raise FileExists
        file = paths.place(self._directory, name, secrets.token_hex(4))
        stored: dict[str, bytes] = {key: json.encode(value) for key, value in settings.items()}
        blank = partial(schema.blank, stored, partitioned=settings.get("partitioned") is True)
        try:
            await in_thread(self._pool, lambda: durable.write_new(paths.half(file), blank()))
        except OSError as error:
            raise StorageFailure(
                f"The database could not be made: {error.strerror}.", error="file_error"
            ) from error
        moved = self._moved(name)

        def made(conn: apsw.Connection) -> None:
            roster.add(conn, file)
            roster.forget_moved(conn, moved)  # whoever makes the database anew does without these

        try:
            await self._record(name, "created", made)
        except Failure:
            with suppress(OSError):
                await in_thread(self._pool, paths.half(file).unlink)
            raise
        self._files[name] = file
        self._missing = [one for one in self._missing if one not in moved]
        with suppress(OSError):  # whoever opens it tries again
            await in_thread(self._pool, paths.complete, file)
        self._broken.pop(name, None)
        return await self.open(name)

    def _moved(self, name: str) -> list[DatabaseFile]:
        return [one for one in self._missing if one.name == name]

    async def _delete(self, name: str) -> None:
        file = self._files.get(name)
        moved = self._moved(name)
        if file is None and not moved:
            raise NotFound(GONE)

        def gone(conn: apsw.Connection) -> None:
            if file is not None:
                roster.mark_gone(conn, file)
            roster.forget_moved(conn, moved)  # whoever deletes the database means these, too

        try:
            await self._record(name, "deleted", gone)
        except Unsure:
            self._find_out(name)
            raise
        self._unsure.discard(name)
        self._missing = [one for one in self._missing if one not in moved]
        if file is None:
            return
        del self._files[name]
        database = self._open.pop(name, None)
        if database is not None:
            await database.close(for_good=True)
        try:
            await in_thread(self._pool, paths.remove, self._directory, [file])
        except OSError as error:
            log.warning("%s is left to the next start: %s", file.path, error.strerror)
        else:
            self._removed.append(file)

    async def _record(self, name: str, kind: str, work: Callable[[apsw.Connection], None]) -> None:
        """The moment in which a database comes to be or is no more, with the event that tells of it."""
        event = self._events.next(name, kind)
        removed, self._removed = self._removed, []

        def transaction(conn: apsw.Connection) -> None:
            work(conn)
            self._events.save(conn, event)
            roster.drop(conn, removed)

        try:
            await self._server.change(transaction)
        except BaseException:
            self._removed += removed
            raise
        self._events.happened(event)
        self._pulse.beat()

    def _find_out(self, name: str) -> None:
        """Write to `server.sqlite` until it works: then a deletion that failed is certain not to happen."""
        if name not in self._unsure:
            self._unsure.add(name)
            self._start(self._until_certain())

    async def _until_certain(self) -> None:
        while self._unsure:
            try:
                await self._server.change(lambda conn: None)
            except CouchregError:
                await asyncio.sleep(_AGAIN)
            else:
                self._unsure.clear()

    def _opened(self, file: DatabaseFile) -> SqliteDatabase:
        """Raises Failure with the name of the file; the log is told once, and its whole path."""
        try:
            paths.complete(file)
            database = SqliteDatabase(file, self._recent, self._updated, lambda: self._largest_partition)
        except (CouchregError, apsw.Error, OSError) as error:
            told = foreseen(error)
            word = told.error if isinstance(told, CouchregError) else "file_error"
            reason = f"The database cannot be used. {told} Its file is {file.path.name}."
            if self._broken.get(file.name) != reason:
                self._broken[file.name] = reason
                log.error("%s cannot be used: %s %s", file.path, told, _advice(file.path))
            raise StorageFailure(reason, error=word) from error
        self._broken.pop(file.name, None)
        return database

    def _updated(self, name: str) -> None:
        self._events.updated(name)
        self._pulse.beat()
        if self._events.claim_more():
            self._start(self._reserve())

    async def _reserve(self) -> None:
        while True:
            try:
                await self._server.change(self._events.reserve)
            except CouchregError:
                await asyncio.sleep(_AGAIN)
            else:
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _advice(path: Path) -> str:
    """What to do about a file that cannot be used, at the end of a sentence."""
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return f"This user may not write it: {belongs(path)}"
    return "couchreg doctor says what to do."
