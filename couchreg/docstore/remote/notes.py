"""What the server writes down for itself beside a database: `_local` documents of it, which go with it.

Clients of couchreg cannot see them; who asks that CouchDB directly, and may read the database, can.
"""

import hashlib
from typing import Any, Final

import msgspec

from couchreg.docstore.base import SETTINGS
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import GONE
from couchreg.errors import Failure

_OURS: Final = "_local/couchreg:"
_NOTE: Final = f"{_OURS}note:"
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


class RemoteNotes:
    """The last writer wins: one server at a time writes them."""

    def __init__(self, asking: DatabaseCalls) -> None:
        self._asking = asking

    async def read(self, name: str) -> Any:
        answer = await self._asking.ask("GET", _path(name))
        if answer.status == 404:
            problem = answer.problem()
            if problem.reason == GONE:
                raise problem
            return None
        answer.check()
        return (await answer.json()).get("value")

    async def names(self, front: str) -> list[str]:
        keys = {"startkey": f'"{_NOTE}"', "endkey": f'"{_NOTE}g"', "include_docs": "true"}
        found: list[str] = []
        for place in range(0, MOST, PAGE):
            query = keys | {"limit": str(PAGE), "skip": str(place)}
            answer = await self._asking.ask("GET", "/_local_docs", query=query)
            rows = (await self._asking.decoded(answer, _notes)).rows
            found += [row.doc.name for row in rows if row.doc.name.startswith(front)]
            if len(rows) < PAGE:
                return sorted(found)
        raise Failure("There are too many notes beside this database.")

    async def write(self, name: str, value: Any) -> None:
        path = _path(name)
        if value is None:
            answer = await self._asking.ask("DELETE", path)
            if answer.status == 404 and answer.problem().reason != GONE:
                return
        else:
            answer = await self._asking.ask("PUT", path, value={"name": name, "value": value})
        answer.check()


def _path(name: str) -> str:
    """Names may be of any length and of any characters."""
    if name in SETTINGS:
        raise ValueError(f"{name} is a setting")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return document_path(f"{_NOTE}{digest}")
