"""What the server writes down for itself beside a database: `_local` documents of it, which go with it, and
for what several processes change documents of a database of its own, since only those have revisions. In a
cluster all are such documents: of a `_local` one each copy keeps what came last, so it may go back.

Clients of couchreg cannot see them; who asks that CouchDB directly, and may read the database, can.
"""

import asyncio
import hashlib
from collections.abc import Hashable
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from couchreg.docstore.base import SETTINGS, Database, Seq
from couchreg.docstore.notes import NoteChange
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import GONE
from couchreg.docstore.remote.private import PrivateDocuments, close
from couchreg.errors import Failure, NotFound

_OURS: Final = "_local/couchreg:"
_NOTE: Final = f"{_OURS}note:"
# Names, or what they begin with.
SHARED: Final = ("tokens:", "group:", "trust:", "trust-account:", "trust-exchanged")
PAGE: Final = 500  # notes
MOST: Final = 1_000_000
LIFE: Final = f"{_OURS}life"
SECURITY: Final = f"{_OURS}security"


def is_note(doc_id: str) -> bool:
    return doc_id.startswith(_OURS)


class _Note(msgspec.Struct):
    name: str = ""
    value: Any = None


class _NoteRow(msgspec.Struct):
    doc: _Note


class _NoteRows(msgspec.Struct):
    rows: list[_NoteRow]


_notes: Final = msgspec.json.Decoder(_NoteRows)


class SharedNotes:
    """Notes that several processes change: documents of a database of the server's own, each named by the
    life of the database that it stands beside, so that it is found no more when that is over. With `has_all`
    those that one process writes as well, and local documents."""

    def __init__(self, documents: PrivateDocuments, database: Database, *, has_all: bool = False) -> None:
        self.documents = documents
        self.has_all = has_all
        self._database = database  # the same, for its sequence
        self._is_there = False
        self._seen: Seq | None = None  # up to where the changes were looked at
        self._first = ""
        self._changed: dict[str, str] = {}  # kind -> the place of its last change after the first look
        self._looking = asyncio.Lock()

    async def read(self, life: str, name: str) -> tuple[bool, Any]:
        """Whether there is one, and its value: None for one that was removed."""
        found = await self.documents.read(_document(life, name))
        return found is not None, (found or {}).get("value")

    async def change(self, life: str, name: str, change: NoteChange, first: Any) -> Any:
        """`first` stands for one that there is not; of one that was removed `change` is given None."""
        if not self._is_there:
            await self.documents.make()
            await close(self.documents.asking)
            self._is_there = True

        def changed(old: dict[str, Any] | None) -> dict[str, Any]:
            return {"name": _written(name), "value": change(first if old is None else old.get("value"))}

        return (await self.documents.change(_document(life, name), changed))["value"]

    async def all(self, life: str, kind: str | None) -> dict[str, Any]:
        """Those of a kind, or of all, by name, removed ones too (None)."""
        front = f"{life}:" if kind is None else f"{life}:{_kind(kind)}:"
        try:
            found = await self.documents.between(front, front + "~")
        except NotFound:  # nothing was changed yet
            return {}
        return {_name(str(one["name"])): one.get("value") for one in found}

    async def state(self, kind: str) -> Hashable:
        try:
            now = await self._database.update_seq()
            if now != self._seen:
                async with self._looking:
                    await self._look(now)
        except NotFound:  # nothing was changed yet
            return None
        return self._changed.get(_kind(kind), self._first)

    async def _look(self, now: Seq) -> None:
        """Once for all who wait. What is looked at twice says the same twice."""
        if self._seen is None:
            self._first = now.text
        elif now != self._seen:
            async for stretch in self._database.changes(self._seen):
                for change in stretch.results:
                    kind = change.id.partition(":")[2].partition(":")[0]
                    self._changed[kind] = change.seq.text
        self._seen = now


def _written(name: str) -> str:
    """A name as a document can have it, whatever characters are in it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "\0" + quote(name, safe="", errors="surrogatepass")
    return name


def _name(written: str) -> str:
    return unquote(written[1:], errors="surrogatepass") if written[:1] == "\0" else written


def _document(life: str, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"{life}:{_kind(name)}:{digest}"


def _kind(name: str) -> str:
    return quote(name.partition(":")[0], safe="", errors="surrogatepass")


class RemoteNotes:
    """Of those that one process at a time writes (checkpoints, problems) the last writer wins: `_local`
    documents, of which a CouchDB keeps one revision. Those of `SHARED` are documents."""

    def __init__(self, asking: DatabaseCalls, life: str, shared: SharedNotes) -> None:
        self._asking = asking
        self._life = life
        self._shared = shared

    def _is_shared(self, name: str) -> bool:
        return self._shared.has_all or name.startswith(SHARED)

    async def read(self, name: str) -> Any:
        if self._shared.has_all and not name.startswith(SHARED):
            (await self._asking.ask("GET", "")).check()  # where the database is gone this says so
        if self._is_shared(name):
            is_there, value = await self._shared.read(self._life, name)
            if is_there:
                return value
        return await self._read_local(name)

    async def _read_local(self, name: str) -> Any:
        answer = await self._asking.ask("GET", _path(name))
        if answer.status == 404:
            problem = answer.problem()
            if problem.reason == GONE:
                raise problem
            return None
        answer.check()
        return (await answer.json()).get("value")

    async def names(self, front: str) -> list[str]:
        return sorted(await self.all(front))

    async def all(self, front: str) -> dict[str, Any]:
        found = await self._all_local(front)
        if self._shared.has_all:
            kind = front.partition(":")[0] if ":" in front else None
            found |= await self._shared.all(self._life, kind)
        else:
            for kind in SHARED:
                if front.startswith(kind) or kind.startswith(front):
                    found |= await self._shared.all(self._life, kind.rstrip(":"))
        return {name: value for name, value in found.items() if value is not None and name.startswith(front)}

    async def _all_local(self, front: str) -> dict[str, Any]:
        keys = {"startkey": f'"{_NOTE}"', "endkey": f'"{_NOTE}g"', "include_docs": "true"}
        found: dict[str, Any] = {}
        for place in range(0, MOST, PAGE):
            query = keys | {"limit": str(PAGE), "skip": str(place)}
            answer = await self._asking.ask("GET", "/_local_docs", query=query)
            rows = (await self._asking.decoded(answer, _notes)).rows
            found |= {row.doc.name: row.doc.value for row in rows if row.doc.name.startswith(front)}
            if len(rows) < PAGE:
                return found
        raise Failure("There are too many notes beside this database.")

    async def write(self, name: str, value: Any) -> None:
        if self._is_shared(name):
            await self.change(name, lambda old: value)
            return
        path = _path(name)
        if value is None:
            answer = await self._asking.ask("DELETE", path)
            if answer.status == 404 and answer.problem().reason != GONE:
                return
        else:
            answer = await self._asking.ask("PUT", path, value={"name": name, "value": value})
        answer.check()

    async def change(self, name: str, change: NoteChange) -> Any:
        """Raises ValueError for a note that is written by one process at a time."""
        if not self._is_shared(name):
            raise ValueError(f"{name} is not changed by several")
        before = await self._read_local(name)  # of an earlier release; raises where the database is gone
        return await self._shared.change(self._life, name, change, before)

    async def state(self, kind: str) -> Hashable:
        return await self._shared.state(kind)


def _path(name: str) -> str:
    """Names may be of any length and of any characters."""
    if name in SETTINGS:
        raise ValueError(f"{name} is a setting")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return document_path(f"{_NOTE}{digest}")
