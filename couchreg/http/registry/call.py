"""What an operation of the registry door gets: the request, who asks, and the registry."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from couchreg.http.registry.urls import base_url
from couchreg.model.user import User
from couchreg.registry.registry import Registry, Search

Authenticate = Callable[[str | None], Awaitable[User]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Services:
    """What the door stands on."""

    registry: Registry
    authenticate: Authenticate
    search: Search
    couch: Handler | None = None  # answers everything below /_couch, prefix and all
    public_url: str | None = None  # without it, addresses are made from the Host header


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in."""

    request: web.Request
    user: User
    services: Services

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def base(self) -> str:
        """The address of the registry as this client knows it. Raises BadRequest for a bad Host."""
        return base_url(self.request, self.services.public_url)

    def part(self, name: str) -> str:
        """A placeholder of the route, decoded."""
        return self.request.match_info[name]
