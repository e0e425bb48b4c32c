"""What stands before databases of replication documents: `_replicator`, and any other whose name ends so.

Writes are looked at as they come, whatever way in: a document that can be no replication is refused, it
belongs to whoever wrote it, and nobody who is no server administrator writes one in another's name. Reads
of those who are not its owner show no credentials. Source:
https://docs.couchdb.org/en/stable/replication/replicator.html
"""

import re
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

import msgspec

from couchreg.docstore.base import (
    Changes,
    Database,
    Edit,
    Opened,
    Outcome,
    Range,
    Revision,
    Row,
    Seq,
    Updated,
)
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import CouchregError, Forbidden, NotFound, Unauthorized
from couchreg.model import json
from couchreg.model.user import ADMIN_ROLE, User
from couchreg.replication.endpoints import Wrong
from couchreg.replication.options import Replication, parse

NAME = "_replicator"
# Whoever writes the state of replications into their documents; no user has a role that begins with "_".
REPLICATOR = User("couchreg", (ADMIN_ROLE, "_replicator"))
NOT_YOURS = "Can't update replication documents from other users."
_LOGIN = re.compile(r"(https?://)[^/@]*@")

Check = Callable[[Replication, User], None]  # raises Forbidden where a user may not have this replicated


def holds_replications(name: str) -> bool:
    return name == NAME or name.endswith("/" + NAME)


class ReplicatorGuard:
    """The layer of a store that guards its databases of replications."""

    def __init__(self, check: Check) -> None:
        self._check = check

    def before(self, database: Database) -> Database:
        """See `docstore.layers.Layer`."""
        return ReplicatorDatabase(database, self._check) if holds_replications(database.name) else database

    def changed(self, name: str) -> None:
        """Nothing is remembered here."""


class ReplicatorDatabase(DatabaseProxy):
    """One of them, on its way in."""

    def __init__(self, inner: Database, check: Check) -> None:
        super().__init__(inner)
        self._check = check

    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        if REPLICATOR.roles[1] in user.roles or (user.is_admin and not new_edits):
            return await self.inner.update(edits, new_edits=new_edits, user=user, together=together)
        outcomes: list[Outcome | None] = []
        good: list[Edit] = []
        for edit in edits:
            try:
                good.append(await self._checked(edit, user))
                outcomes.append(None)
            except CouchregError as error:
                if together:
                    raise
                outcomes.append(error)
        updated = await self.inner.update(good, new_edits=new_edits, user=user, together=together)
        written = iter(updated.outcomes)
        return Updated([next(written) if one is None else one for one in outcomes], updated.seq)

    async def _checked(self, edit: Edit, user: User) -> Edit:
        """The edit with its owner. Raises Forbidden."""
        if edit.id.startswith("_design/"):
            return edit
        owner = edit.body.get("owner")
        if not user.is_admin and (owner not in (None, user.name) or await self._is_anothers(edit.id, user)):
            raise Forbidden(NOT_YOURS)
        if owner is None:
            edit = msgspec.structs.replace(edit, body={**edit.body, "owner": user.name})
        if edit.deleted or edit.body.get("_replication_state") == "failed":
            return edit
        try:
            wanted = parse(edit.body)
        except Wrong as error:
            raise Forbidden(error.reason) from None
        self._check(wanted, user)
        return edit

    async def _is_anothers(self, doc_id: str, user: User) -> bool:
        try:
            stored = await self.inner.revision(doc_id)
        except NotFound:
            return False
        return stored.body.get("owner") not in (None, user.name)


class ReplicatorView(DatabaseProxy):
    """One of them as somebody sees it who is not its administrator. Lists of bodies are for those alone,
    for what indexes are made of them is seen by all."""

    def __init__(self, inner: Database, user: User) -> None:
        super().__init__(inner)
        self._user = user

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        return self._shown(await self.inner.revision(doc_id, rev))

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        found = await self.inner.revisions(doc_id, revs)
        return [None if one is None else self._shown(one) for one in found]

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        found = await self.inner.open_revs(wanted, latest=latest, histories=histories)
        return [[self._opened(one) for one in row] for row in found]

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        found = await self.inner.winners(ids, bodies=bodies)
        return [None if row is None else self._row(row) for row in found]

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        async for rows in self.inner.all_docs(wanted, bodies=bodies):
            yield [self._row(row) for row in rows]

    async def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        if bodies:
            raise Unauthorized("You are not a server or db admin.")
        async for found in self.inner.changes(
            since, until=until, limit=limit, descending=descending, all_leafs=all_leafs, ids=ids
        ):
            yield found

    def _shown(self, revision: Revision) -> Revision:
        members = self._stripped(revision.id, revision.members)
        return msgspec.structs.replace(revision, members=members)

    def _opened(self, opened: Opened) -> Opened:
        if opened.revision is None:
            return opened
        return opened._replace(revision=self._shown(opened.revision))

    def _row(self, row: Row) -> Row:
        return row if row.members is None else row._replace(members=self._stripped(row.id, row.members))

    def _stripped(self, doc_id: str, members: bytes) -> bytes:
        body = json.body(members)
        mine = self._user.name is not None and body.get("owner") == self._user.name
        if mine or doc_id.startswith("_design/"):
            return members
        return json.members({name: without_secrets(name, value) for name, value in body.items()})


_ENDS = ("source", "target")
_PROXIES = ("proxy", "source_proxy", "target_proxy")


def without_secrets(name: str, value: Any) -> Any:
    """A member of a replication document without what opens doors."""
    if name in _ENDS and isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if key not in ("headers", "auth")}
        return {key: without_secrets("source", inner) for key, inner in kept.items()}
    if name in (*_ENDS, *_PROXIES) and isinstance(value, str):
        return _LOGIN.sub(r"\1", value, count=1)
    return value
