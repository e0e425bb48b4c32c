"""`registry` as all but server admins have it at the couch door: to be read and followed, not written.

The rules of the route table say so first; this says it for every way that leads to a write, those not
thought of included. Checkpoints are the exception, see `checkpoints.py`.
"""

from collections.abc import Sequence
from typing import Any, cast

from couchreg.auth.guards.checkpoints import Checkpoints
from couchreg.auth.policy import Rule, authorize
from couchreg.docstore.base import Database, Edit, Updated
from couchreg.model.user import User


class RegistryView:
    """In place of the `Database`."""

    def __init__(self, inner: Database, user: User, checkpoints: Checkpoints, sender: bytes) -> None:
        self._inner = inner
        self._user = user
        self._checkpoints = checkpoints
        self._sender = sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def update(self, edits: Sequence[Edit], *, new_edits: bool, user: User) -> Updated:
        """Raises Unauthorized, Forbidden."""
        authorize(Rule.WRITER, self._user, self._inner.name, await self._inner.setting("security"))
        return await self._inner.update(edits, new_edits=new_edits, user=user)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        return await self._checkpoints.write(self._inner, doc_id, body, rev, sender=self._sender)


def read_by(database: Database, user: User, checkpoints: Checkpoints, sender: bytes) -> Database:
    """`registry` for a user who is no server admin."""
    return cast(Database, RegistryView(database, user, checkpoints, sender))
