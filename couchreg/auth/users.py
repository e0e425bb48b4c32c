"""The users of `_users`: where their credentials are found, and the guard on every write to them.

The guard stands around the store rather than in a door, so that no way in passes it by: HTTP, bulk
and replicated writes all end in `Database.update`.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, cast

from couchreg.auth import user_documents
from couchreg.auth.credentials import Credential
from couchreg.auth.passwords import PRFS, PasswordHash, hash_password, parse_members
from couchreg.auth.policy import ADMINS_ONLY, USER_PREFIX, USERS, is_database_admin
from couchreg.docstore.base import Database, Edit, Outcome, Store
from couchreg.errors import CouchregError, Forbidden, NotFound
from couchreg.model import json
from couchreg.model.user import User

Config = Callable[[], Mapping[str, Mapping[str, str]]]
_UNHASHED = PasswordHash("sha256", b"\0", b"-", 1)  # stands for the hash while the rest is checked


class Users:
    """The documents of `_users` as a source of credentials."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def version(self, name: str) -> Hashable:
        try:
            database = self._store.database(USERS)
        except NotFound:
            return None
        return (database.incarnation, database.update_seq)

    async def credential(self, name: str) -> Credential | None:
        try:
            revision = await self._store.database(USERS).revision(USER_PREFIX + name)
        except NotFound:
            return None
        doc = json.decode(b"{" + revision.members + b"}")
        hashed = parse_members(doc)
        return Credential(User(name, user_documents.roles_of(doc)), hashed) if hashed else None


class GuardedStore:
    """A store whose `_users` database is guarded; everything else is the store's own."""

    def __init__(self, store: Store, *, iterations: int) -> None:
        self._store = store
        self._iterations = iterations
        self._guarded: UsersDatabase | None = None
        self.config = store.config  # asked on every request: without the detour

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def database(self, name: str) -> Database:
        database = self._store.database(name)
        return self._users(database) if name == USERS else database

    async def create(self, name: str) -> Database:
        database = await self._store.create(name)
        return self._users(database) if name == USERS else database

    def _users(self, database: Database) -> Database:
        if self._guarded is None or self._guarded.inner is not database:
            self._guarded = UsersDatabase(database, self._store.config, iterations=self._iterations)
        return cast(Database, self._guarded)


def guarded(store: Store, *, iterations: int) -> Store:
    """`store` with the rules of `_users`; `iterations` is for hashes unless the config says otherwise."""
    return cast(Store, GuardedStore(store, iterations=iterations))


class UsersDatabase:
    """`_users` with its rules: passwords are hashed on their way in, and people write only themselves."""

    def __init__(self, inner: Database, config: Config, *, iterations: int) -> None:
        self.inner = inner
        self._config = config
        self._iterations = iterations

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def update(self, edits: Sequence[Edit], *, new_edits: bool, user: User) -> list[Outcome]:
        """See `Database.update`; what the rules refuse has its error for an outcome."""
        prepared: list[Edit | CouchregError] = []
        for edit in edits:
            try:
                prepared.append(await self._prepare(edit, user))
            except CouchregError as error:
                prepared.append(error)
        allowed = [edit for edit in prepared if isinstance(edit, Edit)]
        written = await self.inner.update(allowed, new_edits=new_edits, user=user) if allowed else []
        outcomes = iter(written)
        return [next(outcomes) if isinstance(edit, Edit) else edit for edit in prepared]

    async def _prepare(self, edit: Edit, user: User) -> Edit:
        security = await self.inner.setting("security")
        admin = is_database_admin(user, ADMINS_ONLY if security is None else security)
        name = user_documents.name_of(edit.id)
        if not admin and (name is None or name != user.name):
            raise NotFound("missing")
        if edit.id.startswith("_design/"):
            return edit
        old = await self._before(edit)
        if edit.deleted:
            user_documents.validate_deletion(old, name=user.name, admin=admin)
            return edit
        password = user_documents.clear_password(edit.body)
        checked = edit.body if password is None else user_documents.with_hash(edit.body, _UNHASHED)
        user_documents.validate(edit.id, checked, old, name=user.name, admin=admin)
        if password is None:
            return edit
        return Edit(edit.id, edit.rev, False, user_documents.with_hash(edit.body, await self._hash(password)),
                    edit.attachments, edit.history)

    async def _before(self, edit: Edit) -> dict[str, Any] | None:
        """The live document that this edit follows on."""
        try:
            revision = await self.inner.revision(edit.id)
        except NotFound:
            return None
        found: dict[str, Any] = json.decode(b"{" + revision.members + b"}")
        return found

    async def _hash(self, password: str) -> PasswordHash:
        section = self._config().get("chttpd_auth", {})
        prf, rounds = section.get("pbkdf2_prf", "sha256"), section.get("iterations", "")
        if prf not in PRFS:
            raise Forbidden(f"The setting chttpd_auth/pbkdf2_prf is none of {', '.join(PRFS)}.")
        iterations = int(rounds) if rounds.isdecimal() and int(rounds) else self._iterations
        return await asyncio.to_thread(hash_password, password, iterations=iterations, prf=prf)
