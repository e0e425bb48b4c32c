"""Cookies that prove a login, as CouchDB makes them: name and time, signed; nothing is stored.

The signature's key is the server's secret and the salt of the user's password hash, so a changed
password ends every session of that user. What the cookie looks like in a header is the door's.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html#cookie-authentication
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from couchreg.auth.login.proxied import hash_names
from couchreg.auth.options import SECTION, Config, Options
from couchreg.auth.passwords.credentials import Credential
from couchreg.docstore.base import ConfiguredStore
from couchreg.errors import BadRequest, Failure
from couchreg.model.user import User

COOKIE = "AuthSession"
TIMEOUT = 600  # seconds, unless `[chttpd_auth] timeout` says otherwise
RENEW_BELOW = 0.9  # of the timeout: with less left, an answer brings a new cookie

FindCredential = Callable[[str], Awaitable[Credential | None]]


class LoginSession(NamedTuple):
    """A cookie that is valid: who, and whether it should be renewed."""

    user: User
    renew: bool
    credential: Credential  # what a new cookie of theirs is made from


class LoginSessions:
    def __init__(
        self, config: Config, credential: FindCredential, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._options = Options(config)
        self._credential = credential
        self._clock = clock

    @property
    def timeout(self) -> int:
        """Seconds that a cookie lasts."""
        return self._options.number("timeout", TIMEOUT)

    def cookie(self, credential: Credential) -> str:
        """The value of a new cookie for a user who has just proved to have this credential.

        Raises Failure where somebody has taken the secret out of the settings.
        """
        if not self._options.text("secret"):
            raise Failure("cookie auth secret is not set", error="internal_server_error")
        data = f"{credential.user.name}:{int(self._clock()):X}".encode("utf-8", "surrogateescape")
        signed = data + b":" + self._sign(data, credential, hash_names(self._options)[0])
        return urlsafe_b64encode(signed).rstrip(b"=").decode()

    async def find(self, value: str) -> LoginSession | None:
        """The session of a cookie's value; None when it has run out or its user's password has changed.

        Raises BadRequest when it is no cookie of this kind at all.
        """
        name, data, written, signature = _parse(value)
        if not self._options.text("secret"):
            return None
        timeout = self.timeout
        left = written + timeout - int(self._clock())
        credential = await self._credential(name) if left > 0 else None
        if credential is None or not self._signed(data, credential, signature):
            return None
        return LoginSession(credential.user, left < timeout * RENEW_BELOW, credential)

    def _signed(self, data: bytes, credential: Credential, signature: bytes) -> bool:
        """Whether one of the algorithms that `hash_algorithms` lists gives this signature."""
        right = (self._sign(data, credential, algorithm) for algorithm in hash_names(self._options))
        return any(hmac.compare_digest(one, signature) for one in right)

    def _sign(self, data: bytes, credential: Credential, algorithm: str) -> bytes:
        key = self._options.text("secret").encode() + credential.hashed.salt
        return hmac.digest(key, data, algorithm)


def _parse(value: str) -> tuple[str, bytes, int, bytes]:
    """(name, what is signed, Unix time, signature). Raises BadRequest."""
    try:
        decoded = urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4))
        name, written, signature = decoded.split(b":", 2)
        return name.decode("utf-8", "surrogateescape"), name + b":" + written, int(written, 16), signature
    except ValueError:
        raise BadRequest("Malformed AuthSession cookie. Please clear your cookies.") from None


def session_name(value: str) -> str:
    """The name in a cookie's value, of which nothing is believed yet. Raises BadRequest."""
    return _parse(value)[0]


def cookie_value(header: str | None) -> str:
    """The session's value in a Cookie header, empty when there is none."""
    if header is None or COOKIE not in header:
        return ""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == COOKIE:
            return value.strip().strip('"')
    return ""


async def ensure_secret(store: ConfiguredStore) -> None:
    """Make the secret that signs cookies at the first start; it is kept with the server's settings."""
    if not store.config().get(SECTION, {}).get("secret"):
        await store.set_config(SECTION, "secret", secrets.token_hex(32))
