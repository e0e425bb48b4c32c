"""How much one address, or one account, may ask for: requests a minute and bytes an hour, 429 beyond that.

Whoever has logged in is counted by name, everybody else by address. A limit is a store that empties with each
request and fills again evenly, so a burst may use all of it at once. What is remembered is bounded; who has
not come for long is forgotten, with a full store.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from couchreg.errors import TooManyRequests
from couchreg.http.watching import Tell
from couchreg.journal.asking import Asked, Over
from couchreg.model.addresses import origin

REMEMBERED = 20_000  # addresses and accounts
MINUTE, HOUR = 60.0, 3600.0  # seconds
ACCOUNT, GUEST = "account", "guest"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one may have; 0 is no limit."""

    requests: int = 0  # a minute
    bytes: int = 0  # sent in an hour

    def __bool__(self) -> bool:
        return bool(self.requests or self.bytes)


class _Store:
    """Filled evenly, `full` within `seconds`."""

    __slots__ = ("_full", "_left", "_seconds", "_since")

    def __init__(self, full: int, seconds: float, now: float) -> None:
        self._full, self._seconds = full, seconds
        self._left, self._since = float(full), now

    def take(self, amount: float, now: float) -> None:
        """May leave less than nothing: what has been sent cannot be taken back."""
        filled = (now - self._since) * self._full / self._seconds
        self._left, self._since = min(float(self._full), self._left + filled) - amount, now

    def wait(self, amount: float) -> float:
        """Seconds until there is so much; 0 where there is."""
        return max(0.0, (amount - self._left) * self._seconds / self._full)


class RequestLimits:
    """Of both doors together. `clock` is in seconds."""

    def __init__(
        self, guests: Allowed, accounts: Allowed, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = {GUEST: guests, ACCOUNT: accounts}
        self._clock = clock
        self._stores: OrderedDict[tuple[str, str], tuple[_Store | None, _Store | None]] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether anybody is bounded: else no request need be looked at, which takes a while."""
        return any(self._allowed.values())

    def admit(self, kind: str, name: str) -> None:
        """Count a request. Raises TooManyRequests where there were too many, or too much was sent."""
        allowed = self._allowed[kind]
        if not allowed:
            return
        requests, sent = self._of(kind, name, allowed)
        now = self._clock()
        for store, amount, what in ((requests, 1.0, "requests"), (sent, 0.0, "bytes")):
            if store is None:
                continue
            store.take(0.0, now)
            wait = store.wait(amount)
            if wait > 0:
                raise TooManyRequests(_reason(kind, what), retry_after=math.ceil(wait))
            store.take(amount, now)

    def charge(self, kind: str, name: str, size: int) -> None:
        """Count bytes that were sent."""
        allowed = self._allowed[kind]
        if allowed.bytes:
            _, sent = self._of(kind, name, allowed)
            if sent is not None:
                sent.take(size, self._clock())

    def _of(self, kind: str, name: str, allowed: Allowed) -> tuple[_Store | None, _Store | None]:
        key = (kind, name)
        found = self._stores.pop(key, None)
        if found is None:
            now = self._clock()
            found = (
                _Store(allowed.requests, MINUTE, now) if allowed.requests else None,
                _Store(allowed.bytes, HOUR, now) if allowed.bytes else None,
            )
        self._stores[key] = found
        while len(self._stores) > REMEMBERED:
            self._stores.popitem(last=False)
        return found


def whose(asked: Asked) -> tuple[str, str]:
    """By what a request counts."""
    if asked.user is not None:
        return ACCOUNT, asked.user
    return GUEST, origin(asked.address)


def admit(asked: Asked, *, is_admin: bool) -> None:
    """Count a request, once it is known who asks; server admins are not counted. Raises TooManyRequests."""
    if asked.limits is not None and not is_admin:
        asked.limits.admit(*whose(asked))
        asked.counts = True


def charging(limits: RequestLimits) -> Tell:
    """Counts what was sent, when a request is over."""

    def tell(over: Over) -> None:
        if over.asked.counts:
            limits.charge(*whose(over.asked), over.size)

    return tell


def _reason(kind: str, what: str) -> str:
    if kind == GUEST:
        return f"Too many {what} without a login: try again later, or log in."
    return f"Too many {what} of your account: try again later."
