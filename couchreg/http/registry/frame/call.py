"""What an operation of the registry door gets: the request, who asks, and the registry."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from couchreg.auth.login.authenticator import Identity
from couchreg.auth.tokens import Grant, Tokens
from couchreg.auth.users.accounts import Accounts
from couchreg.docstore.base import Attachment
from couchreg.followers.loop import Status
from couchreg.http.forwarded import Proxies
from couchreg.http.registry.frame.urls import base_url
from couchreg.model.user import User
from couchreg.registry.publishing.direct import Addresses
from couchreg.registry.registry import Registry, Search

NO_PROXIES = Proxies()
Identify = Callable[[Mapping[str, str], str], Awaitable[Identity]]  # headers, address of the client
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


Elsewhere = Callable[[Attachment], Awaitable[str | None]]  # where a file may be had without us


async def nowhere(file: Attachment) -> None:
    """Every file is had from us."""


async def nobody_follows() -> Sequence[Status]:
    return ()


@dataclass(frozen=True, slots=True)
class Services:
    """What the door stands on."""

    registry: Registry
    identify: Identify
    search: Search
    accounts: Accounts
    tokens: Tokens
    couch: Handler | None = None  # answers everything below /_couch, prefix and all
    public_url: str | None = None  # without it, addresses are made from the Host header
    proxies: Proxies = NO_PROXIES
    elsewhere: Elsewhere = nowhere
    uploads: Addresses | None = None  # of a bucket; without one files are uploaded to us
    upload_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))  # signs our addresses
    followers: Callable[[], Awaitable[Sequence[Status]]] = nobody_follows  # how far they have come


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in."""

    request: web.Request
    identity: Identity
    services: Services

    @property
    def user(self) -> User:
        return self.identity.user

    @property
    def grant(self) -> Grant | None:
        """What the request's token is good for; None for one made with a password, or by nobody."""
        return self.identity.grant

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.services.proxies.address(self.request)

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def base(self) -> str:
        """The address of the registry as this client knows it. Raises BadRequest for a bad Host."""
        return base_url(self.request, self.services.public_url, self.services.proxies)

    def part(self, name: str) -> str:
        """A placeholder of the route, decoded."""
        return self.request.match_info[name]
