"""How much each account has published, and how much it may.

What a version's files take counts for whoever published it, as its document says, until it is deleted. Files
with equal bytes count each time, though they lie once on the disk: an account's figure shall not depend on
what others have. The figures are in memory: read once, where there is a limit, then brought up to date by
what has changed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from couchreg.docstore.base import BEGINNING, Change, Database
from couchreg.errors import TooLarge
from couchreg.model import json
from couchreg.model.user import User
from couchreg.package.descriptor import OWN
from couchreg.package.names import split_version_id
from couchreg.registry.publishing.intake import Intake
from couchreg.turns import TimeSlice

MIB = 1 << 20
_read = json.reader(frozenset({OWN}))


class Quotas:
    """The accounts of one `registry` database, each of which may have `limit` bytes; 0: any number."""

    def __init__(self, database: Database, limit: int) -> None:
        self.limit = limit
        self._database = database
        self._seq = BEGINNING
        self._versions: dict[str, tuple[str, int]] = {}  # id -> publisher and bytes
        self._totals: Counter[str] = Counter()
        self._coming: Counter[str] = Counter()  # of publishes that are being written
        self._reading = asyncio.Lock()

    async def used(self, name: str) -> int:
        """The bytes of what somebody has published and is there."""
        if self._seq != await self._database.update_seq():
            async with self._reading:
                await self._catch_up()
        return self._totals[name]

    async def check(self, user: User, more: int = 1) -> None:
        """Raises TooLarge where the account of `user` has no room for so many bytes. Server admins have."""
        if not self.limit or user.is_admin or user.name is None:
            return
        used = await self.used(user.name) + self._coming[user.name]
        if used + more > self.limit:
            raise TooLarge(
                f"{user.name} has published {_mib(used)} MiB here, and an account may have "
                f"{_mib(self.limit)} MiB: "
                f"this brings {_mib(more)} MiB. Delete versions that nobody needs (couchreg unpublish), or "
                "ask an administrator for room."
            )

    def taking(self, user: User, intake: Intake) -> AbstractAsyncContextManager[None]:
        """`reserving` of what a publish has brought."""
        return self.reserving(user, sum(file.spooled.length for file in intake.files.values()))

    def bringing_back(
        self, members: Mapping[str, Any], more: int, user: User
    ) -> AbstractAsyncContextManager[None]:
        """`reserving` for whoever published what `user` brings back: a version's document has `members`."""
        own = members.get(OWN)
        publisher = own.get("publisher") if isinstance(own, dict) else None
        named = User(publisher, ()) if isinstance(publisher, str) else user
        return self.reserving(user if user.is_admin else named, more)

    @asynccontextmanager
    async def reserving(self, user: User, more: int) -> AsyncIterator[None]:
        """While something is written, its bytes count already. Raises what `check` raises."""
        name = user.name or ""
        await self.check(user, more)
        self._coming[name] += more
        try:
            yield
        finally:
            self._coming[name] -= more
            if not self._coming[name]:
                del self._coming[name]

    async def _catch_up(self) -> None:
        turn = TimeSlice()
        if self._seq.incarnation != (await self._database.update_seq()).incarnation:  # made again
            self._seq = BEGINNING
            self._versions.clear()
            self._totals.clear()
        async for changes in self._database.changes(self._seq, bodies=True):
            for change in changes.results:
                if split_version_id(change.id) is not None:
                    self._note(change)
                await turn.pass_on()
            self._seq = changes.last_seq

    def _note(self, change: Change) -> None:
        publisher, size = self._versions.pop(change.id, ("", 0))
        self._totals[publisher] -= size
        if not self._totals[publisher]:
            del self._totals[publisher]
        if change.deleted:
            return
        publisher = _publisher(change.members)
        size = sum(file.length for file in change.attachments)
        if publisher and size:
            self._versions[change.id] = (publisher, size)
            self._totals[publisher] += size


def _publisher(members: bytes | None) -> str:
    """Whom a version's document names; it may have come from anywhere."""
    own = _read(b"{" + (members or b"") + b"}").get(OWN)
    found = own.get("publisher") if isinstance(own, dict) else None
    return found if isinstance(found, str) else ""


def _mib(size: int) -> str:
    return f"{size / MIB:.1f}" if size < 100 * MIB else str(-(-size // MIB))
