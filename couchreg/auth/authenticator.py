"""Who asks: from the headers of a request to a `User`.

Passwords are verified in threads of its own, because one verification takes tenths of a second;
a verified header is remembered for a short time under a keyed hash, so that clients which send Basic
with every request pay for it once. Nothing that could give a password back is kept.
"""

import asyncio
import hashlib
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from couchreg.auth.basic import parse_basic
from couchreg.auth.credentials import Credential, CredentialSource
from couchreg.auth.passwords import PasswordHash
from couchreg.auth.sessions import Config, Sessions, cookie_value
from couchreg.errors import Unauthorized
from couchreg.model.user import ANONYMOUS, User

WRONG = "Name or password is incorrect."
REMEMBERED_SECONDS = 60.0
REMEMBERED_MOST = 10_000


class _Verified(NamedTuple):
    name: str
    user: User
    versions: tuple[Hashable, ...]  # of the sources, when the password was found right
    until: float


class Identity(NamedTuple):
    """Who asks and how they proved it: "cookie", "default" (Basic), or None for nobody."""

    user: User
    handler: str | None = None
    renew: bool = False  # the cookie has lasted a while: a new one should go with the answer


NOBODY = Identity(ANONYMOUS)


class Authenticator:
    """Authenticates against the sources in order: the first that knows a name has its password, and
    the others may add roles."""

    def __init__(
        self, sources: Sequence[CredentialSource], *, iterations: int, config: Config = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = tuple(sources)
        self.sessions = Sessions(config, self._credential)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[User]] = {}
        self._nobody = PasswordHash("sha256", bytes(32), secrets.token_hex(16).encode(), iterations)
        workers = max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="couchreg-passwords")

    async def identify(self, authorization: str | None, cookie: str | None) -> Identity:
        """Who sends these `Authorization` and `Cookie` headers; a valid cookie goes before Basic.

        Raises as `authenticate`, and BadRequest for a session cookie that is garbled.
        """
        value = cookie_value(cookie)
        session = await self.sessions.find(value) if value else None
        if session is not None:
            return Identity(session.user, "cookie", session.renew)
        user = await self.authenticate(authorization)
        return NOBODY if user is ANONYMOUS else Identity(user, "default")

    async def authenticate(self, authorization: str | None) -> User:
        """The user of an `Authorization` header; ANONYMOUS without usable credentials.

        Raises Unauthorized when the name or the password is wrong (both take the same time) and
        BadRequest for Basic credentials that are no base64.
        """
        if authorization is None:
            return ANONYMOUS
        digest = hashlib.blake2b(authorization.encode("utf-8", "surrogateescape"), key=self._key).digest()
        known = self._verified.get(digest)
        if known is not None and self._still_holds(known):
            return known.user
        credentials = parse_basic(authorization)
        if credentials is None:
            return ANONYMOUS
        return await self._verify_once(digest, *credentials)

    async def login(self, name: str, password: str) -> User:
        """The user of a name and a password. Raises Unauthorized when one of them is wrong."""
        credential = await self._credential(name)
        hashed = credential.hashed if credential else self._nobody
        right = await asyncio.get_running_loop().run_in_executor(self._threads, hashed.verify, password)
        if credential is None or not right:
            raise Unauthorized(WRONG)
        return credential.user

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _verify_once(self, digest: bytes, name: str, password: str) -> User:
        """Requests that arrive together with the same header share one verification."""
        task = self._running.get(digest)
        if task is None:
            task = asyncio.create_task(self._verify(digest, name, password))
            self._running[digest] = task
            task.add_done_callback(lambda done: self._verified_once(digest, done))
        return await asyncio.shield(task)

    def _verified_once(self, digest: bytes, task: asyncio.Task[User]) -> None:
        self._running.pop(digest, None)
        if not task.cancelled():
            task.exception()  # looked at here as well, since all who asked may have gone

    async def _verify(self, digest: bytes, name: str, password: str) -> User:
        versions = self._versions(name)  # before the look-up: a change in between makes the entry stale
        user = await self.login(name, password)
        self._verified[digest] = _Verified(name, user, versions, self._clock() + REMEMBERED_SECONDS)
        while len(self._verified) > REMEMBERED_MOST:
            self._verified.popitem(last=False)
        return user

    async def _credential(self, name: str) -> Credential | None:
        found: Credential | None = None
        for source in self._sources:
            credential = await source.credential(name)
            if credential is not None and found is not None:
                roles = dict.fromkeys(found.user.roles + credential.user.roles)
                found = found._replace(user=User(name, tuple(roles)))
            found = found or credential
        return found

    def _still_holds(self, known: _Verified) -> bool:
        return self._clock() < known.until and self._versions(known.name) == known.versions

    def _versions(self, name: str) -> tuple[Hashable, ...]:
        return tuple([source.version(name) for source in self._sources])
