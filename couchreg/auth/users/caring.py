"""What administrators do with the accounts of others: list, disable and restore them.

A disabled account stays as it is, and nobody is this user any more: neither with the password, a session
or a token, nor with a JWT or by a proxy. Its packages stay its own.
"""

from dataclasses import dataclass

from couchreg.auth.options import Options
from couchreg.auth.policy import USER_PREFIX
from couchreg.auth.users import documents as user_documents
from couchreg.auth.users.accounts import Accounts, Login
from couchreg.docstore.base import ConfiguredStore, Database, Edit, Range, Row
from couchreg.errors import BadRequest, NotFound
from couchreg.model.user import SYSTEM

LAST = USER_PREFIX + "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Listed:
    """One account as administrators see it."""

    name: str
    email: str | None
    roles: tuple[str, ...]
    disabled: bool


class Care:
    """The accounts of one server, for those who look after them."""

    def __init__(self, store: ConfiguredStore, accounts: Accounts) -> None:
        self._store = store
        self._options = Options(store.config)
        self._accounts = accounts

    async def listed(self, start: str, limit: int) -> tuple[list[Listed], str | None]:
        """Accounts by name, from `start` on, and the name at which the next ones begin."""
        wanted = Range(start=USER_PREFIX + start, end=LAST, limit=limit + 1)
        found: list[Listed] = []
        async for rows in (await self._users()).all_docs(wanted, bodies=True):
            for row in rows:
                name = user_documents.name_of(row.id)
                if name is None:
                    continue
                if len(found) == limit:
                    return found, name
                found.append(_listed(name, row))
        return found, None

    async def set_disabled(self, name: str, disabled: bool) -> None:
        """Raises NotFound; Conflict where the document changes at the same time."""
        users = await self._users()
        try:
            stored = await users.revision(USER_PREFIX + name)
        except NotFound:
            raise NotFound("There is no such account.") from None
        body = {key: value for key, value in stored.body.items() if key != user_documents.DISABLED}
        if disabled:
            body[user_documents.DISABLED] = True
        if body != stored.body:
            edit = Edit(stored.id, stored.rev, False, body)
            (await users.update([edit], new_edits=True, user=SYSTEM)).check()

    async def restore(self, name: str, login: Login | None, *, address: str = "") -> None:
        """Let somebody in again: a disabled account as it was, or with another password; and one that is
        gone, so that who owns packages has them again. Raises BadRequest where that needs a password."""
        try:
            await self.set_disabled(name, False)
        except NotFound:
            if login is None:
                reason = "There is no account of this name: with a password (--new) it is made anew."
                raise BadRequest(reason) from None
            await self._accounts.create(name, login, address=address, returning=True)
            return
        if login is not None:
            await self._accounts.change(name, login=login, address=address, revoke_tokens=True)

    async def _users(self) -> Database:
        return await self._store.open(self._options.users_database)


def _listed(name: str, row: Row) -> Listed:
    email = row.body.get("email")
    roles = user_documents.roles_of(row.body)
    shown = email if isinstance(email, str) else None
    return Listed(name, shown, roles, user_documents.is_disabled(row.body))
