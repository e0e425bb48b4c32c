"""Logins of people at the pages: a random value in a cookie, and here who it stands for.

Kept in memory; `kept` and `resume` take them over a restart. A login is over when its person logs out, when
it has not been used for half a day, when the account has gone or is disabled, and when its password has
changed.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from couchreg.auth.login.authenticator import CHANGED, VISIT, Authenticator, Identity
from couchreg.errors import BadRequest, NotFound, Unauthorized
from couchreg.journal.asking import record

IDLE, LONGEST = 12 * 3600.0, 30 * 86_400.0  # seconds: unused, and in all
MOST = 10_000  # of all accounts; the one unused for longest goes first
MOST_EACH = 20  # of one account
_SIZE = 43  # characters of a value


@dataclass(slots=True)
class Visit:
    """One login. `key` is a hash of what the cookie holds; times are Unix seconds."""

    key: str
    name: str
    salt: bytes = field(repr=False)  # of the password that was proved
    address: str
    began: float
    used: float


class Visits:
    """The logins of all people."""

    def __init__(self, authenticator: Authenticator, *, clock: Callable[[], float] = time.time) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._found: OrderedDict[str, Visit] = OrderedDict()  # the one used last at the end

    def kept(self) -> bytes:
        """All of them, as `resume` takes them: nobody can log in with what is in there."""
        now = self._clock()
        return msgspec.json.encode([one for one in self._found.values() if not _over(one, now)])

    def resume(self, data: bytes) -> None:
        """Go on with those of before. What has become of accounts meanwhile is seen when somebody comes.
        Raises BadRequest for what cannot be read."""
        try:
            found = msgspec.json.decode(data, type=list[Visit])
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(f"these are no logins: {error}") from error
        now = self._clock()
        for one in found[-MOST:]:
            if not _over(one, now) and one.used <= now and one.began <= now:
                self._found[one.key] = one

    async def begin(self, name: str, password: str, address: str, *, totp: str | None = None) -> str:
        """The value of a new cookie for whoever knows this password. Raises as `Authenticator.prove`."""
        credential = await self._authenticator.prove(name, password, address, totp=totp)
        value, now = secrets.token_urlsafe(32), self._clock()
        visit = Visit(_key(value), credential.user.name or "", credential.hashed.salt, address, now, now)
        own = self.of(visit.name)
        for one in own[MOST_EACH - 1 :]:
            del self._found[one.key]
        self._found[visit.key] = visit
        while len(self._found) > MOST:
            self._found.popitem(last=False)
        record("visit.begin", name=visit.name, address=address or None)
        return value

    async def check(self, name: str, password: str, address: str, *, totp: str | None = None) -> None:
        """Whether somebody who has logged in still knows the password. Raises as `Authenticator.prove`."""
        await self._authenticator.prove(name, password, address, totp=totp)

    async def identify(self, value: str) -> Identity | None:
        """Who has this cookie; None for one that is good for nothing any more."""
        visit = self._alive(value)
        if visit is None:
            return None
        found = await self._authenticator.known(visit.name)
        if found is None or not hmac.compare_digest(found.salt, visit.salt):
            self._found.pop(visit.key, None)
            return None
        visit.used = self._clock()
        if visit.key in self._found:  # nobody has logged out meanwhile
            self._found.move_to_end(visit.key)
        return Identity(found.user, VISIT, standing=found.standing)

    async def confirm(self, identity: Identity, value: str) -> None:
        """Ask again, as `Authenticator.confirm`. Raises Unauthorized where it is somebody else, or nobody."""
        now = await self.identify(value)
        if now is None or now.user != identity.user:
            raise Unauthorized(CHANGED)

    def of(self, name: str) -> list[Visit]:
        """The logins of an account, the one used last at the beginning."""
        now = self._clock()
        return [one for one in reversed(self._found.values()) if one.name == name and not _over(one, now)]

    def end(self, value: str) -> None:
        """Log out."""
        visit = self._found.pop(_key(value), None)
        if visit is not None:
            record("visit.end", name=visit.name)

    def end_one(self, name: str, key: str) -> None:
        """Log an account out at one place. Raises NotFound."""
        if not any(one.key == key for one in self.of(name)):
            raise NotFound("That login has ended.")
        del self._found[key]
        record("visit.end", name=name)

    def end_others(self, name: str, value: str) -> None:
        """Log an account out everywhere but where this cookie is."""
        kept = _key(value)
        for one in self.of(name):
            if one.key != kept:
                del self._found[one.key]
        record("visit.end_others", name=name)

    # -- as a `Registrar` of the guard of `_users`: who is told of accounts
    async def edited(self, name: str) -> None:
        """A disabled account that is good again later has its password back, and no login of before."""
        with suppress(Unauthorized):  # its document is in conflict, which is no end
            if self._has(name) and await self._authenticator.known(name) is None:
                self._end_all(name)

    async def gone(self, name: str) -> None:
        self._end_all(name)

    async def admit(self, name: str) -> None:
        """Anybody may come."""

    async def holding(self, name: str) -> Sequence[str]:
        return ()

    async def rehashed(self, name: str, held: Sequence[str]) -> None:
        """Another password is noticed when somebody comes."""

    def _has(self, name: str) -> bool:
        return any(one.name == name for one in self._found.values())

    def _end_all(self, name: str) -> None:
        for key in [key for key, one in self._found.items() if one.name == name]:
            del self._found[key]

    def is_it(self, visit: Visit, value: str) -> bool:
        """Whether this is the login of that cookie."""
        return hmac.compare_digest(visit.key, _key(value))

    def _alive(self, value: str) -> Visit | None:
        if len(value) != _SIZE:
            return None
        visit = self._found.get(_key(value))
        if visit is not None and _over(visit, self._clock()):
            del self._found[visit.key]
            return None
        return visit


def _over(visit: Visit, now: float) -> bool:
    return now - visit.used > IDLE or now - visit.began > LONGEST


def _key(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
