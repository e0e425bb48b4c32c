"""Replications end with the account of whoever wanted them: when it is disabled, or gone.

Looked at every few seconds, since an account may change in another process, or by replication. What was asked
for with `_replicate` is over then. A document's waits, and goes on when its owner may log in again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from couchreg.errors import Unavailable
from couchreg.model.user import User
from couchreg.replication.following import Following
from couchreg.replication.scheduler import Scheduler

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds

Stands = Callable[[str], Awaitable[bool]]  # whether somebody of this name could log in


async def nobody_asks(name: str) -> bool:
    return True


class ReplicationOwners:
    """Of those whose replications one server runs."""

    def __init__(self, stands: Stands, scheduler: Scheduler, documents: Following) -> None:
        self._stands = stands
        self._scheduler = scheduler
        self._documents = documents
        self._over: set[str] = set()  # who could not log in at the last look
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._looking = asyncio.create_task(self._look_again(), name="owners of replications")

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look_again(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:  # of a document store behind a network
                log.info("Owners of replications are looked at again: %s", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Raises Unavailable."""
        names = self._documents.owners() | {
            name for job in self._scheduler.all() if (name := owner(job.user))
        }
        over = {name for name in names if not await self._stands(name)}
        changed, self._over = self._over ^ over, over
        for name in changed & names:
            await self._documents.restart(name)
        for job in self._scheduler.all():
            if job.doc_id is None and owner(job.user) in over:
                log.warning("The replication %s ends with the account of %r.", job.id, job.user.name)
                await self._scheduler.remove(job)


def owner(user: User) -> str | None:
    """Whose account a replication rests on; None for those that are the server's own, or administrators'."""
    return None if user.is_admin else user.name
