"""Users that a proxy in front has authenticated and names in headers: off unless it is configured.

With `[chttpd_auth] proxy_use_secret` the proxy proves itself by a token, the hex HMAC of the user's name
under the server's secret. Without, whoever reaches the port is believed: CouchDB's default, and so ours.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html#proxy-authentication
"""

import hmac
import logging
from collections.abc import Mapping
from functools import lru_cache

from couchreg.auth.options import HASH_ALGORITHMS, Options
from couchreg.model.user import User

log = logging.getLogger(__name__)


def user(headers: Mapping[str, str], options: Options) -> User | None:
    """The user of the headers; None without them, or with a token that does not prove them."""
    name = headers.get(options.text("x_auth_username", "X-Auth-CouchDB-UserName"))
    if name is None:
        return None
    if options.flag("proxy_use_secret") and not _proved(name, headers, options):
        log.warning("A proxy has named a user without a valid token")
        return None
    roles = headers.get(options.text("x_auth_roles", "X-Auth-CouchDB-Roles"), "")
    return User(name, tuple(role.strip() for role in roles.split(",") if role.strip()))


def _proved(name: str, headers: Mapping[str, str], options: Options) -> bool:
    secret = options.text("secret")
    given = headers.get(options.text("x_auth_token", "X-Auth-CouchDB-Token"), "").lower()
    made = [
        hmac.digest(secret.encode(), name.encode("utf-8", "surrogateescape"), algorithm).hex()
        for algorithm in hash_names(options)
    ]
    right = [hmac.compare_digest(one.encode(), given.encode("utf-8", "replace")) for one in made]
    return bool(secret) and any(right)


def hash_names(options: Options) -> list[str]:
    """The HMAC algorithms that are taken, the first of them the one that signs: `hash_algorithms`."""
    return _known(options.text("hash_algorithms", "sha256, sha"))


@lru_cache(maxsize=16)
def _known(written: str) -> list[str]:
    known = [HASH_ALGORITHMS[name.strip()] for name in written.split(",") if name.strip() in HASH_ALGORITHMS]
    return known or ["sha256", "sha1"]
