"""What the server writes down for itself beside a database: `_local` documents of it, which go with it, and
for what several processes change documents of a database of its own, since only those have revisions.

Clients of couchreg cannot see them; who asks that CouchDB directly, and may read the database, can.
"""

import hashlib
from collections.abc import Hashable
from typing import Any, Final

import msgspec

from couchreg.docstore.base import SETTINGS, Database
from couchreg.docstore.notes import NoteChange
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import GONE
from couchreg.docstore.remote.private import PrivateDocuments, close
from couchreg.errors import Failure, NotFound

_OURS: Final = "_local/couchreg:"
_NOTE: Final = f"{_OURS}note:"
SHARED: Final = ("tokens:", "group:", "trust:", "trust-used")  # names, or what they begin with
PAGE: Final = 500  # notes
MOST: Final = 1_000_000
LIFE: Final = f"{_OURS}life"
SECURITY: Final = f"{_OURS}security"


def is_note(doc_id: str) -> bool:
    return doc_id.startswith(_OURS)


class _Note(msgspec.Struct):
    name: str = ""


class _NoteRow(msgspec.Struct):
    doc: _Note


class _NoteRows(msgspec.Struct):
    rows: list[_NoteRow]


_notes: Final = msgspec.json.Decoder(_NoteRows)


class SharedNotes:
    """Notes that several processes change: documents of a database of the server's own, each named by the
    life of the database that it stands beside, so that it is found no more when that is over."""

    def __init__(self, documents: PrivateDocuments, database: Database) -> None:
        self._documents = documents
        self._database = database  # the same, for its sequence
        self._is_there = False

    async def read(self, life: str, name: str) -> tuple[bool, Any]:
        """Whether there is one, and its value: None for one that was removed."""
        found = await self._documents.read(_document(life, name))
        return found is not None, (found or {}).get("value")

    async def change(self, life: str, name: str, change: NoteChange, first: Any) -> Any:
        """`first` stands for one that there is not; of one that was removed `change` is given None."""
        if not self._is_there:
            await self._documents.make()
            await close(self._documents.asking)
            self._is_there = True

        def changed(old: dict[str, Any] | None) -> dict[str, Any]:
            return {"name": name, "value": change(first if old is None else old.get("value"))}

        return (await self._documents.change(_document(life, name), changed))["value"]

    async def all(self, life: str, kind: str) -> dict[str, Any]:
        """Those of a kind by name, removed ones too (None)."""
        front = f"{life}:{kind}:"
        try:
            found = await self._documents.between(front, front + "~")
        except NotFound:  # nothing was changed yet
            return {}
        return {str(one["name"]): one.get("value") for one in found}

    async def state(self) -> Hashable:
        try:
            return (await self._database.update_seq()).text
        except NotFound:  # nothing was changed yet
            return None


def _document(life: str, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"{life}:{name.partition(':')[0]}:{digest}"


def _is_shared(name: str) -> bool:
    return name.startswith(SHARED)


class RemoteNotes:
    """Of those that one process at a time writes (checkpoints, problems) the last writer wins: `_local`
    documents, of which a CouchDB keeps one revision. Those of `SHARED` are documents."""

    def __init__(self, asking: DatabaseCalls, life: str, shared: SharedNotes) -> None:
        self._asking = asking
        self._life = life
        self._shared = shared

    async def read(self, name: str) -> Any:
        if _is_shared(name):
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
        found = set(await self._local_names(front))
        for kind in SHARED:
            if front.startswith(kind) or kind.startswith(front):
                for name, value in (await self._shared.all(self._life, kind.rstrip(":"))).items():
                    (found.discard if value is None else found.add)(name)
        return sorted(name for name in found if name.startswith(front))

    async def _local_names(self, front: str) -> list[str]:
        keys = {"startkey": f'"{_NOTE}"', "endkey": f'"{_NOTE}g"', "include_docs": "true"}
        found: list[str] = []
        for place in range(0, MOST, PAGE):
            query = keys | {"limit": str(PAGE), "skip": str(place)}
            answer = await self._asking.ask("GET", "/_local_docs", query=query)
            rows = (await self._asking.decoded(answer, _notes)).rows
            found += [row.doc.name for row in rows if row.doc.name.startswith(front)]
            if len(rows) < PAGE:
                return found
        raise Failure("There are too many notes beside this database.")

    async def write(self, name: str, value: Any) -> None:
        if _is_shared(name):
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
        if not _is_shared(name):
            raise ValueError(f"{name} is not changed by several")
        before = await self._read_local(name)  # of an earlier release; raises where the database is gone
        return await self._shared.change(self._life, name, change, before)

    async def state(self) -> Hashable:
        return await self._shared.state()


def _path(name: str) -> str:
    """Names may be of any length and of any characters."""
    if name in SETTINGS:
        raise ValueError(f"{name} is a setting")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return document_path(f"{_NOTE}{digest}")
