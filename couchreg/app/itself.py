"""Which URLs lead to this very server: a replication between its own databases needs no HTTP.

Only for who would be an administrator there: whom else a door lets in, and to what, is the door's to say.
"""

import socket
from urllib.parse import unquote, urlsplit

import aiohttp

from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.policy import REGISTRY
from couchreg.errors import CouchregError
from couchreg.model.user import User
from couchreg.replication.endpoints import Endpoint
from couchreg.replication.local import Reached

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", LOOPBACK)  # noqa: S104 — what it is compared with


class OwnAddresses:
    """The couch door's address on the loopback interface, where it has one."""

    def __init__(self, auth: Authenticator, listener: socket.socket, *, encrypted: bool) -> None:
        """`listener` of the couch door, and whether it speaks TLS."""
        self._auth = auth
        self._port: int | None = None
        if listener.family == socket.AF_INET and not encrypted:
            host, port = listener.getsockname()
            self._port = port if host in _EVERYWHERE else None

    async def reached(self, end: Endpoint) -> Reached | None:
        """The database of this server at an endpoint, for an administrator of it; None for any other.

        A wrong login is None, too: it is told by the door, in its own words.
        """
        name = self._database(end)
        user = None if name is None else await self._user(end)
        return Reached(name, user) if name is not None and user is not None and user.is_admin else None

    def _database(self, end: Endpoint) -> str | None:
        parts = urlsplit(end.url)
        if end.headers or end.proxy is not None or parts.scheme != "http" or parts.query:
            return None
        if parts.hostname != LOOPBACK or parts.port is None or parts.port != self._port:
            return None
        segment = parts.path.removeprefix("/").removesuffix("/")
        name = "" if "/" in segment else unquote(segment)
        # The doors have rules of their own for packages and for databases of the system.
        return name if name and not name.startswith("_") and name != REGISTRY else None

    async def _user(self, end: Endpoint) -> User | None:
        if end.credentials is None or ":" in end.credentials.user:
            return None
        header = aiohttp.encode_basic_auth(end.credentials.user, end.credentials.password)
        try:  # as the door does, by the handlers that the settings name
            return (await self._auth.identify({"Authorization": header}, LOOPBACK)).user
        except CouchregError:
            return None
