"""What an operation of the registry door gets: the request, who asks, and the registry."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from couchreg.access.asking import Asker, asker_of
from couchreg.access.groups import Groups
from couchreg.analytics.asking import Asking
from couchreg.analytics.tables import Tables
from couchreg.auth.login.authenticator import VISIT, Identity
from couchreg.auth.login.pledges import Pledge, Pledges
from couchreg.auth.login.visits import Visits
from couchreg.auth.policy import (
    EVERYONE,
    REGISTRY,
    Rule,
    Security,
    authorize,
    has_no_members,
    without_owner_roles,
)
from couchreg.auth.tokens import Grant, Scope, Tokens
from couchreg.auth.trust.publishers import TrustedPublishers
from couchreg.auth.users.accounts import Accounts
from couchreg.auth.users.caring import Care
from couchreg.docstore.base import Attachment
from couchreg.errors import BadRequest, Forbidden, NotFound, NotImplementedHere, Unauthorized
from couchreg.followers.loop import Status
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.query import Query
from couchreg.graphs.asking import GraphAsking as Graphs
from couchreg.http.forwarded import Proxies
from couchreg.http.registry.frame.codings import Codings
from couchreg.http.registry.frame.cookies import visit_cookie
from couchreg.http.registry.frame.filling import Fillings
from couchreg.http.registry.frame.health import HealthPart
from couchreg.http.registry.frame.numbers import whole_number
from couchreg.http.registry.frame.overview import Overview, nothing_at_work
from couchreg.http.registry.frame.rendered import Renderings
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.frame.urls import base_url, is_secure
from couchreg.http.watching import Leaving, Watch
from couchreg.journal.openmetrics import text
from couchreg.model.addresses import origin
from couchreg.model.user import User
from couchreg.registry.publishing.direct import Addresses
from couchreg.registry.publishing.records import Record
from couchreg.registry.publishing.runs import Sender
from couchreg.registry.registry import Registry, Search
from couchreg.turns import Turns

NO_PROXIES = Proxies()
LOG_IN = "Log in to do this: with a user name and a password, or with a token."
Identify = Callable[[Mapping[str, str], str], Awaitable[Identity]]  # headers, address of the client
Confirm = Callable[[Identity, Mapping[str, str], str], Awaitable[None]]  # raises Unauthorized
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


Elsewhere = Callable[[Attachment], Awaitable[str | None]]  # where a file may be had without us


async def nowhere(file: Attachment) -> None:
    """Every file is had from us."""


Look = Callable[[Query, Sequence[str]], Awaitable[Found]]  # a question, and who asks


async def nothing_found(query: Query, askers: Sequence[str]) -> Found:
    """A registry without a search."""
    return Found(0, [], {name: [] for name in query.facets})


async def nobody_follows() -> Sequence[Status]:
    return ()


def no_replicas(detailed: bool) -> Sequence[Mapping[str, Any]]:
    """A registry that is no mirror."""
    return ()


async def unchanged(identity: Identity, headers: Mapping[str, str], address: str) -> None:
    """Everybody stays who they are."""


async def everyone() -> Security:
    """The registry is everybody's to read."""
    return EVERYONE


async def nothing_ails() -> Sequence[HealthPart]:
    return ()


async def nothing_measured() -> str:
    return text(())


def large_packages() -> Turns:
    """For answers about packages whose descriptors are large."""
    return Turns(3, waiting=200, waiting_of_one=50, what="answers about large packages", retry_after=5)


def long_files() -> Turns:
    """For files that are held and looked through as a whole."""
    return Turns(1, waiting=16, waiting_of_one=4, what="files to look through", retry_after=5)


@dataclass(frozen=True, slots=True)
class RegistryServices:
    """What the door stands on."""

    registry: Registry
    identify: Identify
    search: Search
    accounts: Accounts
    tokens: Tokens
    visits: Visits  # logins at the pages
    confirm: Confirm = unchanged  # asks again who it is that `identify` has found
    security: Callable[[], Awaitable[Security | None]] = everyone  # of the database `registry`
    user_required: Callable[[], bool] = bool  # whether nobody gets anything without a login
    couch: Handler | None = None  # answers everything below /_couch, prefix and all
    public_url: str | None = None  # without it, addresses are made from the Host header
    proxies: Proxies = NO_PROXIES
    elsewhere: Elsewhere = nowhere
    uploads: Addresses | None = None  # of a bucket; without one files are uploaded to us
    upload_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))  # signs our addresses
    look: Look = nothing_found
    followers: Callable[[], Awaitable[Sequence[Status]]] = nobody_follows  # how far they have come
    replicas: Callable[[bool], Sequence[Mapping[str, Any]]] = no_replicas  # what is mirrored; with details
    leaving: Leaving = field(default_factory=Leaving)
    large: Turns = field(default_factory=large_packages)
    looking: Turns = field(default_factory=long_files)
    codings: Codings = field(default_factory=Codings)
    rendered: Renderings = field(default_factory=Renderings)
    fillings: Fillings = field(default_factory=Fillings)
    pledges: Pledges | None = None  # for publishes that outlive their requests
    publish_wait: float = 60  # seconds
    tables: Tables | None = None  # that can be asked, where there are any
    asking: Asking | None = None
    graphs: Graphs | None = None  # that can be asked
    care: Care | None = None  # for accounts of others
    trust: TrustedPublishers | None = None  # jobs elsewhere that publish
    groups: Groups | None = None  # of accounts, which are given rights together
    health: Callable[[], Awaitable[Sequence[HealthPart]]] = nothing_ails
    metrics: Callable[[], Awaitable[str]] = nothing_measured
    overview: Callable[[], Awaitable[Overview]] = nothing_at_work


@dataclass(slots=True)
class Audience:
    """Who may have the answer to a request; nobody else, until it has been found out."""

    must_log_in: bool = True
    is_everyone: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and who has been believed to send it."""

    request: web.Request
    identity: Identity
    services: RegistryServices
    route: Route
    held: AsyncExitStack = field(default_factory=AsyncExitStack)  # until the answer has gone
    audience: Audience = field(default_factory=Audience)
    places: set[str] = field(default_factory=set)  # whose place among the large ones it has

    async def room(self) -> None:
        """Few large documents are held at once, however slowly their answers are read: waits for a place, and
        has it until the answer has gone. It is for one answer, about however many packages: who has one and
        waited for another would wait for itself. Raises TooManyRequests, Unavailable."""
        asker = origin(self.address)
        if asker not in self.places:
            await self.held.enter_async_context(self.services.large.take(asker))
            self.places.add(asker)

    async def decide(self) -> None:
        """Whether they may, by the same rules as at the couch door. Raises Unauthorized, Forbidden."""
        self.audience.must_log_in = self.services.user_required()
        free = self.route.signed or self.route.free or self.route.front
        if self.audience.must_log_in and self.user.name is None and not free:
            raise Unauthorized(LOG_IN)
        try:
            authorize(self.route.rule, self.user)
            if self.route.in_registry and not self.route.signed:
                await self.admit()
        except Unauthorized as error:
            if self.identity.handler == VISIT:  # a login at the pages is there: another would change nothing
                raise Forbidden(error.reason) from None
            raise Unauthorized(LOG_IN if self.user.name is None else error.reason) from None
        self._check_token()

    async def admit(self) -> None:
        """Raises Unauthorized, Forbidden for those who may not read the database `registry`."""
        security = await self.services.security()
        is_open = security is not None and has_no_members(security)
        self.audience.is_everyone = is_open and not self.audience.must_log_in
        if not is_open and not self.user.is_admin:
            user = await self.registry.owners.with_roles(without_owner_roles(self.user))
            authorize(Rule.MEMBER, user, REGISTRY, security)

    async def confirm(self) -> None:
        """Decide again, about the same person: when a body is here, and before anything is written.

        A body may take hours, or be held back on purpose. Meanwhile an account goes, is made anew by
        somebody else, changes its password, or is no admin any more.
        """
        if self.identity.handler == VISIT:
            await self.services.visits.confirm(self.identity, self.visit)
        else:
            await self.services.confirm(self.identity, self.request.headers, self.address)
        await self.decide()

    def _check_token(self) -> None:
        """Raises Forbidden for a token that is not good for this route, or for the package in its path."""
        if self.grant is None:
            return
        if self.route.package_in_body:  # the operation asks again, with the package
            self.grant._replace(packages=()).require(self.route.needs)
        else:
            self.grant.require(self.route.needs, self.request.match_info.get("name"))

    @property
    def user(self) -> User:
        return self.identity.user

    @property
    def asker(self) -> Asker:
        """As whom they ask for packages."""
        return asker_of(self.user, self.grant.packages if self.grant is not None else ())

    @property
    def is_secure(self) -> bool:
        """Whether the client speaks HTTPS."""
        return is_secure(self.request, self.services.public_url, self.services.proxies)

    @property
    def visit(self) -> str:
        """What the cookie of a login at the pages holds, believed or not; empty where there is none."""
        return visit_cookie(self.request.headers, secure=self.is_secure)

    @property
    def grant(self) -> Grant | None:
        """What the request's token is good for; None for one made with a password, or by nobody."""
        return self.identity.grant

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.services.proxies.address(self.request)

    async def pledge(self) -> Any:
        """What tells later whose publish this is, as JSON. Raises Unauthorized for nobody."""
        if self.services.pledges is None:
            raise NotImplementedHere
        return msgspec.to_builtins(await self.services.pledges.take(self.identity))

    @property
    def sender(self) -> Sender:
        """Whoever sends a package in this request."""
        return Sender(self.user, self.confirm, self.pledge, self.askers, self.allow)

    def allow(self, package: str) -> None:
        """Raises Forbidden for a token that may not publish this package."""
        if self.grant is not None:
            self.grant.require(Scope.PUBLISH, package)

    async def is_mine(self, record: Record) -> bool:
        """Whether a publish is of the account that asks."""
        if self.services.pledges is None or record.user != self.user.name:
            return False
        pledge = msgspec.convert(record.pledge, Pledge)
        return await self.services.pledges.belongs(pledge, self.identity)

    def while_there(self) -> Watch:
        """A context for work that ends when the client goes; see `Leaving.watch`."""
        return self.services.leaving.watch(self.request)

    @property
    def askers(self) -> tuple[str, ...]:
        """Whose turn it has to be for work that many want at once: the user's and its network's."""
        network = f"network {origin(self.address)}"
        return (f"user {self.user.name}", network) if self.user.name else (network,)

    async def look(self, query: Query) -> Found:
        """Ask the search. Raises TooManyRequests, Unavailable."""
        return await self.services.look(query, self.askers)

    async def most_downloaded(self) -> Iterable[tuple[str, int]]:
        """Packages and how often they were downloaded of late, the most first."""
        return await self.registry.downloads.most()

    @property
    def tables(self) -> Tables:
        """Raises NotFound where none can be asked."""
        if self.services.tables is None:
            raise NotFound("Tables cannot be asked here: the operator has turned --analytics off.")
        return self.services.tables

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def base(self) -> str:
        """The address of the registry as this client knows it. Raises BadRequest for a bad Host."""
        return base_url(self.request, self.services.public_url, self.services.proxies)

    def number(self, name: str, default: int, most: int) -> int:
        """A number of the query string. Raises BadRequest when it is none or out of bounds."""
        text = self.request.query.get(name)
        if not text:  # where a template of an address has a place for it
            return default
        found = whole_number(text, most)
        if found is None:
            raise BadRequest(f"“{name}” must be a number from 0 to {most}.")
        return found

    def part(self, name: str) -> str:
        """A placeholder of the route, decoded."""
        return self.request.match_info[name]
