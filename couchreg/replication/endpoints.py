"""One end of a replication as a user writes it: a URL, or an object with a URL, headers and credentials.

Owns what an endpoint may look like, where its credentials come from, and how it is shown without them.
Source: https://docs.couchdb.org/en/stable/replication/replicator.html
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from couchreg.errors import BadRequest
from couchreg.model.names import check_database_name

SCHEMES = ("http", "https")
INVALID = "endpoint has an invalid url"
_PORTS = {"http": 80, "https": 443}
_USUAL = (("http", 80), ("http", 5984), ("https", 443))
_NEVER_SENT = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_UNPRINTABLE = "".join(map(chr, [*range(32), 127]))
_NO_NAME = set(' ()<>@,;:\\"/[]?={}')


class Wrong(BadRequest):
    """What can be no replication, whoever asks for it. `_replicate` answers 400, a document 403."""


class WrongOption(Wrong):
    """The same, of an option; CouchDB prints these to documents as Erlang terms."""


class EndpointCredentials(NamedTuple):
    """`written` is the user as it stood in the URL, escapes included: it is part of the replication's id."""

    user: str
    password: str
    written: str

    def __repr__(self) -> str:
        return "Credentials(…)"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`url` has no credentials and ends with a slash (unless it has a query). `database` is set for a
    database of this server that was named without a URL; then `url` is that name."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # as given, no basic credentials
    credentials: EndpointCredentials | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    database: str | None = None

    @property
    def shown(self) -> str:
        """Without anything secret."""
        return self.url

    @property
    def shown_proxy(self) -> str | None:
        return None if self.proxy is None else _without_user(self.proxy)[0]


def parse_endpoint(value: Any, *, proxy: Any = "", local: bool = False) -> Endpoint:
    """`local`: a bare name means a database of this server. Raises Wrong."""
    if value is None:
        raise Wrong("Missing replicator database")
    if isinstance(value, str):
        if not value.startswith(("http://", "https://")):
            return _local(value, proxy, allowed=local)
        value = {"url": value}
    if not isinstance(value, dict):
        raise Wrong("An endpoint is a URL, or an object with a `url`.")
    url = _checked_url(value.get("url"))
    headers = _headers(value.get("headers"))
    bare, from_url = _without_user(url)
    headers, from_header = _without_basic(headers)
    credentials = _basic_of(value.get("auth")) or from_url or from_header
    return Endpoint(_slashed(bare), headers, credentials, _checked_proxy(proxy))


def packages_url(given: str, greeting: Mapping[str, Any]) -> str | None:
    """The address of the packages' database, where `given` is that, a registry, or the server of one, and
    greets so; None for anything else."""
    given = given.rstrip("/")
    if "db_name" in greeting:
        return given
    if "couchreg" in greeting:
        return f"{given}/_couch/registry"
    return f"{given}/registry" if "couchdb" in greeting else None


def _local(name: str, proxy: Any, *, allowed: bool) -> Endpoint:
    if not allowed:
        raise Wrong("local_endpoints_not_supported")
    try:
        check_database_name(name)
    except BadRequest:
        raise Wrong(INVALID) from None
    if proxy not in ("", None):
        raise Wrong("A database of this server is not reached through a proxy.")
    return Endpoint(name, database=name)


def _checked_url(url: Any, kind: str = "endpoint") -> str:
    wrong = Wrong(INVALID.replace("endpoint", kind))
    if not isinstance(url, str) or not url or not url.isascii() or any(c in url for c in _UNPRINTABLE + " "):
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise wrong
    return url


def _checked_proxy(proxy: Any) -> str | None:
    if proxy in ("", None):
        return None
    if isinstance(proxy, str) and proxy.startswith("socks5:"):
        raise Wrong("Proxies are reached by http and https here, not by socks5.")
    return _checked_url(proxy, "proxy")


def _slashed(url: str) -> str:
    return url if "?" in url or url.endswith("/") else url + "/"


def _without_user(url: str) -> tuple[str, EndpointCredentials | None]:
    parts = urlsplit(url)
    info, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, colon, password = info.partition(":")
    bare = urlunsplit(parts._replace(netloc=host))
    return bare, EndpointCredentials(unquote(user), unquote(password), user) if colon else None


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    """In the order of their names, as CouchDB keeps them. Raises Wrong."""
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Wrong("`headers` of an endpoint is an object of texts.")
    for name, text in value.items():
        if not name or not name.isascii() or not name.isprintable() or set(name) & _NO_NAME:
            raise Wrong("A header of an endpoint has a name that no header may have.")
        if any(char in text for char in _UNPRINTABLE.replace("\t", "")):
            raise Wrong("A header of an endpoint has a value that no header may have.")
        if name.lower() in _NEVER_SENT:
            raise Wrong(f"The header {name} is not the user's to set.")
    return tuple(sorted(value.items()))


def _without_basic(headers: tuple[tuple[str, str], ...]) -> tuple[Any, EndpointCredentials | None]:
    """The headers without basic credentials, and these; in CouchDB's order, which changes with them."""
    given = [text for name, text in headers if name.lower() == "authorization"]
    if not given:
        return headers, None
    scheme, _, encoded = given[0].partition(" ")
    lowered = sorted(headers, key=lambda header: header[0].lower())
    if scheme.lower() != "basic":
        return tuple(lowered), None
    rest = tuple(header for header in lowered if header[0].lower() != "authorization")
    try:
        user, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return rest, None
    return rest, EndpointCredentials(user, password, user) if colon else None


def _basic_of(auth: Any) -> EndpointCredentials | None:
    if auth is None:
        return None
    if not isinstance(auth, dict):
        raise Wrong("`auth` of an endpoint is an object.")
    basic = auth.get("basic")
    if not isinstance(basic, dict):
        return None
    user, password = basic.get("username"), basic.get("password")
    if not isinstance(user, str) or not isinstance(password, str):
        return None
    return EndpointCredentials(user, password, user)


def address(url: str) -> tuple[str, int | None, str]:
    """Host, port (None where it is the usual one), and path with query."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.removesuffix(f":{parts.port}").strip("[]")  # as it was written, in its own case
    return host, None if (parts.scheme, port) in _USUAL else port, path


def check_object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongOption(f"parameter `{name}` must be a JSON object")
    return value
