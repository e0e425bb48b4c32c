"""A follower on another machine: reads the packages of a registry over HTTP into an index that is asked here.

It keeps a data directory with the index and what it could not read, and nothing else; all of it may be
deleted, and is made again.
"""

import asyncio
import logging
import time
from collections.abc import Hashable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from couchreg.app.listening import listen, serve
from couchreg.app.searching import engine_in
from couchreg.auth.policy import REGISTRY
from couchreg.config import CannotStart
from couchreg.datadir import DataDir
from couchreg.docstore.base import BEGINNING, Seq
from couchreg.docstore.notes import NoteChange
from couchreg.durable import sync, write_new
from couchreg.errors import CouchregError
from couchreg.followers.base import FollowedPackages, FollowedStore
from couchreg.followers.loop import FollowerLoop, Status
from couchreg.followers.search.follower import SearchFollower
from couchreg.http.connections import ApplicationRunner, nothing_set
from couchreg.http.forwarded import TRUSTING_NONE
from couchreg.http.registry.apart import SearchApart, search_application
from couchreg.model import json
from couchreg.replication.calls import Manners
from couchreg.replication.endpoints import Endpoint, Wrong, parse_endpoint
from couchreg.replication.followed import FollowedDatabase

log = logging.getLogger(__name__)

LONGEST_TEXT: Final = 64 << 10  # bytes of a README that are searched
REST: Final = 10.0  # seconds between two looks for a database that is not there
CLOSING: Final = 2.0


@dataclass(frozen=True, slots=True)
class WantedFollower:
    """What `couchreg follow search` was told. `source` is a registry's address, or its database's."""

    source: str
    data_dir: Path
    login: tuple[str, str] | None = None
    links: str | None = None  # the address that those of hits begin with; else that of the source
    engine: str = "fts5"
    host: str = "127.0.0.1"
    port: int = 8001


class FollowingApp:
    """`await start()`, and `await stop()` whatever happened in between."""

    def __init__(self, wanted: WantedFollower) -> None:
        self._wanted = wanted
        self._stack = AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        """Raises CannotStart with a sentence; nothing is left running then."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        wanted = self._wanted
        endpoint = _endpoint(wanted)
        data = stack.enter_context(DataDir(wanted.data_dir))
        if data.databases.exists():
            raise CannotStart(f"{data.path} is the data directory of a registry: choose another --data-dir.")
        port = stack.enter_context(listen(wanted.host, wanted.port, "--port"))
        self.database = FollowedDatabase(endpoint, Manners())
        stack.push_async_callback(self.database.close)
        database = self.database
        follower = SearchFollower(
            *engine_in(wanted.engine, data.search),
            database,
            partial(database.text, most=LONGEST_TEXT),
            database.ranges,
        )
        store: FollowedStore = _Source(database, FileNotes(data.notes))
        self.loop = FollowerLoop(follower, store, REGISTRY)
        follower.when_broken(self.loop.restart)
        stack.push_async_callback(self.loop.stop)
        services = SearchApart(
            base=(wanted.links or _registry_of(endpoint)).rstrip("/"),
            look=follower.look,
            status=self._status,
            lag=self.lag,
        )
        runner = ApplicationRunner(
            search_application(services),
            proxies=TRUSTING_NONE,
            section=nothing_set,
            shutdown_timeout=CLOSING,
        )
        self.loop.start()
        self.url = await serve(stack, runner, port, None)

    async def _status(self) -> Status:
        return self.loop.told(self.database.newest)

    def lag(self) -> dict[str, Any]:
        """The places of the index and of the database in its changes, and how many seconds ago the source
        said anything (None: never)."""
        told, heard = self.loop.told(self.database.newest), self.database.heard
        since = None if heard is None else round(time.monotonic() - heard, 1)
        return {"seq": told.seq, "update_seq": told.update_seq, "heard": since}


def _endpoint(wanted: WantedFollower) -> Endpoint:
    """Raises CannotStart."""
    auth = {"basic": {"username": wanted.login[0], "password": wanted.login[1]}} if wanted.login else None
    try:
        return parse_endpoint({"url": wanted.source, "auth": auth})
    except Wrong as error:
        raise CannotStart(f"--from: {error.reason}.") from None


def _registry_of(endpoint: Endpoint) -> str:
    """Where the pages of packages are, as far as the address tells."""
    return endpoint.shown.rstrip("/").removesuffix("/_couch/registry")


class _Source:
    """Where the packages are, for a loop; its notes stay here."""

    def __init__(self, database: FollowedDatabase, notes: "FileNotes") -> None:
        self._database = database
        self._notes = notes

    async def open(self, name: str) -> FollowedPackages:
        await self._database.open()
        return self._database

    async def notes(self, name: str) -> "FileNotes":
        return self._notes

    async def parse_events_since(self, since: str) -> Seq:
        return BEGINNING

    async def wait_event(self, since: Seq) -> None:
        await asyncio.sleep(REST)


class FileNotes:
    """Notes in a file: of a database that is somebody else's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, name: str) -> Any:
        return (await asyncio.to_thread(self._read)).get(name)

    async def names(self, front: str) -> list[str]:
        return sorted(name for name in await asyncio.to_thread(self._read) if name.startswith(front))

    async def write(self, name: str, value: Any) -> None:
        await asyncio.to_thread(self._write, name, value)

    async def change(self, name: str, change: NoteChange) -> Any:
        value = change(await self.read(name))
        await self.write(name, value)
        return value

    async def all(self, front: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._read)
        return {name: value for name, value in found.items() if name.startswith(front)}

    async def state(self, kind: str) -> Hashable:
        """No other process writes them."""
        return None

    def _read(self) -> dict[str, Any]:
        """What cannot be read is not known: the notes tell of problems, and those come again."""
        try:
            found = json.decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except CouchregError:
            log.warning("%s is damaged: what it said of problems is not known", self._path)
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, value: Any) -> None:
        kept = {key: item for key, item in self._read().items() if key != name}
        if value is not None:
            kept[name] = value
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)
        write_new(beside, json.encode(kept))
        beside.replace(self._path)
        sync(self._path.parent)
