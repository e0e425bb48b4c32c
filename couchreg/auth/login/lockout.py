"""After several wrong passwords for a name, its login is closed for a while: to the network they came from.

Elsewhere the name still works, so nobody can lock somebody else out. What is remembered is bounded, and
over when nothing has failed for `[chttpd_auth_lockout] max_lifetime` milliseconds.

Source: https://docs.couchdb.org/en/stable/config/auth.html#automatic-user-lockout
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from couchreg.auth.options import Config, number
from couchreg.errors import LockedOut
from couchreg.model.addresses import origin

log = logging.getLogger(__name__)

SECTION = "chttpd_auth_lockout"
THRESHOLD, MOST, LIFETIME = 5, 10_000, 300_000  # failures, pairs of name and address, milliseconds


class _Failures(NamedTuple):
    times: int
    until: float


class Lockout:
    """`mode` is `enforce`, `warn` (which only logs) or `off`."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._failed: OrderedDict[bytes, _Failures] = OrderedDict()
        self.remembers: Mapping[bytes, object] = self._failed  # empty: there is nothing to check

    def check(self, name: str, address: str) -> None:
        """Raises LockedOut, which says when to come again."""
        failed = self._failed.get(_key(name, address)) if self._failed else None
        if failed is None or failed.times < self._number("threshold", THRESHOLD):
            return
        left = failed.until - self._clock()
        if left <= 0 or self._mode == "off":
            return
        log.warning("%r has failed to log in %d times from %s", name, failed.times, address)
        if self._mode != "warn":
            raise LockedOut(retry_after=math.ceil(left))

    def failed(self, name: str, address: str) -> None:
        """A wrong password: the time runs anew."""
        key, now = _key(name, address), self._clock()
        before = self._failed.pop(key, _Failures(0, now))
        count = before.times + 1 if before.until > now else 1
        self._failed[key] = _Failures(count, now + self._number("max_lifetime", LIFETIME) / 1000)
        while len(self._failed) > self._number("max_objects", MOST):
            self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Whoever has the password is not guessing."""
        if self._failed:
            self._failed.pop(_key(name, address), None)

    @property
    def _mode(self) -> str:
        return self._config().get(SECTION, {}).get("mode", "enforce")

    def _number(self, key: str, default: int) -> int:
        return number(self._config().get(SECTION, {}).get(key, ""), default, least=1)


def _key(name: str, address: str) -> bytes:
    """A name may be as long as a header; what is remembered of it is not. An IPv6 client has a whole /64."""
    text = f"{origin(address)}\0{name}".encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=16).digest()
