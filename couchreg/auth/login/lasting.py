"""Whether what somebody has begun, and what goes on without them, is still theirs: asked again and again.

Unlike a token, which is shown with each request, nobody comes with a replication. So it is kept with the mark
of its account, and whoever runs it asks for the mark of today, which is that account's or there is none.
"""

from typing import Final

from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.passwords.credentials import CredentialSource
from couchreg.auth.tokens import Mark
from couchreg.errors import Unauthorized

_ADMIN: Final = "admin"


class Lasting:
    """Of the accounts of a server. A server admin is one as long as there is one of the name: other passwords
    come from other processes and with restarts, and nothing tells those from another person."""

    def __init__(
        self, authenticator: Authenticator, admins: CredentialSource, users: CredentialSource
    ) -> None:
        self._authenticator = authenticator
        self._admins = admins
        self._users = users

    async def may_log_in(self, name: str) -> bool:
        """See `Authenticator.may_log_in`."""
        return await self._authenticator.may_log_in(name)

    async def mark(self, name: str) -> Mark:
        """Which account of this name it is now."""
        is_admin = await self._admins.mark(name) is not None
        return (_ADMIN if is_admin else None, await self._users.mark(name))

    async def renewed(self, name: str, mark: Mark) -> Mark | None:
        """The mark of today, to be asked for the next time; None where it is another account, or none.
        While a document is in conflict nobody has said who it is, and the mark stays."""
        now = await self.mark(name)  # first: what comes after has to have come from it
        if len(mark) != len(now) or mark[0] != now[0] or (mark[1] is None) != (now[1] is None):
            return None
        if mark == now or mark[1] is None or await self._users.follows(name, mark[1]):
            return now
        try:
            await self._users.credential(name)
        except Unauthorized:
            return mark
        return None
