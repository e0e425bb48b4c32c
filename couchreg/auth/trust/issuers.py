"""The keys of the issuers that an operator trusts: fetched when a token is to be checked, and kept a while.

An issuer is asked at most once a minute, whatever tokens come: one with a key that nobody knows may be
anybody's. What it answers has bounds. While it cannot be reached its last keys are good for a day.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from couchreg.auth.trust.statements import Heading, Key, fitting
from couchreg.errors import BadRequest, CouchregError, Unauthorized, Unavailable
from couchreg.model import json

log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[bytes]]  # an address; raises Unavailable with a reason, and bounds the rest
FRESH: Final = 3_600.0  # seconds for which keys are not asked for again
STALE: Final = 86_400.0  # seconds for which they are good where the issuer cannot be reached
REST: Final = 60.0  # seconds between two times that an issuer is asked
MOST_KEYS: Final = 100
HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(slots=True)
class _Known:
    keys: Sequence[Key] = ()
    fetched: float | None = None  # monotonic seconds
    tried: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Issuers:
    """`named` are their addresses, exactly as tokens have them in `iss`."""

    def __init__(
        self, named: Sequence[str], fetch: Fetch, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known = {name: _Known() for name in named}

    @property
    def named(self) -> list[str]:
        return list(self._known)

    async def key(self, found: Heading) -> Key:
        """The key that a token has to be signed with. Raises Unauthorized, and Unavailable while the keys of
        its issuer cannot be had."""
        known = self._known.get(found.issuer)
        if known is None:
            raise Unauthorized("The issuer of this token is not trusted here.")
        if self._is_younger(known.fetched, FRESH):  # whoever has a key that is known waits for nobody's else
            key = fitting(known.keys, found)
            if key is not None:
                return key
        async with known.lock:  # whoever comes meanwhile has what was fetched
            key = fitting(known.keys, found)
            if not self._is_younger(known.fetched, FRESH) or key is None:
                await self._renew(found.issuer, known)
                key = fitting(known.keys, found)
        if key is None:
            raise Unauthorized("The token is signed with no key of its issuer.")
        return key

    async def _renew(self, issuer: str, known: _Known) -> None:
        """Raises Unavailable where there are no keys that are good."""
        if self._is_younger(known.tried, REST):
            if not self._is_younger(known.fetched, STALE):
                raise Unavailable("The keys of the issuer cannot be had now.", retry_after=60)
            return
        known.tried = self._clock()
        try:
            known.keys = await self._asked(issuer)
            known.fetched = self._clock()
        except CouchregError as error:
            log.warning("the keys of %s cannot be had: %s", issuer, error.reason)
            if not self._is_younger(known.fetched, STALE):
                raise Unavailable("The keys of the issuer cannot be had now.", retry_after=60) from error

    async def _asked(self, issuer: str) -> list[Key]:
        """Raises CouchregError."""
        about = _members(await self._fetch(issuer.rstrip("/") + "/.well-known/openid-configuration"))
        if about.get("issuer") != issuer:
            raise BadRequest("its configuration is that of another issuer")
        address = about.get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address, issuer):
            raise BadRequest("its configuration names no keys at an https:// address")
        keys = _members(await self._fetch(address)).get("keys")
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            raise BadRequest(f"its keys are no list of at most {MOST_KEYS}")
        return [key for key in keys if isinstance(key, dict)]

    def _is_younger(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and self._clock() < moment + seconds


def is_safe(address: str, issuer: str) -> bool:
    """Whether keys from an address may be believed: over HTTPS, or from this machine where the issuer itself
    is here and without HTTPS."""
    try:
        found = urlsplit(address)
        host = found.hostname or ""
    except ValueError:
        return False
    in_the_clear = found.scheme == "http" and host in HERE and issuer.startswith("http:")
    return bool(host) and (found.scheme == "https" or in_the_clear)


def _members(data: bytes) -> dict[str, Any]:
    found = json.decode(data)
    if not isinstance(found, dict):
        raise BadRequest("it answers with something else than a JSON object")
    return found
