"""API tokens: what scripts log in with at the registry door, with less than their user may.

A token is shown once, when it is made. Kept of it is a hash, with its user in a note beside `_users` that
no client can read: `couchreg_<user, base64url>_<id>_<secret>` finds its record without a search. A token
lives no longer than its account: it says which one of its name it belongs to, so that it ends however that
goes, and comes to nobody who has the name later. A revoked one ends with the request that revokes it.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

import msgspec

from couchreg.auth.policy import USERS
from couchreg.docstore.base import Store
from couchreg.docstore.named import NamedNotes
from couchreg.errors import BadRequest, Conflict, CouchregError, Forbidden, NotFound, Unauthorized
from couchreg.journal.asking import record
from couchreg.model.user import ADMIN_ROLE, User

log = logging.getLogger(__name__)

DAY = 86_400.0
MOST_NOTED = 10_000  # tokens of which it is remembered that their use is written
PREFIX = "couchreg_"
WRONG = "This token is not valid: it is unknown, has expired or was revoked."
MOST = 100  # tokens of one user
MOST_PATTERNS, LONGEST_PATTERN, LONGEST_LABEL = 50, 214, 100
MOST_SECONDS = 10 * 366 * 86_400
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-*?")

Mark = tuple[str | None, ...]  # of an account that there is; opaque here


class TokenHolders(Protocol):
    """Whose tokens they are."""

    async def user(self, name: str) -> User | None:
        """The account of a name as it is now."""

    async def mark(self, name: str) -> Mark:
        """What tells this account from the next one of its name."""

    async def follows(self, name: str, mark: Mark) -> bool:
        """Whether the account of today is the one that had this mark."""


class Scope(StrEnum):
    """What a token is good for; each includes those before it."""

    READ = "read"
    PUBLISH = (
        "publish"  # publish, delete (not for good), tag, deprecate and yank versions; not: change owners
    )
    ADMIN = "admin"  # all that its user may


_ORDER = (Scope.READ, Scope.PUBLISH, Scope.ADMIN)


class Grant(NamedTuple):
    """How much of what its user may a token gives."""

    id: str
    scope: Scope
    packages: tuple[str, ...] = ()  # patterns with `*` and `?`; none: all packages
    expires: float | None = None  # Unix seconds, None for one that does not

    def require(self, scope: Scope, package: str | None = None) -> None:
        """Raises Forbidden, in a sentence that says what is lacking.

        Name the `package` for whatever changes one: a token with patterns changes nothing outside them.
        """
        if _ORDER.index(self.scope) < _ORDER.index(scope):
            raise Forbidden(
                f"This needs a token with the scope {scope}; the scope of this one is {self.scope}."
            )
        if not self.packages or scope is Scope.READ:
            return
        if package is None:
            raise Forbidden("This token is for certain packages only.")
        if not any(fnmatchcase(package, pattern) for pattern in self.packages):
            raise Forbidden(f"This token is not for the package {package!r}.")


class ApiToken(msgspec.Struct, frozen=True):
    """What is kept, and but for `hash` and `account` shown to its user. Times are Unix seconds."""

    id: str
    hash: str  # SHA-256 of the secret, hex: 256 random bits need no slow hash
    scope: Scope
    packages: tuple[str, ...]
    label: str
    created: float
    expires: float | None
    account: Mark = ()  # a name may be somebody else's tomorrow
    used: float | None = None  # the beginning of the last day on which somebody came with it

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        del found["hash"], found["account"]
        return found


_Stored = list[ApiToken]  # `list` is a method of those who have some


class Tokens:
    """The tokens of all users."""

    def __init__(
        self,
        store: Store,
        accounts: TokenHolders,
        *,
        clock: Callable[[], float] = time.time,
        lifetime: float | None = None,
    ) -> None:
        """`lifetime`: seconds of a token where nobody says how many; None: until it is revoked."""
        self.lifetime = lifetime
        self._notes = NamedNotes(store, USERS)
        self._used: dict[tuple[str, str], float] = {}  # user and id -> the day that was written, or tried
        self._writes: set[asyncio.Task[None]] = set()
        self._accounts = accounts
        self._clock = clock
        self._writing = asyncio.Lock()

    async def create(
        self,
        user: User,
        scope: str,
        *,
        packages: Sequence[str] = (),
        lifetime: float | None = None,
        label: str = "",
        until: float | None = None,
    ) -> tuple[str, ApiToken]:
        """A new token of a user: its text, never to be had again, and its record.

        `lifetime` is in seconds, None for a token that does not expire; after `until`, a moment in Unix
        seconds, it does in any case. Raises BadRequest for a scope, a
        pattern, a lifetime or a label that cannot be, Conflict for a user with too many, Unauthorized for
        nobody.
        """
        if user.name is None:
            raise Unauthorized("Log in to make a token.")
        secret, token_id = secrets.token_hex(32), secrets.token_hex(6)
        now = self._clock()
        ends = [] if lifetime is None else [now + _lifetime(lifetime)]
        token = ApiToken(
            token_id,
            _hash(secret),
            _scope(scope),
            _patterns(packages),
            _label(label),
            now,
            min(ends if until is None else [*ends, until], default=None),
            await self._accounts.mark(user.name),
        )
        async with self._writing:
            gone = await self._gone(user.name)

            def add(stored: _Stored) -> _Stored:
                kept = [one for one in stored if one.id not in gone]
                if len(kept) >= MOST:
                    raise Conflict(f"There are {MOST} tokens already; revoke one first.")
                return [*kept, token]

            await self._change(user.name, add)
        record("token.create", id=token.id, scope=token.scope, packages=token.packages, owner=user.name)
        return f"{PREFIX}{_encoded(user.name)}_{token_id}_{secret}", token

    async def list(self, name: str) -> list[ApiToken]:
        """The tokens of a user that are good for something, oldest first."""
        found = await self._stored(name)
        return [token for token in found if self._lives(token) and await self._follows(name, token)]

    async def _stored(self, name: str) -> _Stored:
        return msgspec.convert(await self._notes.read(_note(name)) or [], _Stored)

    async def _gone(self, name: str) -> set[str]:
        """The ids of those that are stored and good for nothing, which they never will be again."""
        stored, good = await self._stored(name), await self.list(name)
        return {token.id for token in stored} - {token.id for token in good}

    async def revoke(self, name: str, token_id: str) -> None:
        """End one token of a user, now. Raises NotFound."""
        async with self._writing:
            gone = await self._gone(name)

            def remove(stored: _Stored) -> _Stored:
                kept = [token for token in stored if token.id not in gone]
                left = [token for token in kept if token.id != token_id]
                if len(left) == len(kept):
                    raise NotFound("There is no such token.")
                return left

            await self._change(name, remove)
        record("token.revoke", id=token_id, owner=name)

    async def revoke_all(self, name: str) -> None:
        """End all of a user: the account is gone, or its owner wants to be sure."""
        async with self._writing:
            if await self._notes.read(_note(name)):
                await self._change(name, lambda stored: [])
                record("token.revoke_all", owner=name)

    async def carry_over(self, name: str, ids: Collection[str]) -> None:
        """These tokens of a user stay good although the account was changed: it is the same."""
        if not ids:
            return
        async with self._writing:
            now = await self._accounts.mark(name)
            await self._change(
                name,
                lambda stored: [
                    msgspec.structs.replace(one, account=now) if one.id in ids else one for one in stored
                ],
            )

    async def authenticate(self, text: str) -> tuple[User, Grant]:
        """Whose token this is, with the roles that it gives. Raises Unauthorized for any but a valid one."""
        name, token_id, secret = _parts(text)
        given = _hash(secret)
        for token in await self.list(name):
            if token.id == token_id and hmac.compare_digest(token.hash, given):
                user = await self._accounts.user(name)
                if user is not None:
                    self._use(name, token)
                    return limited(user, token.scope), Grant(
                        token.id, token.scope, token.packages, token.expires
                    )
        raise Unauthorized(WRONG)

    def _use(self, name: str, token: ApiToken) -> None:
        """Write down the day on which a token is used: once a day, and nobody waits for it."""
        today = self._clock() // DAY * DAY
        key = (name, token.id)
        if token.used == today or self._used.get(key) == today:
            return
        if len(self._used) >= MOST_NOTED:
            self._used.clear()  # some days are written again
        self._used[key] = today
        task = asyncio.create_task(self._write_use(name, token.id, today), name="last use of a token")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write_use(self, name: str, token_id: str, today: float) -> None:
        try:
            async with self._writing:
                await self._change(
                    name,
                    lambda stored: [
                        msgspec.structs.replace(one, used=today) if one.id == token_id else one
                        for one in stored
                    ],
                )
        except CouchregError as error:
            log.warning("It is not written down that the token %s was used: %s", token_id, error.reason)

    async def close(self) -> None:
        """Until what is to be written is written."""
        while self._writes:
            await asyncio.wait(self._writes)

    async def _change(self, name: str, change: Callable[[_Stored], _Stored]) -> None:
        """Change what is stored, whoever else does so too. What `change` raises leaves it."""

        def changed(stored: Any) -> Any:
            return msgspec.to_builtins(change(msgspec.convert(stored or [], _Stored))) or None

        await self._notes.change(_note(name), changed)

    async def _follows(self, name: str, token: ApiToken) -> bool:
        return await self._accounts.follows(name, token.account)

    def _lives(self, token: ApiToken) -> bool:
        return token.expires is None or self._clock() < token.expires


def is_token(text: str) -> bool:
    """Whether a bearer's text is one of these, rather than a JWT or anything else."""
    return text.startswith(PREFIX)


def limited(user: User, scope: Scope) -> User:
    """Less than `admin` never makes a server admin."""
    if scope is Scope.ADMIN:
        return user
    return User(user.name, tuple(role for role in user.roles if role != ADMIN_ROLE))


def _parts(text: str) -> tuple[str, str, str]:
    """(user, id, secret) of a token's text. Raises Unauthorized."""
    pieces = text.removeprefix(PREFIX).rsplit("_", 2)
    if len(pieces) != 3 or len(text) > 1000 or not is_token(text):
        raise Unauthorized(WRONG)
    encoded, token_id, secret = pieces
    try:
        name = urlsafe_b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4)).decode()
    except ValueError:
        raise Unauthorized(WRONG) from None
    return name, token_id, secret


def _encoded(name: str) -> str:
    return urlsafe_b64encode(name.encode()).rstrip(b"=").decode()


def _note(name: str) -> str:
    return f"tokens:{name}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise BadRequest(f"The scope of a token must be one of {', '.join(_ORDER)}.") from None


def _patterns(given: Sequence[str]) -> tuple[str, ...]:
    if len(given) > MOST_PATTERNS:
        raise BadRequest(f"A token may have at most {MOST_PATTERNS} package patterns.")
    for pattern in given:
        right = isinstance(pattern, str) and 0 < len(pattern) <= LONGEST_PATTERN
        if not right or not _CHARACTERS.issuperset(pattern):
            raise BadRequest(
                "A package pattern must be a package's name, in which * and ? stand for anything."
            )
    return tuple(given)


def _lifetime(seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        raise BadRequest("The lifetime of a token must be a number of seconds, ten years at most.")
    return seconds


def _label(text: str) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_LABEL or not text.isprintable():
        raise BadRequest(f"The label of a token must be one line of at most {LONGEST_LABEL} characters.")
    return text
