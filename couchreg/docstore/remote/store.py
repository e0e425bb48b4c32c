"""The databases of one server in a CouchDB: the `docstore.base.Store` protocol over HTTP."""

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from couchreg.blobstore.claims import Claims
from couchreg.docstore.base import Config, DatabaseEvent, DatabaseEvents, Seq, Setting
from couchreg.docstore.remote import sequences
from couchreg.docstore.remote.address import CouchAddress, database_path, document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import LOOK, CouchAnswer, CouchCalls
from couchreg.docstore.remote.cluster import ClusterDatabase
from couchreg.docstore.remote.database import CouchDatabase
from couchreg.docstore.remote.notes import LIFE, RemoteNotes, SharedNotes
from couchreg.docstore.remote.private import PrivateDocuments, alone
from couchreg.docstore.remote.replicas import Replicas
from couchreg.docstore.remote.watching import Watcher
from couchreg.errors import CouchregError, FileExists, NotImplementedHere, Unsure

SOON: Final = 4  # connections for what keeps this process alive among others
KNOWN: Final = 10_000  # databases that are remembered
FRESH: Final = 1.0  # seconds for which a database is believed to be there
LONGPOLL: Final = 25_000  # milliseconds
OLDEST: Final = (3, 2)  # of CouchDB
_VERSION: Final = re.compile(r"([0-9]+)\.([0-9]+)")
_OF_A_DATABASE: Final = ("partitioned", "q", "n")


class NotUsable(CouchregError):
    """Why the server at an address cannot hold the documents; `reason` is for who starts couchreg."""


class _Event(msgspec.Struct):
    db_name: str
    type: str
    seq: Any = 0


class _Events(msgspec.Struct):
    results: list[_Event]
    last_seq: Any


_events: Final = msgspec.json.Decoder(_Events)


class RemoteStore:
    """`prepare` before anything else is asked of it."""

    def __init__(self, address: CouchAddress, *, calls: CouchCalls | None = None) -> None:
        self.address = address
        self.uuid = ""
        self.calls = calls or CouchCalls(address)
        self._soon = CouchCalls(address, connections=SOON)
        self._soon.gate = lambda: self.calls.gate()
        self.private = PrivateDocuments(
            DatabaseCalls(self.calls, address.private), DatabaseCalls(self._soon, address.private)
        )
        self.is_cluster = False
        self._claims: Claims | None = None
        self._own: CouchDatabase | None = None
        kept = DatabaseCalls(self.calls, address.notes)
        self._kept = CouchDatabase("", kept, "notes")
        self._notes = SharedNotes(PrivateDocuments(kept), self._kept)
        self._known: OrderedDict[str, tuple[float, CouchDatabase]] = OrderedDict()
        self._watcher = Watcher(self._news)

    async def prepare(self) -> None:
        """`look`, and `begin` with a single node."""
        await self.look()
        await self.begin()

    async def look(self) -> None:
        """What is there, without a change to it. Raises NotUsable with a sentence, Unavailable where it does
        not answer."""
        answer = await self.calls.ask("GET", "/")
        if answer.status in (401, 403):
            raise NotUsable("it does not know this name and password")
        told = _object(answer.data)
        found = _VERSION.match(str(told.get("version", "")))
        if "couchdb" not in told or found is None:
            raise NotUsable("what answers there is no CouchDB")
        if "couchreg" not in told and (int(found[1]), int(found[2])) < OLDEST:
            raise NotUsable(
                f"it is a CouchDB {found[0]}, and couchreg needs {OLDEST[0]}.{OLDEST[1]} at least"
            )
        roles = ((await self._asked("/_session")).get("userCtx") or {}).get("roles") or ()
        if "_admin" not in roles:
            raise NotUsable("the name and password in its address are not those of an administrator")
        nodes = (await self._asked("/_membership")).get("cluster_nodes")
        if not isinstance(nodes, list) or not nodes:
            raise NotUsable("it does not say of how many nodes it is (GET /_membership)")
        self.is_cluster = self.calls.has_several = self._soon.has_several = len(nodes) > 1

    async def begin(self, claims: Claims | None = None) -> None:
        """Make what is kept there for this registry. By claims documents are edited one at a time in a
        cluster, where revisions alone refuse nothing."""
        if claims is not None:
            self._claims = claims
            self._kept = ClusterDatabase("", self._calls(self.address.notes), "notes", claims)
            notes = PrivateDocuments(DatabaseCalls(self.calls, self.address.notes))
            self._notes = SharedNotes(notes, self._kept, has_all=True)
            self._notes.documents.claims = claims
            self._notes.documents.database = self._kept
            self._own = ClusterDatabase("", self._calls(self.address.private), "server", claims)
            self.private.claims = claims
            self.private.database = self._own
        self.uuid = await self.private.identity()
        if (await self.calls.ask("GET", "/_db_updates", query={"limit": "1"})).status >= 400:
            await self.calls.ask("PUT", "/_global_changes", query={"q": "1"})

    def _calls(self, physical: str) -> DatabaseCalls:
        return DatabaseCalls(self.calls, physical)

    async def _asked(self, path: str) -> dict[str, Any]:
        answer = await self.calls.ask("GET", path)
        return _object(answer.data) if answer.status < 400 else {}

    # -- databases
    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> CouchDatabase:
        """With one shard, since the places of changes in several are in no order. Settings follow in requests
        of their own: until then, and after a crash in between, the database is the administrators'."""
        given = dict(settings or {})
        if given.get("partitioned") is True:
            raise NotImplementedHere(
                "Databases with partitions cannot be made in the CouchDB behind this server."
            )
        path = database_path(self.address.physical(name))
        async with alone(self._claims, path):
            answer = await self.calls.ask("PUT", path, query={"q": "1"}, repeat=False)
            if answer.status == 412:
                raise FileExists
            if answer.status == 202:
                raise Unsure("Too few nodes of the CouchDB behind this server know this database.")
            answer.check()
            self._forget(name)
            database = self._made(name, secrets.token_hex(4))
            await database.mark()
        for key, value in given.items():
            if key not in _OF_A_DATABASE:
                await database.set_setting(key, value)
        return database

    async def delete(self, name: str) -> None:
        path = database_path(self.address.physical(name))
        async with alone(self._claims, path):
            answer = await self.calls.ask("DELETE", path, repeat=False)
            self._forget(name)
            answer.check()

    async def open(self, name: str) -> CouchDatabase:
        """One that was there a moment ago is believed to be there still: what is asked of it will tell."""
        known = self._known.get(name)
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        asking = self._calls(self.address.physical(name))
        begun = time.monotonic()
        replicas = None if self._claims is None else Replicas(asking)
        if known is not None and isinstance(known[1], ClusterDatabase):
            replicas = known[1].replicas
        life = await _life_of(asking, replicas)
        if known is not None and known[1].life == life:
            self._known[name] = (begun, known[1])
            self._known.move_to_end(name)
            return known[1]
        self._forget(name)
        return self._made(name, life)

    def _made(self, name: str, life: str) -> CouchDatabase:
        asking = self._calls(self.address.physical(name))
        database = CouchDatabase(name, asking, life)
        if self._claims is not None:
            database = ClusterDatabase(name, asking, life, self._claims, self._notes)
        self._known[name] = (time.monotonic(), database)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return database

    def _forget(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is not None:
            known[1].gone()

    async def names(self) -> list[str]:
        answer = await self.calls.ask("GET", "/_all_dbs")
        answer.check()
        found = [name for one in await answer.json() if (name := self.address.logical(one)) is not None]
        return sorted(found, key=str.encode)

    async def missing(self) -> Sequence[str]:
        return ()  # its files are that CouchDB's to look after

    async def notes(self, name: str) -> RemoteNotes:
        database = await self.open(name)
        return RemoteNotes(DatabaseCalls(self.calls, self.address.physical(name)), database.life, self._notes)

    async def adopt(self, uuid: str) -> None:
        """Be the registry of this identity from now on."""
        await self.private.change("server", lambda old: {**(old or {}), "uuid": uuid})
        self.uuid = uuid

    async def decided_by(self, bucket: str) -> str:
        """Which bucket decides in this registry: this one, where there was none."""
        found = await self.private.change("server", lambda old: {"bucket": bucket, **(old or {})})
        return str(found["bucket"])

    # -- configuration
    async def read_config(self) -> Config:
        return await self.private.config()

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        await self.private.set_config(section, key, value)

    def heed(self, config: Config) -> None:
        """How large a partition may become is that CouchDB's own setting."""

    # -- events
    @property
    def _life(self) -> str:
        return self.uuid[:8]

    async def parse_events_since(self, since: str) -> Seq:
        found = sequences.parse(since, self._life)
        if found is not None:
            return found if found.number else sequences.stamp("0", self._life)
        told = await self._updates({"since": "now", "limit": "1"})
        return sequences.stamp(told.last_seq, self._life)

    async def events(self, since: Seq) -> DatabaseEvents:
        told = await self._updates({"since": sequences.since(since, self._life)})
        found = [
            DatabaseEvent(sequences.stamp(one.seq, self._life), name, one.type)
            for one in told.results
            if (name := self.address.logical(one.db_name)) is not None
        ]
        return DatabaseEvents(found, sequences.stamp(told.last_seq, self._life))

    async def _updates(self, query: Mapping[str, str]) -> _Events:
        answer = await self.calls.ask("GET", "/_db_updates", query=query)
        return await DatabaseCalls.decoded(answer, _events)

    async def wait_event(self, since: Seq) -> None:
        while not (found := await self.events(since)).results:
            since = found.last_seq
            if self.is_cluster:  # whose places here are in no order
                await asyncio.sleep(LOOK)
            else:
                await self._watcher.wait(since)

    async def _news(self, since: Seq) -> Seq:
        with self.calls.feed() as is_free:
            if is_free:
                return await self._next_event(since)
        await asyncio.sleep(LOOK)
        return (await self.events(since)).last_seq

    async def _next_event(self, since: Seq) -> Seq:
        query = {"feed": "longpoll", "since": sequences.since(since, self._life), "timeout": str(LONGPOLL)}
        async with self.calls.opened("GET", "/_db_updates", query=query, feed=True) as response:
            if response.status >= 400:
                raise await self.calls.refused(response)
            answer = CouchAnswer(response.status, await response.read())
            found = await DatabaseCalls.decoded(answer, _events)
        last = sequences.stamp(found.last_seq, self._life)
        return last if last.number > since.number else since

    async def close(self) -> None:
        await self._watcher.close()
        await self._kept.close()
        if self._own is not None:
            await self._own.close()
        for _, database in self._known.values():
            await database.close()
        self._known.clear()
        await self._soon.close()
        await self.calls.close()


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        found = None
    if not isinstance(found, dict):
        raise NotUsable("what answers there is no CouchDB")
    return found


async def _life_of(asking: DatabaseCalls, replicas: Replicas | None) -> str:
    """The mark of a database that couchreg has made; of others, when they were made. Raises NotFound."""

    async def ask(copy: DatabaseCalls) -> str | None:
        answer = await copy.ask("GET", document_path(LIFE))
        if answer.status != 404:
            answer.check()
            return str((await answer.json())["life"])
        problem = answer.problem()
        if problem.reason not in ("missing", "deleted"):
            raise problem
        return None

    told = [await ask(asking)] if replicas is None else await replicas.majority(ask)
    found = next(filter(None, told), None)
    if found is not None:
        return found
    described = await asking.ask("GET", "")
    described.check()
    return "t" + re.sub("[^0-9a-z]", "", str((await described.json()).get("instance_start_time", "0")))[:31]
