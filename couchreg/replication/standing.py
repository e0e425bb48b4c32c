"""Replications end with the account of whoever wanted them: when it is disabled, gone, or another's by now.

Looked at every few seconds, since an account may change in another process, or by replication. What was asked
for with `_replicate` is over then. A document waits while its owner is disabled. It fails once their account
is gone, and stays so over restarts: whoever has the name next has not asked for it. That holds for server
admins as well, whose replications reach more than those of others.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from couchreg.errors import Unavailable
from couchreg.journal.failing import tell
from couchreg.replication.following import Following
from couchreg.replication.jobs import Mark
from couchreg.replication.scheduler import Scheduler

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds
GONE = "The account of its owner is gone, or somebody else's by now: write it anew to have it replicated."
_ENDED: Mark = ("",)  # no account has it


class OwnersAccounts(Protocol):
    """Those of a server."""

    async def may_log_in(self, name: str) -> bool:
        """Whether somebody of this name could log in."""

    async def mark(self, name: str) -> Mark:
        """Which account of this name it is now."""

    async def renewed(self, name: str, mark: Mark) -> Mark | None:
        """The mark of today; None where it is not the same account."""


class NoAccounts:
    """Where nobody keeps any."""

    async def may_log_in(self, name: str) -> bool:
        return True

    async def mark(self, name: str) -> Mark:
        return ()

    async def renewed(self, name: str, mark: Mark) -> Mark | None:
        return mark


class _Account(NamedTuple):
    name: str
    mark: Mark


class ReplicationOwners:
    """Of those whose replications one server runs. Also a `Registrar` of the guard of `_users`, which tells
    it at once of what this process changes."""

    def __init__(self, accounts: OwnersAccounts, scheduler: Scheduler, documents: Following) -> None:
        self._accounts = accounts
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
            except Unavailable as error:  # of a document store behind a network, say
                log.info("Owners of replications are looked at again: %s", error)
            except Exception as error:  # or everything would go on for ever from here
                tell(log, "A look at the owners of replications", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Raises what a look at accounts or documents does."""
        await self._renew(None)
        for one in self._documents.all():
            if one.account == _ENDED:
                await self._documents.end(one, GONE)
        names = {account.name for account in self._known()}
        over = {name for name in names if not await self._accounts.may_log_in(name)}
        changed, self._over = self._over ^ over, over
        for name in changed & names:
            await self._documents.restart(name)
        for job in self._scheduler.all():
            if job.doc_id is None and (job.account == _ENDED or job.user.name in over):
                log.warning("The replication %s ends with the account of %r.", job.id, job.user.name)
                await self._scheduler.remove(job)

    def _known(self) -> set[_Account]:
        """The accounts that something rests on; the mark of who has had none yet is empty."""
        documents = {(one.user.name, one.account or ()) for one in self._documents.all()}
        jobs = {(job.user.name, job.account) for job in self._scheduler.all()}
        return {_Account(name, mark) for name, mark in documents | jobs if name is not None}

    async def _renew(self, only: str | None) -> None:
        """Take in which accounts are still the same, of all or of one name."""
        now = {
            account: await self._accounts.renewed(*account)
            for account in self._known()
            if account.mark and only in (None, account.name)
        }
        for one in self._documents.all():
            if one.account and (account := _Account(one.user.name or "", one.account)) in now:
                one.account = now[account] or _ENDED
        for job in self._scheduler.all():
            if (account := _Account(job.user.name or "", job.account)) in now:
                job.account = now[account] or _ENDED

    # -- as a `Registrar` of the guard of `_users`: who is told of accounts
    async def gone(self, name: str) -> None:
        """The next look ends what was theirs, whoever has the name by then."""
        for one in self._documents.all():
            if one.user.name == name and one.account:
                one.account = _ENDED
        for job in self._scheduler.all():
            if job.user.name == name:
                job.account = _ENDED

    async def edited(self, name: str) -> None:
        """The marks follow, for a compaction forgets how the document came to be."""
        await self._renew(name)

    async def admit(self, name: str) -> None:
        """Anybody may come."""

    async def holding(self, name: str) -> Sequence[str]:
        return ()

    async def rehashed(self, name: str, held: Sequence[str]) -> None:
        """A server admin with another password is the same."""
