"""What people see of `_users`: themselves, and of others the fields that are public.

A view stands before the database for everybody who is not its admin. What it does not know of, it
refuses: only what is named here gets through.

Source: https://docs.couchdb.org/en/stable/config/auth.html#chttpd_auth/public_fields
"""

import re
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from couchreg.auth.options import Config, Options
from couchreg.auth.policy import ADMINS_ONLY, USER_PREFIX, is_database_admin
from couchreg.docstore.base import (
    Changes,
    Database,
    DatabaseInfo,
    Edit,
    LocalDocument,
    Opened,
    Revision,
    Row,
    Seq,
    Setting,
    Updated,
)
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import Forbidden, Hidden, NotFound, Unauthorized
from couchreg.model import json
from couchreg.model.revtree import RevTree
from couchreg.model.user import User

_COMMA = re.compile(r"\s*,\s*")


class UserView(DatabaseProxy):
    """`_users` as one user sees it who is no server admin. What nothing is said of here is for its admins."""

    def __init__(self, inner: Database, user: User, config: Config) -> None:
        super().__init__(inner)
        self._user = user
        self._options = Options(config)

    async def reading(self) -> Database:
        """Raises Unauthorized."""
        if not await self._is_admin():
            raise Unauthorized("You are not a server admin.")
        return self.inner

    async def writing(self) -> Database:
        """Raises Unauthorized."""
        return await self.reading()

    # -- what says nothing of anybody in particular
    async def update_seq(self) -> Seq:
        return await self.inner.update_seq()

    async def parse_since(self, since: str) -> Seq:
        return await self.inner.parse_since(since)

    async def wait(self, since: Seq) -> None:
        await self.inner.wait(since)

    async def info(self) -> DatabaseInfo:
        return await self.inner.info()

    async def setting(self, name: Setting) -> Any:
        return await self.inner.setting(name)

    # -- documents
    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        """The rules of `users_guard.py` are the ones for writes."""
        return await self.inner.update(edits, new_edits=new_edits, user=user, together=together)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        await self._check(doc_id)
        return await self._shown(await self.inner.revision(doc_id, rev))

    async def design(self, doc_id: str) -> Revision:
        """A design document whose function is to be called: who may not read it may use it, as in CouchDB."""
        return await self.inner.revision(doc_id)

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        await self._check(doc_id)
        found = await self.inner.revisions(doc_id, revs)
        return [await self._shown(one) if one is not None else None for one in found]

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        for doc_id, _ in wanted:
            await self._check(doc_id)
        found = await self.inner.open_revs(wanted, latest=latest, histories=histories)
        return [[await self._opened(one) for one in row] for row in found]

    async def tree(self, doc_id: str) -> RevTree | None:
        await self._check(doc_id)
        return await self.inner.tree(doc_id)

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        for doc_id in ids:
            await self._check(doc_id)
        found = await self.inner.winners(ids, bodies=bodies)
        return [await self._row(row) if row is not None else None for row in found]

    async def local(self, doc_id: str) -> LocalDocument:
        await self._admins_only()
        return await self.inner.local(doc_id)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        await self._admins_only()
        return await self.inner.update_local(doc_id, body, rev)

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
        """Where a document lies is told of those that may be seen; what is in them only to admins."""
        if ids is None or bodies:
            await self.reading()
        for doc_id in ids or ():
            await self._check(doc_id)
        async for changes in self.inner.changes(
            since,
            until=until,
            limit=limit,
            descending=descending,
            bodies=bodies,
            all_leafs=all_leafs,
            ids=ids,
        ):
            yield changes

    # -- who is who
    async def _is_admin(self) -> bool:
        security = await self.inner.setting("security")
        return is_database_admin(self._user, ADMINS_ONLY if security is None else security)

    async def _admins_only(self) -> None:
        if not await self._is_admin():
            raise NotFound("missing")

    # -- what is shown
    async def _check(self, doc_id: str) -> None:
        """Raises Forbidden for design documents, NotFound for whom nothing could be shown of."""
        if self._is_own(doc_id) or await self._is_admin():
            return
        if doc_id.startswith("_design/"):
            raise Forbidden("Only administrators can view design docs in the users database.")
        if not self._public():
            raise Hidden

    def _is_own(self, doc_id: str) -> bool:
        return self._user.name is not None and doc_id == USER_PREFIX + self._user.name

    def _public(self) -> frozenset[str]:
        return frozenset(_COMMA.split(self._options.text("public_fields").strip())) - {""}

    async def _shown(self, revision: Revision) -> Revision:
        """What is to be seen of a revision. Raises NotFound where that is nothing."""
        if self._is_own(revision.id) or await self._is_admin():
            return revision
        public = self._public()
        members = {key: value for key, value in revision.body.items() if key in public}
        if not members:
            raise Hidden
        return Revision(revision.id, revision.rev, revision.deleted, json.members(members))

    async def _opened(self, opened: Opened) -> Opened:
        if opened.revision is None:
            return opened
        return opened._replace(revision=await self._shown(opened.revision))

    async def _row(self, row: Row) -> Row:
        if row.members is None:
            return row._replace(attachments=())
        shown = await self._shown(Revision(row.id, row.rev, row.deleted, row.members, row.attachments))
        return row._replace(members=shown.members, attachments=shown.attachments)
