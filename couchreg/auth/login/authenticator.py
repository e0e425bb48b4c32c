"""Who asks: from the headers of a request to a `User`.

A verified Basic header is remembered for a short time under a keyed hash, so that clients which send it
with every request pay for it once. Nothing that could give a password back is kept. What the other
handlers believe is in `sessions.py`, `tokens.py`, `jwt_bearer.py` and `proxied.py`.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from couchreg.auth.login import proxied
from couchreg.auth.login.basic import parse_basic
from couchreg.auth.login.handlers import DEFAULT, Handlers
from couchreg.auth.login.jwt_bearer import JwtBearer
from couchreg.auth.login.lockout import Lockout
from couchreg.auth.login.sessions import LoginSessions, cookie_value, session_name
from couchreg.auth.login.upgrading import Upgrades
from couchreg.auth.options import OLD_SECTION, SECTION, Config, Options
from couchreg.auth.passwords.credentials import Credential, CredentialSource
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.tokens import Grant, Mark, Tokens, is_token
from couchreg.errors import Unauthorized
from couchreg.journal.asking import record
from couchreg.model.user import ANONYMOUS, User

WRONG = "Name or password is incorrect."
DISABLED = "This account is disabled: ask an administrator."
CHANGED = "Your login changed while this request was being sent: log in again, and repeat it."
BEARER = "Bearer "
VISIT = "visit"  # the handler of those who have logged in at the pages
REMEMBERED_SECONDS = 60.0
REMEMBERED_MOST = 10_000
LONGEST_NAME = 64  # characters of one that is written down

Headers = Mapping[str, str]  # in which the case of names does not matter


class Identity(NamedTuple):
    """Who asks and which handler believed it: "cookie", "default" (Basic), …; None for nobody.

    Whoever came with an API token has its `grant`, and may no more than it says.
    """

    user: User
    handler: str | None = None
    renew: Credential | None = None  # the cookie has lasted a while: a new one should go with the answer
    grant: Grant | None = None
    standing: tuple[
        Hashable, ...
    ] = ()  # what it was believed on: while that is so, it need not be asked again


class KnownAccount(NamedTuple):
    """An account as it is now: its user, the salt of its password, and what a belief in it rests on."""

    user: User
    salt: bytes
    standing: tuple[Hashable, ...]


class _Verified(NamedTuple):
    name: str
    identity: Identity  # its `standing`: the versions of the sources when the password was found right
    until: float


NOBODY = Identity(ANONYMOUS)
# Handlers that believe by settings alone, and the sections with these.
_CONFIGURED = {"jwt": ("chttpd", "jwt_auth", "jwt_keys"), "proxy": ("chttpd", SECTION, OLD_SECTION)}


class Authenticator:
    """Authenticates against the sources in order: the first that knows a name has its password, and
    the others may add roles."""

    def __init__(
        self,
        sources: Sequence[CredentialSource],
        work: PasswordWork,
        *,
        config: Config = dict,
        tokens: Tokens | None = None,  # may also be set later, since they ask who there is
        clock: Callable[[], float] = time.monotonic,
        refresh: Callable[[], Awaitable[None]] | None = None,  # where others change accounts: know of that
    ) -> None:
        self._sources = tuple(sources)
        self._version_of = [source.version for source in sources]
        self.passwords = work
        self._refresh = refresh
        self.options = Options(config)
        self.upgrades = Upgrades(work, self.options)
        self.tokens = tokens
        self._clock = clock
        self.sessions = LoginSessions(config, self._credential)
        self.handlers = Handlers(config)
        self._ask: Mapping[str, Callable[[Headers, str], Awaitable[Identity | None]]] = {
            "cookie": self._cookie,
            "default": self._basic,
            "jwt": self._bearer,
            "proxy": self._proxy,
        }
        self._jwt = JwtBearer(config)
        self._lockout = Lockout(config, clock=clock)
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._running: dict[tuple[bytes, str], asyncio.Task[_Verified]] = {}

    async def refresh(self) -> None:
        """What is remembered of accounts holds, whoever has changed them."""
        if self._refresh is not None:
            await self._refresh()

    def recognize(self, headers: Headers, address: str = "") -> Identity | None:
        """What `identify` would find, where that can be told without waiting for anything: None else."""
        if self._refresh is not None or "Cookie" in headers:
            return None
        if "authentication_handlers" in self.options.config().get("chttpd", ()):
            return None
        return self._known(headers, address)

    async def identify(self, headers: Headers, address: str = "") -> Identity:
        """Who sends these headers to the couch door: what the first handler says that knows.

        Raises Unauthorized and LockedOut as `login`; BadRequest for what is garbled.
        """
        written = self.options.config().get("chttpd", {}).get("authentication_handlers", "")
        names = self.handlers.names if written else DEFAULT
        if names is DEFAULT:
            if "Cookie" not in headers:
                return await self._basic(headers, address)
            return await self._cookie(headers, address) or await self._basic(headers, address)
        for name in names:
            found = await self._ask[name](headers, address)
            if found is not None and found is not NOBODY:
                return found
        return NOBODY

    async def identify_publisher(self, headers: Headers, address: str = "") -> Identity:
        """Who sends these headers to the registry door, which takes API tokens and Basic."""
        authorization = headers.get("Authorization", "")
        if self.tokens is None or not authorization.startswith(BEARER):
            return await self._basic(headers, address)
        await self.refresh()
        try:
            user, grant = await self.tokens.authenticate(authorization.removeprefix(BEARER).strip())
        except Unauthorized:
            record("token.refused", address=address or None)
            raise
        return Identity(user, "token", grant=grant)

    async def confirm(self, identity: Identity, headers: Headers, address: str = "") -> None:
        """Ask again who sends these headers to the couch door, where what was believed no longer `stands`: a
        body may take hours, and meanwhile accounts go, change their passwords, or are made anew by others.

        Raises Unauthorized when it is not whom `identify` has found."""
        if self._refresh:
            await self._refresh()
        if not self.stands(identity):
            _same(identity, await self.identify(headers, address))

    async def confirm_publisher(self, identity: Identity, headers: Headers, address: str = "") -> None:
        """As `confirm`, for the registry door."""
        await self.refresh()
        if not self.stands(identity):
            _same(identity, await self.identify_publisher(headers, address))

    async def authenticate(self, authorization: str | None, address: str = "") -> User:
        """The user of a Basic `Authorization` header; ANONYMOUS without usable credentials.

        Raises as `login`, and BadRequest for Basic credentials that are no base64.
        """
        verified = await self._authenticated(authorization, address)
        return verified.identity.user if verified else ANONYMOUS

    async def _authenticated(self, authorization: str | None, address: str) -> "_Verified | None":
        if authorization is None:
            return None
        await self.refresh()
        digest = self._digest(authorization)
        known = self._remembered(digest, address)
        if known is not None:
            return known
        credentials = parse_basic(authorization)
        if credentials is None:
            return None
        return await self._verify_once(digest, *credentials, address)

    async def login(self, name: str, password: str, address: str = "", *, totp: str | None = None) -> User:
        """The user of a name and a password (and of a second factor, where the user has one).

        Raises as `prove`.
        """
        return (await self.prove(name, password, address, totp=totp)).user

    async def prove(
        self, name: str, password: str, address: str = "", *, totp: str | None = None
    ) -> Credential:
        """The credential that this password is right for, to make a cookie from: whoever has the name
        a moment later is not meant.

        Raises Unauthorized when one of them is wrong, LockedOut for an address that has guessed too often,
        Unavailable when too many are logging in.
        """
        await self.refresh()
        credential = await self._credential(name)
        hashed = credential.hashed if credential else None
        right = await self.passwords.verify(
            hashed, password, name=name, address=address, before=lambda: self._lockout.check(name, address)
        )
        if credential is None or not right or not _second_factor(credential, totp):
            self._lockout.failed(name, address)
            record("login.refused", name=name[:LONGEST_NAME], address=address or None)
            raise Unauthorized(WRONG)
        self._lockout.succeeded(name, address)
        self.upgrades.begin(credential, password, address)
        return credential

    async def user(self, name: str) -> User | None:
        """The account of a name as it is now, without any proof of who asks."""
        await self.refresh()
        credential = await self._credential(name)
        return credential.user if credential else None

    async def known(self, name: str) -> KnownAccount | None:
        """As `user`, with what tells whether its password is still the same."""
        await self.refresh()
        standing = self._versions(name)  # before the look-up, as in `_verify`
        credential = await self._credential(name)
        return None if credential is None else KnownAccount(credential.user, credential.hashed.salt, standing)

    async def may_log_in(self, name: str) -> bool:
        """Whether somebody of this name could log in: by an account that is not disabled, or by none where
        others vouch for people (JWT, a proxy)."""
        await self.refresh()
        try:
            if any([await source.disabled(name) for source in self._sources]):
                return False
            found = await self._credential(name)
        except Unauthorized:  # its document is in conflict
            return False
        return found is not None or not _CONFIGURED.keys().isdisjoint(self.handlers.names)

    async def mark(self, name: str) -> Mark:
        """Which account of this name it is: where it stands in each of the sources."""
        return tuple([await source.mark(name) for source in self._sources])

    async def follows(self, name: str, mark: Mark) -> bool:
        """Whether the account of today is still that one, in every source: neither gone meanwhile nor, as
        a server admin say, come to be."""
        if len(mark) != len(self._sources):
            return False
        for source, part in zip(self._sources, mark, strict=True):
            there = await source.mark(name) is None if part is None else await source.follows(name, part)
            if not there:
                return False
        return True

    # -- the handlers; each gives None or NOBODY for a request that is not its business
    async def _basic(self, headers: Headers, address: str) -> Identity:
        await self.refresh()
        known = self._known(headers, address)
        if known is None:
            verified = await self._authenticated(headers.get("Authorization"), address)
            return NOBODY if verified is None else verified.identity
        return known

    def _known(self, headers: Headers, address: str) -> Identity | None:
        """What can be told at once: None where a password has to be looked at. Raises as `login`."""
        authorization = headers.get("Authorization")
        if authorization is None:
            return NOBODY
        if authorization.startswith(BEARER):
            _refuse_token(authorization)
        verified = self._remembered(self._digest(authorization), address)
        return None if verified is None else verified.identity

    async def _cookie(self, headers: Headers, address: str) -> Identity | None:
        value = cookie_value(headers.get("Cookie"))
        if not value:
            return None
        await self.refresh()
        standing = self._versions(session_name(value))  # before the look-up, as in `_verify`
        session = await self.sessions.find(value)
        if session is None:
            return None
        renew = session.credential if session.renew else None
        return Identity(session.user, "cookie", renew, standing=standing)

    async def _bearer(self, headers: Headers, address: str) -> Identity | None:
        authorization = headers.get("Authorization", "")
        if not authorization.startswith(BEARER):
            return None
        _refuse_token(authorization)
        return await self._believed(self._jwt.user(authorization.removeprefix(BEARER)), "jwt")

    async def _proxy(self, headers: Headers, address: str) -> Identity | None:
        user = proxied.user(headers, self.options)
        return None if user is None else await self._believed(user, "proxy")

    async def _believed(self, user: User, handler: str) -> Identity:
        """Somebody whom others vouch for, and who needs no account here. Raises Unauthorized for one whose
        account here is disabled."""
        name = user.name or ""
        await self.refresh()
        standing = self._standing(handler, name)  # before the look-up, as in `_verify`
        for source in self._sources:
            if await source.disabled(name):
                raise Unauthorized(DISABLED)
        return Identity(user, handler, standing=standing)

    # -- Basic, remembered
    def _digest(self, authorization: str) -> bytes:
        return hashlib.blake2b(authorization.encode("utf-8", "surrogateescape"), key=self._key).digest()

    def _remembered(self, digest: bytes, address: str) -> _Verified | None:
        """Raises LockedOut."""
        known = self._verified.get(digest)
        if known is None or self._clock() >= known.until:
            return None
        name = known.name
        if tuple([version(name) for version in self._version_of]) != known.identity.standing:
            return None
        if self._lockout.remembers:
            self._lockout.check(known.name, address)
            self._lockout.succeeded(known.name, address)
        return known

    async def _verify_once(self, digest: bytes, name: str, password: str, address: str) -> _Verified:
        """Requests of one address that arrive together with the same header share one verification."""
        key = (digest, address)
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._verify(digest, name, password, address))
            self._running[key] = task
            task.add_done_callback(lambda done: self._verified_once(key, done))
        return await asyncio.shield(task)

    def _verified_once(self, key: tuple[bytes, str], task: asyncio.Task[_Verified]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at here as well, since all who asked may have gone

    async def _verify(self, digest: bytes, name: str, password: str, address: str) -> _Verified:
        versions = self._versions(name)  # before the look-up: a change in between makes the entry stale
        user = await self.login(name, password, address)
        identity = Identity(user, "default", standing=versions)
        verified = _Verified(name, identity, self._clock() + REMEMBERED_SECONDS)
        self._verified[digest] = verified
        while len(self._verified) > REMEMBERED_MOST:
            self._verified.popitem(last=False)
        return verified

    def _versions(self, name: str) -> tuple[Hashable, ...]:
        return tuple([version(name) for version in self._version_of])

    def stands(self, identity: Identity) -> bool:
        """Whether nothing has changed of what was believed; an API token is always asked again."""
        if identity.user.name is None:
            return True
        if identity.handler in _CONFIGURED:
            return identity.standing == self._standing(identity.handler, identity.user.name)
        return identity.handler != "token" and identity.standing == self._versions(identity.user.name)

    def _standing(self, handler: str, name: str) -> tuple[Hashable, ...]:
        """The settings on which it rests who is believed, and what is known here of the account."""
        config = self.options.config()
        settings = [tuple(config.get(section, {}).items()) for section in _CONFIGURED[handler]]
        return (*settings, *self._versions(name))

    # -- where the hashes are
    async def _credential(self, name: str) -> Credential | None:
        found: Credential | None = None
        for source in self._sources:
            credential = await source.credential(name)
            if credential is not None and found is not None:
                roles = dict.fromkeys(found.user.roles + credential.user.roles)
                found = found._replace(user=User(name, tuple(roles)))
            found = found or credential
        return found


def _same(before: Identity, now: Identity) -> None:
    """Raises Unauthorized for another user, other roles, or a token that is good for something else."""
    if (now.user, now.grant) != (before.user, before.grant):
        raise Unauthorized(CHANGED)


def _second_factor(credential: Credential, given: str | None) -> bool:
    return credential.totp is None or credential.totp.check(given)


def _refuse_token(authorization: str) -> None:
    """To be anonymous without a word would hide from a client that its token is of no use here."""
    if authorization.startswith(BEARER) and is_token(authorization.removeprefix(BEARER)):
        raise Unauthorized("API tokens are for the registry itself, not for CouchDB's API.")
