"""Server admins: names and password hashes in the section `[admins]` of the server's config."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Hashable, Mapping

from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashes import hash_password, is_hashed, parse_admin
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.docstore.base import ConfiguredStore
from couchreg.model.user import ADMIN_ROLE, User

SECTION = "admins"
GENERATED_NAME = "admin"


class Admins:
    """The admins as a source of credentials; a change of the config counts from the next request."""

    def __init__(self, config: Callable[[], Mapping[str, Mapping[str, str]]]) -> None:
        self._config = config

    def version(self, name: str) -> Hashable:
        return self._config().get(SECTION, {}).get(name)

    async def credential(self, name: str) -> Credential | None:
        written = self._config().get(SECTION, {}).get(name)
        hashed = None if written is None else parse_admin(written)
        return None if hashed is None else Credential(User(name, (ADMIN_ROLE,)), hashed)

    async def disabled(self, name: str) -> bool:
        """Server admins are removed, never disabled."""
        return False

    async def mark(self, name: str) -> str | None:
        written = self._config().get(SECTION, {}).get(name)
        return None if written is None else hashlib.sha256(written.encode()).hexdigest()

    async def follows(self, name: str, mark: str) -> bool:
        """An admin is a name and a hash, and nothing else tells one from the next. Who gets another password
        through the server keeps what was theirs, see `GuardedStore.set_config`."""
        return await self.mark(name) == mark


async def set_admin(store: ConfiguredStore, name: str, password: str, *, iterations: int) -> None:
    """Make or change a server admin. An equal password keeps its hash, so that restarts write nothing."""
    written = store.config().get(SECTION, {}).get(name)
    known = parse_admin(written) if written else None
    if known and known.iterations == iterations and await asyncio.to_thread(known.verify, password):
        return
    hashed = await asyncio.to_thread(hash_password, password, iterations=iterations)
    await store.set_config(SECTION, name, hashed.as_admin())


async def ensure_admin(store: ConfiguredStore, *, iterations: int) -> tuple[str, str] | None:
    """Make an admin with a random password where there is none; its name and password, to be shown once."""
    if store.config().get(SECTION):
        return None
    password = secrets.token_urlsafe(18)
    await set_admin(store, GENERATED_NAME, password, iterations=iterations)
    return GENERATED_NAME, password


async def hash_admin_value(value: str, work: PasswordWork) -> str:
    """What to store when someone sets an admin through the config: passwords hashed, hashes as they are."""
    return value if is_hashed(value) else (await work.hash(value)).as_admin()
