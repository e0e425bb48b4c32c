"""One request on its way through the couch door: what an operation gets as its only argument."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from couchreg.access.asking import asker_of
from couchreg.access.seen import SeenDatabase
from couchreg.auth.guards.checkpoints import sender_of
from couchreg.auth.guards.registry_view import RegistryView
from couchreg.auth.guards.user_view import UserView
from couchreg.auth.login.authenticator import NOBODY
from couchreg.auth.policy import (
    ADMINS_ONLY,
    REGISTRY,
    USERS,
    Rule,
    authorize,
    is_database_admin,
    without_owner_roles,
)
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import ConfiguredStore, Database
from couchreg.errors import BadRequest
from couchreg.http.couch.frame import body, params
from couchreg.http.couch.frame.body import Allowance
from couchreg.http.couch.frame.responses import JSON_TYPE, Headers, start_stream
from couchreg.http.couch.frame.services import CouchServices
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.http.forwarded import STANDARD, Names
from couchreg.journal.asking import UNDER_WAY, Asked
from couchreg.model import json
from couchreg.model.addresses import origin
from couchreg.model.user import ANONYMOUS, User
from couchreg.replication.guarding import ReplicatorView, holds_replications
from couchreg.turns import TimeSlice

FEW = 8 << 10  # bytes of JSON that take no time, whatever they are
LARGE_BODY = 4 << 20  # bytes of a body from which on one at a time is made something of
LARGE = 256 << 10  # bytes of an answer that are not gathered, not sent to many at once, and of one write
_PRIVATE = (("Cache-Control", "private"), ("Vary", "Authorization, Cookie"))  # beside what is said of caches


async def _nowhere(
    ctx: "Context", request: web.BaseRequest, partition: str | None = None
) -> web.StreamResponse:
    raise NotImplementedError("the door says where requests go")


class Again(Protocol):
    """Answers what another request has led to; with `partition` what stands behind that name in its path."""

    async def __call__(
        self, before: "Context", request: web.BaseRequest, partition: str | None = None, /
    ) -> web.StreamResponse: ...


class Context:
    """`method` is the one asked for after X-HTTP-Method-Override, with HEAD as GET (`is_head` tells);
    `parts` are the decoded path parts, `match` those that the row's placeholders took:
    `{db}`, `{docid}` (with its `_design/` or `_local/`), `{attachment}` (parts joined by "/") …

    `db` is the database of the path as the one who asks sees it, opened by `decide` for operations that have
    one (all below `/{db}` but those that make and delete it).
    """

    db: Database

    # What most requests leave as it is: a class has these at no cost for each of them.
    method = ""
    is_head = False
    raw_path = ""
    raw_query = ""
    identity = NOBODY  # who has been believed to send this
    user: User = ANONYMOUS  # the same, with the roles that count in the database
    rule = Rule.PUBLIC  # by which it was decided that they may
    in_database = False
    received = 0  # bytes of the body, unpacked, once it is here
    asks = False  # whether nothing is written, whatever the request says
    publishes = False  # whether documents of this request are publications: see `documents/incoming.py`
    address = ""  # the client's, as far as it is known
    callback = ""  # the function that a JSON answer is to be wrapped in (JSONP)
    rewritten = 0  # how often a design document has sent this request on
    # Answers the request as a design document has rewritten it, or of a partition.
    again: Again = staticmethod(_nowhere)
    _pairs: list[tuple[str, str]] | None = None
    _query: dict[str, str] | None = None
    _settings: CouchSettings | None = None
    _meaning: str | None = None
    _allowance: Allowance | None = None

    def __init__(self, services: CouchServices, request: web.BaseRequest, prefix: str) -> None:
        self.services = services
        self.request = request
        self.prefix = prefix
        asked = UNDER_WAY.get()  # there is none where nobody looks after the requests of a door
        self.asked = asked if asked is not None and asked.began else Asked("couch", request.headers, None)
        self.parts: list[str] = []
        self.match: dict[str, str] = {}
        self.headers: list[tuple[str, str]] = []  # to be added to whatever is answered (CORS)
        self.credentials = request.headers  # those that `identity` was told from

    # -- where things are
    @property
    def store(self) -> ConfiguredStore:
        return self.services.store

    @property
    def attachments(self) -> Attachments:
        return self.services.attachments

    @property
    def settings(self) -> CouchSettings:
        """As they were when this request first asked. Those of this moment: `services.settings`."""
        if self._settings is None:
            self._settings = self.services.settings.now()
        return self._settings

    @property
    def meaning(self) -> str:
        """The name of the path's database, `_users` for the one whose users log in; "" without one."""
        if self._meaning is None:
            self._meaning = self.services.meaning(self.match.get("db", ""))
        return self._meaning

    @property
    def doc_id(self) -> str:
        return self.match["docid"]

    # -- the query string
    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's parameters in order, repeated ones repeated."""
        if self._pairs is None:
            self._pairs = params.parse_query(self.raw_query) if self.raw_query else []
        return self._pairs

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of repeated ones the first, as CouchDB's `qs_value`."""
        if self._query is None:
            self._query = dict(reversed(self.pairs))
        return self._query

    def within(self, partition: str) -> None:
        """Take `/{db}/_partition/{partition}/…` for what stands behind it, asked of that partition."""
        self.parts = [self.parts[0], *self.parts[3:]]
        others = [pair for pair in self.pairs if pair[0] != "partition"]
        self._pairs, self._query = [("partition", partition), *others], None
        self.raw_query = self.raw_query or "partition"  # there is a query now

    def query_json(self, name: str) -> Any:
        """A parameter whose value is JSON; None where there is none. Raises BadRequest."""
        text = self.query.get(name)
        return None if text is None else params.json_value(text)

    # -- whether they may
    async def decide(self, rule: Rule, *, opens: bool) -> None:
        """Whether they may, and with `opens` the database of the path, which is opened once a request, here.

        Raises Unauthorized, Forbidden; NotFound first, before anything is said of a database's members.
        """
        self.rule, self.in_database = rule, opens and rule is not Rule.SERVER_ADMIN
        services, is_admin = self.services, self.user.is_admin  # who may everything
        if not self.in_database and not is_admin:
            authorize(rule, self.user)
        if not opens:
            return
        if is_admin:
            self.db = await services.store.open(self.match["db"])
        else:
            self.db = await self.opened(self.match["db"])
            await self._narrow()
        if services.private is not None and services.private.are_restricted:
            self._keep_private()
        if self.in_database and not is_admin:
            await self._authorize()

    def _keep_private(self) -> None:
        """Where some packages are not for everybody, what somebody with a login is told is nobody else's: a
        cache for many may keep what says `must-revalidate`, whoever has asked."""
        if self.user.name is not None and self.meaning == REGISTRY and _PRIVATE[0] not in self.headers:
            self.headers += _PRIVATE

    async def opened(self, name: str) -> Database:
        """A database without the documents that are not there for the one who asks. Raises NotFound."""
        database, private = await self.services.store.open(name), self.services.private
        if private is None or self.user.is_admin or self.services.meaning(name) != REGISTRY:
            return database
        asker = asker_of(self.user)
        return SeenDatabase(database, private, lambda: asker)

    async def _narrow(self) -> None:
        """The database as somebody sees it who is no administrator."""
        if self.meaning == USERS:
            self.db = UserView(self.db, self.user, self.services.store.config)
        elif self.meaning == REGISTRY:
            self.user = await self.services.with_owned(without_owner_roles(self.user))
            sender = sender_of(self.user, self.address)
            self.db = RegistryView(self.db, self.user, self.services.checkpoints, sender)
            self.publishes = True
        elif holds_replications(self.meaning):
            security = await self.db.setting("security")
            if not is_database_admin(self.user, ADMINS_ONLY if security is None else security):
                self.db = ReplicatorView(self.db, self.user)

    async def _authorize(self) -> None:
        if not self.in_database:
            return authorize(self.rule, self.user)
        db = self.db
        security = await db.setting("security")
        return authorize(self.rule, self.user, self.meaning, security, self.match.get("docid", ""))

    # -- the body
    @property
    def allowance(self) -> Allowance:
        """What this request may send."""
        if self._allowance is None:
            self._allowance = self._allowed()
        return self._allowance

    def _allowed(self) -> Allowance:
        user = self.user
        if user.is_admin:
            return body.allowance_of(self.settings, is_admin=True, is_known=True, asks_only=False)
        asks_only = self.meaning in ("", USERS, REGISTRY)
        if asks_only and self.match.get("docid", "").startswith("_local/"):
            return body.CHECKPOINT
        publishes = self.rule is Rule.PUBLISHER and user.name is not None and self.meaning == REGISTRY
        if asks_only and publishes:
            known = body.allowance_of(self.settings, is_admin=False, is_known=True, asks_only=False)
            return known._replace(values=body.MOST_PUBLISHED)
        is_known = user.name is not None
        asks_only = asks_only or (self.asks and not is_known)
        return body.allowance_of(self.settings, is_admin=False, is_known=is_known, asks_only=asks_only)

    async def body(self, most: int | None = None) -> bytes:
        """The whole body, Content-Encoding undone. Raises TooLarge, BadRequest, BadContentType, and
        Unauthorized where who sends it has lost their account before it was here."""
        allowed = self.allowance.body
        if most is not None and most < allowed:
            allowed = most
        waits = not self.request.content.is_eof()
        data = await body.read(self.request, allowed)
        self.received = len(data)
        if waits:
            await self.confirm()
        return data

    async def confirm(self) -> None:
        """Decide again, about the same person: when a body is here, and before anything is written.

        A body may take hours, or be held back on purpose. Meanwhile an account goes, is made anew by
        somebody else, changes its password, or is no admin any more; and a database gets other members.
        """
        await self.services.auth.confirm(self.identity, self.credentials, self.address)
        self._meaning = None  # which database holds the users may have changed, too
        if not self.user.is_admin:
            await self._authorize()

    async def json(self) -> Any:
        """The body as JSON. Raises BadRequest("invalid UTF-8 JSON") also for an empty one; TooLarge."""
        return await self.decoded(await self.body())

    async def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises BadRequest, TooLarge."""
        return await self.as_object(await self.body())

    async def as_object(self, data: bytes) -> dict[str, Any]:
        """JSON text that must be an object. Raises BadRequest, TooLarge."""
        value = await self.decoded(data)
        if not isinstance(value, dict):
            raise BadRequest("Request body must be a JSON object")
        return value

    async def check(self, data: bytes) -> None:
        """Raises TooLarge for JSON text of this request that is dearer than it may be."""
        if len(data) <= body.ON_THE_LOOP:
            self.allowance.check(data)
        else:
            await asyncio.to_thread(self.allowance.check, data)

    async def decoded(self, data: bytes) -> Any:
        """JSON text of this request. Raises BadRequest, TooLarge."""
        if self.allowance.values is not None:
            await self.check(data)
            if len(data) > FEW and json.takes_long(data):
                return await asyncio.to_thread(json.decode_slowly, data)
        if len(data) <= body.ON_THE_LOOP:
            return json.decode(data)
        return await body.decoded(data, is_trusted=self.user.is_admin)

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """While something is made of a body of so many bytes. Raises TooManyRequests, Unavailable."""
        if size <= LARGE_BODY:
            yield
        else:
            async with self.services.large_bodies.take(origin(self.address)):
                yield

    def require_json(self) -> None:
        """Raises BadContentType unless Content-Type is application/json."""
        body.require_type(self.request, JSON_TYPE)

    # -- the answer
    async def write(self, stream: web.StreamResponse, piece: bytes) -> None:
        """Part of an answer. A few of those that are large are sent at once, however slowly they are read."""
        if len(piece) <= LARGE:
            await stream.write(piece)
            return
        async with self.services.large.take(origin(self.address)):
            turn = TimeSlice()
            for start in range(0, len(piece), LARGE):
                await stream.write(memoryview(piece)[start : start + LARGE])
                await turn.pass_on()

    @property
    def base_url(self) -> str:
        """`scheme://host[/prefix]` as the client knows this server, for Location."""
        names, proxies = self._forwarded, self.services.proxies
        host = proxies.host(self.request, names, local=True) or "127.0.0.1"
        return f"{proxies.scheme(self.request, names, local=True)}://{host}{self.prefix}"

    @property
    def scheme(self) -> str:
        """`http` or `https`, as the client spoke."""
        return self.services.proxies.scheme(self.request, self._forwarded, local=True)

    @property
    def _forwarded(self) -> Names:
        """The headers of proxies, which may have other names by `[chttpd] x_forwarded_…`."""
        return self.settings.once(_names)

    async def stream(
        self,
        *,
        status: int = 200,
        headers: Headers = (),
        content_type: str = JSON_TYPE,
        length: int | None = None,
    ) -> web.StreamResponse:
        """Send the head of a long answer; what follows is written with `write` and `write_eof`."""
        every = [*headers, *self.headers]
        return await start_stream(
            self.request, status=status, headers=every, content_type=content_type, length=length
        )


def _names(settings: CouchSettings) -> Names:
    wanted = zip(STANDARD._fields, STANDARD, strict=True)
    return Names(*[settings.text("chttpd", f"x_forwarded_{kind}", usual) for kind, usual in wanted])
