"""Accounts as people have them: made, given another password, deleted. Each is a document of `_users`.

Who may do this to whose account is for the caller to decide (by `may_register` and the caller's own
rules); what an account may look like is decided here and, as for every write, by the guard of `_users`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from couchreg.auth.options import Options
from couchreg.auth.passwords.hashes import PasswordHash, parse_members
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.policy import USER_PREFIX
from couchreg.auth.tokens import Tokens
from couchreg.auth.users.admins import Admins
from couchreg.auth.users.documents import with_hash
from couchreg.auth.users.names import check_email, check_name, check_password
from couchreg.docstore.base import ConfiguredStore, Database, Edit
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound
from couchreg.model.user import SYSTEM, User

LONGEST_SALT = 256
CLOSED = "Registration is closed here: ask an administrator for an account."
Owned = Callable[[str], Awaitable[Sequence[str]]]  # the packages that a name owns


@dataclass(frozen=True, slots=True)
class Login:
    """What is to be kept of a password: made here from the password itself, or sent as old clients make
    it, `password_sha` being the hex SHA-1 of password and salt. Those become better at the first login.
    """

    password: str | None = None
    salt: str | None = None
    password_sha: str | None = None


class Accounts:
    def __init__(
        self,
        store: ConfiguredStore,
        admins: Admins,
        tokens: Tokens,
        work: PasswordWork,
        owned: Owned,
        *,
        registration_open: bool,
        least: int = 1,
    ) -> None:
        """`least`: characters of a new password that is given here; `_users` has CouchDB's own rules."""
        self._least = least
        self._enders: list[Callable[[str], Awaitable[None]]] = []
        self._store = store
        self._options = Options(store.config)
        self._admins = admins
        self._tokens = tokens
        self._work = work
        self._owned = owned
        self.registration_open = registration_open

    def ends_also(self, end: Callable[[str], Awaitable[None]]) -> None:
        """From now on call this with a name, too, when all tokens of an account are revoked."""
        self._enders.append(end)

    def may_register(self, user: User) -> None:
        """Raises Forbidden when this user, or nobody in particular, cannot make accounts."""
        if not self.registration_open and not user.is_admin:
            raise Forbidden(CLOSED)

    async def admit(self, name: str) -> None:
        """As `Registrar.admit`: for those who register at the couch door, where an admin has opened it."""
        if not self.registration_open:
            raise Forbidden(CLOSED)
        await self._check_free(name)

    async def gone(self, name: str) -> None:
        """As `Registrar.gone`."""
        await self._tokens.revoke_all(name)

    async def holding(self, name: str) -> Sequence[str]:
        """As `Registrar.holding`: the ids of the tokens."""
        return [token.id for token in await self._tokens.list(name)]

    async def edited(self, name: str) -> None:
        """As `Registrar.edited`: the tokens follow, for a compaction forgets how the document came to be."""
        await self._tokens.carry_over(name, await self.holding(name))

    async def rehashed(self, name: str, held: Sequence[str]) -> None:
        """As `Registrar.rehashed`."""
        await self._tokens.carry_over(name, held)

    async def exists(self, name: str) -> bool:
        return await self._admins.credential(name) is not None or await self._find(name) is not None

    async def email(self, name: str) -> str | None:
        """For the user and for admins only: strangers do not see addresses."""
        _, doc = await self._known(name)
        found = doc.get("email")
        return found if isinstance(found, str) else None

    async def create(
        self,
        name: object,
        login: Login,
        *,
        email: object = None,
        address: str = "",
        returning: bool = False,
    ) -> str:
        """Make an account; returns the revision of its document. With `returning` it is that of somebody
        whose packages are here already, as an administrator says.

        Raises BadRequest for a name, password or hash that cannot be, Conflict for a name that is taken:
        by an account, by a server admin, or by the owner of a package that came from elsewhere.
        """
        checked = check_name(name)
        doc: dict[str, Any] = {"name": checked, "type": "user", "roles": []}
        if email is not None:
            doc["email"] = check_email(email)
        self._check(login)
        if await self._find(checked) is not None:
            raise Conflict(_taken(checked))
        await self._check_free(checked, returning=returning)
        hashed = await self._hash(login, address)
        return await self._write(Edit(USER_PREFIX + checked, None, False, with_hash(doc, hashed)))

    async def change(
        self,
        name: str,
        *,
        login: Login | None = None,
        email: object = None,
        address: str = "",
        revoke_tokens: bool = False,
    ) -> str:
        """Another password (which ends the sessions of the old one, and if wanted all tokens and the trust in
        jobs) or e-mail address; the new revision.

        Raises BadRequest, NotFound, Conflict when the document changes at the same time; of a server admin
        only the password changes, and there is no revision: "".
        """
        if login is not None and await self._admins.credential(name) is not None:
            await self._change_admin(name, login)
            rev = ""
        else:
            rev = await self._change_user(name, login, email, address)
        if revoke_tokens:
            for end in self._enders:  # first: they end what gives out tokens
                await end(name)
            await self._tokens.revoke_all(name)
        return rev

    async def _change_user(self, name: str, login: Login | None, email: object, address: str) -> str:
        rev, doc = await self._known(name)
        if email is not None:
            doc["email"] = check_email(email)
        if login is not None:
            self._check(login)
            doc = with_hash(doc, await self._hash(login, address))
        return await self._write(Edit(USER_PREFIX + name, rev, False, doc))

    async def delete(self, name: str) -> None:
        """Delete an account and all its tokens. Raises NotFound."""
        rev, _ = await self._known(name)
        await self._tokens.revoke_all(name)  # first: whatever happens, none is left to the next of that name
        await self._write(Edit(USER_PREFIX + name, rev, True, {}))

    async def _check_free(self, name: str, *, returning: bool = False) -> None:
        """Raises Conflict for the name of a server admin, and for the owner of packages from elsewhere."""
        if await self._admins.credential(name) is not None or (not returning and await self._owned(name)):
            raise Conflict(_taken(name))

    async def _change_admin(self, name: str, login: Login) -> None:
        if login.password is None:
            raise BadRequest("The password of a server admin is changed by sending the new one.")
        before = await self._admins.mark(name)
        hashed = await self._work.hash(check_password(login.password, self._least))
        if await self._admins.mark(name) != before:
            raise Conflict("The account was changed in the meantime: try again.")
        await self._store.set_config("admins", name, hashed.as_admin())

    async def _hash(self, login: Login, address: str) -> PasswordHash:
        simple = _simple(login)
        if simple is not None:
            await self._work.admit_hash(simple.iterations, address=address)
            return simple
        password = check_password(login.password, self._least)
        self._work.check_rules(password)
        return await self._work.hash(password, address=address)

    def _check(self, login: Login) -> None:
        """Before anything is looked up. Of a hash that an old client has made the length is not known."""
        if _simple(login) is None:
            check_password(login.password, self._least)

    async def _known(self, name: str) -> tuple[str, dict[str, Any]]:
        found = await self._find(name)
        if found is None:
            raise NotFound("There is no such account.")
        return found

    async def _find(self, name: str) -> tuple[str, dict[str, Any]] | None:
        """Revision and members of an account's document."""
        try:
            revision = await (await self._users()).revision(USER_PREFIX + name)
        except NotFound:
            return None
        return revision.rev, revision.body

    async def _write(self, edit: Edit) -> str:
        """The checks are made: the server itself writes."""
        return (await (await self._users()).update([edit], new_edits=True, user=SYSTEM)).rev

    async def _users(self) -> Database:
        return await self._store.open(self._options.users_database)


def _taken(name: str) -> str:
    return f"The name {name!r} is taken."


def _simple(login: Login) -> PasswordHash | None:
    """The hash that an old client has made. Raises BadRequest for one that is none."""
    if login.password is not None or login.password_sha is None:
        return None
    salt, sha = login.salt, login.password_sha
    texts = isinstance(salt, str) and isinstance(sha, str)
    hashed = parse_members({"salt": salt, "password_sha": sha}) if texts else None
    if hashed is None or len(hashed.key) != 20 or not 0 < len(hashed.salt) <= LONGEST_SALT:
        raise BadRequest(
            "password_sha must be the SHA-1 of password and salt in 40 hex digits, and needs a salt."
        )
    return hashed
