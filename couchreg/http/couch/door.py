"""The couch door: one request in, one answer out.

Owns the order of things (path, method, preflight, who asks, may they, does the database exist, the
operation, errors into answers). Knows no endpoint: those are in `table.py`.
"""

import logging
from collections.abc import Collection
from functools import cache

from aiohttp import web

from couchreg.access.asking import ASKER, asker_of
from couchreg.auth.policy import Rule
from couchreg.errors import (
    BadRequest,
    CouchregError,
    LostDocument,
    NotFound,
    StorageFailure,
    Unavailable,
    of_a_file,
)
from couchreg.http.connections import SECTION
from couchreg.http.couch import routing
from couchreg.http.couch.frame import cors, jsonp, params
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed, answer_error, answer_unforeseen
from couchreg.http.couch.frame.listener import Listener
from couchreg.http.couch.frame.responses import Answer, Gone
from couchreg.http.couch.frame.services import CouchServices
from couchreg.http.couch.server import session
from couchreg.http.couch.table import TABLE
from couchreg.http.limits import admit
from couchreg.http.watching import Leaving, Watching
from couchreg.journal.failing import tell, tell_of_files

log = logging.getLogger(__name__)

READING = frozenset({Rule.MEMBER, Rule.LISTER, Rule.LOCAL_LISTER})  # what may be given up at any point
OVERRIDES = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "COPY"})


@cache
def _whole_router() -> routing.Router:
    """Every endpoint: the same for all doors of this process, since routes know nothing of a server."""
    return routing.Router(TABLE, routing.load)


class CouchDoor:
    """CouchDB's HTTP API over a store; `handle` serves a port of its own, or what is below a prefix."""

    def __init__(self, services: CouchServices, only: Collection[str] | None = None) -> None:
        """With `only` it answers these operations; what else is asked is 503."""
        self.services = services

        def find(name: str) -> routing.Function:
            return routing.load(name) if only is None or name in only else _elsewhere

        self._router = _whole_router() if only is None else routing.Router(TABLE, find)
        self._leaving = Leaving()

    async def handle(self, request: web.BaseRequest, prefix: str = "") -> web.StreamResponse:
        """Answer a request whose path begins with `prefix` (such as `/_couch`), taken as not there."""
        ctx = Context(self.services, request, prefix)
        try:
            answer = await self._answer(ctx)
        except ConnectionError:
            return Gone()
        except (StorageFailure, LostDocument) as error:
            tell(log, _named(request), error)
            answer = self._failed(ctx, error)
        except CouchregError as error:
            tell_of_files(log, error)
            answer = self._failed(ctx, error)
        except UnicodeEncodeError:
            # Parts of the URL that are no UTF-8 are kept as they came, and have got somewhere text must be.
            known = BadRequest("invalid UTF-8 in the URL") if "%" in ctx.raw_path + ctx.raw_query else None
            answer = self._failed(ctx, known)
        except Exception as error:
            known_fault = of_a_file(error)
            if known_fault is not None:
                tell(log, _named(request), error)
            answer = self._failed(ctx, known_fault)
        self.services.counters.methods[ctx.method] += 1
        self.services.counters.statuses[answer.status] += 1
        if isinstance(answer, Answer):
            answer.extra += ctx.headers
            if ctx.callback:
                jsonp.wrap(answer, ctx.callback)
        return answer

    async def close(self) -> None:
        """End what was started for requests. To be called when none comes any more."""
        await self.services.selections.close()

    def server(self, watching: Watching | None = None) -> web.Server:
        """A server of this door alone."""
        store = self.services.store
        section = lambda: store.config().get(SECTION, {})  # noqa: E731
        proxies = self.services.proxies
        return Listener(self.handle, proxies=proxies, section=section, watching=watching)

    async def _answer(self, ctx: Context) -> web.StreamResponse:
        _locate(ctx)
        request, asked = ctx.request, ctx.asked
        if "max_uri_length" in self.services.store.config().get(SECTION, ()):
            _check_length(ctx)
        if "Origin" in request.headers:
            preflight = cors.preflight(ctx)
            if preflight is not None:
                return preflight
            cors.mark(ctx)
        if ctx.raw_query:
            jsonp.read(ctx)
        auth = self.services.auth
        try:
            address = ctx.address = self.services.proxies.address(request)
            asked.address = address or asked.address
            known = auth.recognize(request.headers, address)
            ctx.identity = known or await auth.identify(request.headers, address)
            if ctx.identity.user.name is None or ctx.identity.renew is not None:
                session.require_or_renew(ctx)
        except CouchregError:
            if asked.limits is not None:
                admit(asked, is_admin=False)
            raise
        user = ctx.identity.user
        asked.user = user.name
        if asked.limits is not None:
            admit(asked, is_admin=user.is_admin)
        ASKER.set(asker_of(user))  # of this request alone: aiohttp answers each in a task
        return await self._routed(ctx)

    async def _routed(self, ctx: Context) -> web.StreamResponse:
        """Answer a request whose sender is known."""
        ctx.user = ctx.identity.user
        # Holds nothing of the request: what it did would be freed by the collector alone.
        ctx.again = self._again
        route = self._router.find(ctx.parts)
        if route is None:
            raise NotFound("Database does not exist." if len(ctx.parts) == 1 else "missing")
        ctx.asked.door, ctx.asked.route = "couch", route.template
        ctx.match = route.captured(ctx.parts)
        bound = route.operations.get(ctx.method)
        rule = bound.rule if bound else Rule.MEMBER if route.in_database else Rule.PUBLIC
        ctx.asks = bound is not None and rule in READING and not bound.writes
        await ctx.decide(rule, opens=route.in_database and (bound is None or bound.opens))
        if bound is None:
            raise MethodNotAllowed(route.allowed)
        if "Expect" in ctx.request.headers:
            _continue(ctx)
        if not ctx.asks:
            return await bound.function(ctx)
        with self._leaving.watch(ctx.request):
            return await bound.function(ctx)

    async def _again(
        self, before: Context, request: web.BaseRequest, partition: str | None = None
    ) -> web.StreamResponse:
        """Answer a request as a design document has rewritten it, or of a partition: for the same person,
        decided anew."""
        ctx = Context(self.services, request, before.prefix)
        ctx.identity, ctx.credentials, ctx.address = before.identity, before.credentials, before.address
        ctx.headers, ctx.callback, ctx.rewritten = before.headers, before.callback, before.rewritten + 1
        _locate(ctx)
        if partition is not None:
            ctx.within(partition)
        answer = await self._routed(ctx)
        before.callback = ctx.callback
        return answer

    def _failed(self, ctx: Context, error: CouchregError | None) -> web.StreamResponse:
        """Once a part of an answer is out, all that is left is to hang up."""
        request = ctx.request
        if request.writer.output_size:
            if error is None:
                log.error("%s %s broke off", request.method, request.path, exc_info=True)
            else:  # of what is foreseen a line is enough, since a stranger may bring it about
                log.warning("%s %s broke off: %s", request.method, request.path, error.reason)
            if request.transport is not None:
                request.transport.abort()
            return Gone()
        if error is None:
            return answer_unforeseen(request)
        return answer_error(error, request, self.services.settings, ctx.base_url)


async def _elsewhere(ctx: Context) -> web.StreamResponse:
    raise Unavailable("Another process of this server answers this.")


def _named(request: web.BaseRequest) -> str:
    """For the log: what was asked for, up to the database."""
    return f"{request.method} /{request.path.split('/', 2)[1][:200]}"


def _continue(ctx: Context) -> None:
    """Tell a client that waits for it to send its body. (Below a prefix aiohttp has done so already.)"""
    request = ctx.request
    if not (ctx.prefix or ctx.rewritten) and request.headers.get("Expect", "").lower() == "100-continue":
        if request.transport is None:
            raise ConnectionResetError
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _check_length(ctx: Context) -> None:
    """Raises BadRequest (too_long) for an address beyond `[chttpd] max_uri_length`."""
    most = ctx.settings.integer(SECTION, "max_uri_length", 0)
    if 0 < most < len(ctx.request.raw_path):
        raise BadRequest("the request uri is too long", error="too_long")


def _locate(ctx: Context) -> None:
    """Method, path parts and query string of a request. Raises BadRequest for a broken path."""
    request = ctx.request
    target = request.raw_path
    if "%" in target:
        params.check_encoding(target)
    raw, _, ctx.raw_query = target.partition("?")
    if "#" in raw:
        raw = raw.partition("#")[0]
    if raw[:1] != "/" and "://" in raw:
        raw = "/" + raw.partition("://")[2].partition("/")[2]  # the absolute form, as sent to proxies
    ctx.raw_path = raw = raw[len(ctx.prefix) :]
    ctx.parts = [part for part in raw.split("/") if part]
    if "%" in raw or "+" in raw:
        plus = ctx.settings.boolean("chttpd", "decode_plus_to_space")
        ctx.parts = [params.unquote_path(part, plus=plus) for part in ctx.parts]
    method = request.method
    if method == "POST":
        override = request.headers.get("X-HTTP-Method-Override")
        method = override if override in OVERRIDES else method
    ctx.is_head = method == "HEAD"
    ctx.method = "GET" if ctx.is_head else method
