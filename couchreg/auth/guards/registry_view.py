"""`registry` as all but server admins have it at the couch door: to be read and followed, not written.

The rules of the route table say so first; this says it for every way that leads to a write, those not
thought of included. Checkpoints are the exception, see `checkpoints.py`, and what a database's own admins
look after: its settings and its compaction.
"""

from collections.abc import Sequence
from typing import Any

from couchreg.auth.guards.checkpoints import Checkpoints
from couchreg.auth.policy import Rule, authorize
from couchreg.docstore.base import Database, Setting
from couchreg.docstore.optional import compacting
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.model.user import User


class RegistryView(DatabaseProxy):
    """`registry` for a user who is no server admin. `sender` is whom a checkpoint counts for."""

    def __init__(self, inner: Database, user: User, checkpoints: Checkpoints, sender: bytes) -> None:
        super().__init__(inner)
        self._user = user
        self._checkpoints = checkpoints
        self._sender = sender

    async def writing(self) -> Database:
        """Raises Unauthorized, Forbidden."""
        return await self._allowed(Rule.WRITER)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        return await self._checkpoints.write(self.inner, doc_id, body, rev, sender=self._sender)

    async def set_setting(self, name: Setting, value: Any) -> None:
        await (await self._allowed(Rule.DB_ADMIN)).set_setting(name, value)

    async def compact(self, ids: Sequence[str] | None = None) -> None:
        await compacting(await self._allowed(Rule.DB_ADMIN)).compact(ids)

    async def _allowed(self, rule: Rule) -> Database:
        authorize(rule, self._user, self.name, await self.inner.setting("security"))
        return self.inner
