"""The guard on every write to `_users`, and to another database whose users log in: passwords become hashes,
and people write only themselves.

It stands around the store rather than in a door, so that no way in passes it by: HTTP, bulk and
replicated writes all end in `Database.update`. The rules themselves are `user_documents.py`'s.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from couchreg.auth.options import SECTION, USERS_KEY, Options
from couchreg.auth.passwords.hashes import PasswordHash
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.policy import ADMINS_ONLY, REGISTRY, REGISTRY_SECURITY, USERS, is_database_admin
from couchreg.auth.users import documents as user_documents
from couchreg.auth.users.admins import SECTION as ADMINS
from couchreg.auth.users.design import ensure_auth_design
from couchreg.auth.users.users import UserChanges
from couchreg.docstore.base import ConfiguredStore, Database, Edit, Setting, Updated
from couchreg.docstore.layers import Layer, LayeredStore
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import BadRequest, Conflict, CouchregError, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User

_UNHASHED = PasswordHash("sha256", b"\0", b"-", 1)  # stands for the hash while the rest is checked


class Registrar(Protocol):
    """Who is told of people that come and go."""

    async def admit(self, name: str) -> None:
        """Somebody makes an account for themselves. Raises Forbidden, Conflict when they may not."""

    async def gone(self, name: str) -> None:
        """The account of a user has gone, or a server admin has come to be or gone."""

    async def edited(self, name: str) -> None:
        """The document of a user has been edited, and is the same user's."""

    async def holding(self, name: str) -> Sequence[str]:
        """What a server admin has that a new password shall not end."""

    async def rehashed(self, name: str, held: Sequence[str]) -> None:
        """The server admin has another password, and keeps that."""


class GuardedStore(LayeredStore):
    """A `ConfiguredStore` whose `_users` is guarded, and the database of `[chttpd_auth] authentication_db`
    where that is another, before the layers that stand there."""

    def __init__(
        self, store: ConfiguredStore, work: PasswordWork, changes: UserChanges, *layers: Layer
    ) -> None:
        super().__init__(store, *layers, config=store.config)
        self._store = store
        self._work = work
        self._changes = changes
        self._registrar: list[Registrar] = []
        self._options = Options(store.config)
        self._changing_admins = asyncio.Lock()
        self.config = store.config  # asked several times a request: without the detour

    def tell(self, registrar: Registrar) -> None:
        """From now on, tell it of those who come and go."""
        self._registrar.append(registrar)

    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> Database:
        if name == REGISTRY:
            settings = {**(settings or {}), "security": dict(REGISTRY_SECURITY)}
        database = await super().create(name, settings)
        if self._holds_users(name):
            self._changes.note_all()
            await ensure_auth_design(database)
        return database

    async def delete(self, name: str) -> None:
        await super().delete(name)
        if self._holds_users(name):
            self._changes.note_all()

    async def set_config(self, section: str, key: str, value: str | None, *, persist: bool = True) -> None:
        """See `ConfiguredStore.set_config`. Raises BadRequest for users that are to be where packages are."""
        await self._set_config(section, key, value, persist=persist)
        what = {"section": section, "key": key, "kept": persist}  # not the value, which may be a secret
        record("setting.change" if value is not None else "setting.remove", **what)

    async def _set_config(self, section: str, key: str, value: str | None, *, persist: bool) -> None:
        if section == ADMINS:
            return await self._set_admin(key, value, persist=persist)
        moves = (section, key) == (SECTION, USERS_KEY)
        if moves and value == REGISTRY:
            raise BadRequest("The database of users cannot be the one that holds the packages.")
        await self._store.set_config(section, key, value, persist=persist)
        return await self._moved() if moves else None

    async def _moved(self) -> None:
        """People may log in by another database now."""
        self._changes.note_all()
        name = self._options.users_database
        if name in await self._store.names():
            await ensure_auth_design(await self.open(name))

    def _holds_users(self, name: str) -> bool:
        return name == USERS or name == self.config().get(SECTION, {}).get(USERS_KEY)

    async def _set_admin(self, key: str, value: str | None, *, persist: bool) -> None:
        """A server admin is an account too: it comes, goes, changes passwords."""
        async with self._changing_admins:
            before = self.config().get(ADMINS, {}).get(key)
            held = [await registrar.holding(key) for registrar in self._registrar]
            await self._store.set_config(ADMINS, key, value, persist=persist)
            for registrar, holding in zip(self._registrar, held, strict=True):
                if before is None or value is None:
                    await registrar.gone(key)
                else:
                    await registrar.rehashed(key, holding)

    async def refresh_config(self) -> None:
        await self._store.refresh_config()

    async def forget_config(self) -> None:
        """See `ConfiguredStore.forget_config`. Whatever was made for this run alone ends with it."""
        async with self._changing_admins:
            before = self.config().get(ADMINS, {})
            await self._store.forget_config()
            after = self.config().get(ADMINS, {})
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    for registrar in self._registrar:
                        await registrar.gone(key)
        await self._moved()

    def _before(self, database: Database) -> Database:
        database = super()._before(database)
        if not self._holds_users(database.name):
            return database
        return UsersDatabase(database, self._work, self._changes, self._registrar)


class UsersDatabase(DatabaseProxy):
    """`_users` with its rules: passwords are hashed on their way in, and people write only themselves."""

    def __init__(
        self, inner: Database, work: PasswordWork, changes: UserChanges, registrars: Sequence[Registrar]
    ) -> None:
        super().__init__(inner)
        self._work = work
        self._changes = changes
        self._registrars = registrars

    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        """See `Database.update`; what the rules refuse has its error for an outcome."""
        prepared: list[Edit | CouchregError] = []
        for edit in edits:
            try:
                prepared.append(await self._prepare(edit, user, new_edits=new_edits))
            except CouchregError as error:
                if together:
                    raise
                prepared.append(error)
        allowed = [edit for edit in prepared if isinstance(edit, Edit)]
        try:
            written = await self.inner.update(allowed, new_edits=new_edits, user=user, together=together)
        finally:
            for edit in allowed:
                self._changes.note(edit.id)
        await self._bury([edit.id for edit in allowed if edit.deleted])
        await self._tell_of_edits([edit.id for edit in allowed if not edit.deleted])
        made = iter(written.outcomes)
        outcomes = [next(made) if isinstance(edit, Edit) else edit for edit in prepared]
        for edit, outcome in zip(edits, outcomes, strict=True):
            if not isinstance(outcome, CouchregError):
                _record(edit)
        return Updated(outcomes, written.seq)

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """See `Database.purge`."""
        try:
            return await super().purge(wanted)
        finally:
            self._changes.note_all()
            await self._bury(wanted)

    async def _bury(self, ids: Iterable[str]) -> None:
        for doc_id in ids:
            name = user_documents.name_of(doc_id)
            if name is not None and await self._document(doc_id) is None:
                for registrar in self._registrars:
                    await registrar.gone(name)

    async def _tell_of_edits(self, ids: Iterable[str]) -> None:
        for doc_id in ids:
            name = user_documents.name_of(doc_id)
            if name is not None:
                for registrar in self._registrars:
                    await registrar.edited(name)

    async def _prepare(self, edit: Edit, user: User, *, new_edits: bool) -> Edit:
        security = await self.inner.setting("security")
        admin = is_database_admin(user, ADMINS_ONLY if security is None else security)
        _check_address(edit.id, user, admin=admin)
        if edit.id.startswith("_design/"):
            return edit
        old = await self._document(edit.id)
        if edit.deleted:
            user_documents.validate_deletion(old, name=user.name, admin=admin)
            return edit
        if old is not None and user.name is None and new_edits and edit.rev is None:
            raise Conflict  # somebody registers under a name that is taken
        password = user_documents.clear_password(edit.body)
        checked = edit.body if password is None else user_documents.with_hash(edit.body, _UNHASHED)
        typed = self.inner.name == USERS  # elsewhere CouchDB has its rules only once somebody has logged in
        user_documents.validate(edit.id, checked, old, name=user.name, admin=admin, typed=typed)
        if old is None and not admin:
            for registrar in self._registrars:
                await registrar.admit(checked["name"])
        if password is not None:
            edit = await self._hashed(edit, password)
        elif not admin and user_documents.brings_hash(edit.body, old):
            await self._work.admit_hash(user_documents.iterations_of(edit.body))
        else:
            return edit
        if not admin and await self._document(edit.id) != old:
            raise Conflict  # the turn to hash came late: the account has changed, or is somebody else's
        return edit

    async def _document(self, doc_id: str) -> dict[str, Any] | None:
        """A live document as it is."""
        try:
            return (await self.inner.revision(doc_id)).body
        except NotFound:
            return None

    async def _hashed(self, edit: Edit, password: str) -> Edit:
        """The edit with a hash in place of the password; `preserve_salt` keeps the sessions."""
        self._work.check_rules(password)
        salt = edit.body.get("salt") if edit.body.get("preserve_salt") is True else None
        hashed = await self._work.hash(password, salt=salt.encode() if isinstance(salt, str) else None)
        body = user_documents.with_hash(edit.body, hashed)
        return Edit(edit.id, edit.rev, False, body, edit.attachments, edit.history)


def _record(edit: Edit) -> None:
    name = user_documents.name_of(edit.id)
    if name is not None:
        made = "account.create" if edit.rev is None else "account.change"
        disabled = True if user_documents.is_disabled(edit.body) else None
        record("account.delete" if edit.deleted else made, account=name, disabled=disabled)


def _check_address(doc_id: str, user: User, *, admin: bool) -> None:
    """People write only their own document; who is nobody yet may become somebody. Raises NotFound."""
    if admin:
        return
    name = user_documents.name_of(doc_id)
    if name is None or (user.name is not None and name != user.name):
        raise NotFound("missing")
