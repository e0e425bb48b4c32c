"""What the server keeps for itself: a database of its own that no client of couchreg can name.

Its documents: `server` (the identity of this registry), `config` (the settings, with the hashes of
administrators' passwords and the secret of cookies), `process:…` and `lease:…` (who is at work on what, see
`members.py`). A second one holds notes that several processes change. Each document is changed with the
revision that was read, so that of two who change it at once one looks again. In CouchDB such databases are
the administrators'.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from couchreg.blobstore.claims import Claims
from couchreg.docstore.base import Config, Database, Edit, Range
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.errors import Conflict, Failure, NotFound
from couchreg.model import json
from couchreg.model.user import SYSTEM

_CLOSED: Final = {"admins": {"roles": ["_admin"]}, "members": {"roles": ["_admin"]}}
PAGE: Final = 1000  # documents of one answer
REVISIONS: Final = 10  # that are kept of each document, since some are written every second
_ROUNDS: Final = 20  # attempts to change what others change as well


class PrivateDocuments:
    def __init__(self, asking: DatabaseCalls, soon: DatabaseCalls | None = None) -> None:
        """`soon` has connections of its own, on which nothing waits behind the requests of clients. In a
        cluster documents are read and written as those of any other `database`."""
        self.asking = asking
        self.soon = self if soon is None else PrivateDocuments(soon)
        self.database: Database | None = None
        self.claims: Claims | None = None

    async def identity(self) -> str:
        """The UUID of this registry; with the first start the database is made, and the UUID."""
        found = await self.read("server")
        if found is None:
            await self.make()
            found = await self.change("server", lambda old: old or {"uuid": secrets.token_hex(16)})
        # Each time, since a first start may have ended before it: what is here is the administrators'.
        await close(self.asking)
        await self._keep_few()
        return str(found["uuid"])

    async def make(self) -> None:
        """The database, where there is none."""
        async with alone(self.claims, self.asking.path):
            answer = await self.asking.ask("PUT", "", query={"q": "1"}, repeat=False, gated=False)
            if answer.status != 412:
                answer.check()

    async def _keep_few(self) -> None:
        found = await self.asking.ask("GET", "/_revs_limit")
        found.check()
        if await found.json() != REVISIONS:
            (await self.asking.ask("PUT", "/_revs_limit", value=REVISIONS, gated=False)).check()

    async def config(self) -> Config:
        found = await self.read("config") or {}
        sections: Mapping[str, Mapping[str, str]] = found.get("sections", {})
        return {section: dict(values) for section, values in sections.items() if values}

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        def changed(old: dict[str, Any] | None) -> dict[str, Any]:
            sections = dict((old or {}).get("sections", {}))
            values = dict(sections.get(section, {}))
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
            return {"sections": sections | {section: values}}

        await self.change("config", changed)

    # -- documents
    async def read(self, doc_id: str) -> dict[str, Any] | None:
        if self.database is not None:
            try:
                one = await self.database.revision(doc_id)
            except NotFound:
                return None
            return {"_id": doc_id, "_rev": one.rev, **one.body}
        answer = await self.asking.ask("GET", "/" + doc_id)
        if answer.status == 404:
            return None
        answer.check()
        found: dict[str, Any] = await answer.json()
        return found

    async def between(self, start: str, end: str) -> list[dict[str, Any]]:
        """The documents of a range of ids; the first PAGE of them as they are at one moment."""
        found: list[dict[str, Any]] = []
        if self.database is not None:
            async for rows in self.database.all_docs(Range(start, end), bodies=True):
                found += [{"_id": row.id, "_rev": row.rev, **row.body} for row in rows]
            return found
        query = {"endkey": _key(end), "include_docs": "true", "limit": str(PAGE)}
        while True:
            query["startkey"] = _key(start)
            answer = await self.asking.ask("GET", "/_all_docs", query=query)
            answer.check()
            rows = (await answer.json())["rows"]
            found += [row["doc"] for row in rows if row.get("doc") is not None]
            if len(rows) < PAGE:
                return found
            start = rows[-1]["id"] + "\0"

    async def write(
        self, doc_id: str, value: Mapping[str, Any], rev: str | None, *, gated: bool = True
    ) -> str:
        """The new revision. Raises Conflict where it is not an edit of the newest one."""
        if self.database is not None:
            body = json.decode(json.encode(dict(value)))  # notes may have what JSON only writes, as tuples
            edit = Edit(doc_id, rev, False, body)
            return (await self.database.update([edit], new_edits=True, user=SYSTEM)).rev
        query = {} if rev is None else {"rev": rev}
        answer = await self.asking.ask(
            "PUT", "/" + doc_id, query=query, value=value, repeat=False, gated=gated
        )
        answer.check()
        return str((await answer.json())["rev"])

    async def delete(self, doc_id: str, rev: str, *, gated: bool = True) -> None:
        """Raises Conflict, NotFound."""
        path = "/" + doc_id
        answer = await self.asking.ask("DELETE", path, query={"rev": rev}, repeat=False, gated=gated)
        answer.check()

    async def change(
        self, doc_id: str, change: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> dict[str, Any]:
        """What it has become."""
        for _ in range(_ROUNDS):
            old = await self.read(doc_id)
            rev = None if old is None else str(old["_rev"])
            value = change(_own(old))
            try:
                await self.write(doc_id, value, rev)
            except Conflict:
                await asyncio.sleep(0.05)
            else:
                return value
        raise Failure("Others change the settings of this server all the time.")


@asynccontextmanager
async def alone(claims: Claims | None, path: str) -> AsyncIterator[None]:
    """Whoever makes or deletes the database at a path, among all processes over a cluster: two of its nodes
    may each make one."""
    if claims is None:
        yield
        return
    async with claims.held(path) as held:
        held.is_kept = False
        yield


def _key(doc_id: str) -> str:
    return json.encode(doc_id).decode()


async def close(asking: DatabaseCalls) -> None:
    """To all but administrators of the CouchDB, as a database is by itself with the usual settings."""
    found = await asking.ask("GET", "/_security")
    if found.status != 200 or await found.json() != _CLOSED:
        (await asking.ask("PUT", "/_security", value=_CLOSED, gated=False)).check()


def _own(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {name: value for name, value in found.items() if name[:1] != "_"}
