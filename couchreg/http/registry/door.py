"""The registry door as an aiohttp application: the route table made into routes, errors into answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from importlib import import_module
from typing import Any
from weakref import WeakSet

from aiohttp import web

from couchreg.access.asking import asking
from couchreg.auth.login.authenticator import NOBODY, Identity
from couchreg.errors import BadRequest, CouchregError, Unauthorized, Unavailable
from couchreg.http.limits import admit
from couchreg.http.registry.frame.answers import answer_errors
from couchreg.http.registry.frame.call import Call, Handler, RegistryServices
from couchreg.http.registry.frame.cookies import visit_cookie
from couchreg.http.registry.frame.describing import JSON
from couchreg.http.registry.frame.finished import FINISHED, FinishedAnswers
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.frame.urls import base_url, is_secure
from couchreg.http.registry.pages.forms import check_script
from couchreg.http.registry.pages.wanted import has_page, problem, wants_page, wants_page_of_error
from couchreg.http.registry.routes import ROUTES
from couchreg.journal.asking import UNDER_WAY
from couchreg.web.rendering import prepare

log = logging.getLogger(__name__)
_FOR_PEOPLE: WeakSet[Any] = WeakSet()  # handlers of routes at which a login at the pages counts
_WITH_PAGES: WeakSet[Any] = WeakSet()  # handlers that answer with a page or with something else
CALL = web.RequestKey("call", Call)
Operation = Callable[[Call], Awaitable[web.StreamResponse]]


def registry_application(services: RegistryServices, only: Collection[str] | None = None) -> web.Application:
    """The application that serves the registry's port. With `only` it answers these operations and makes no
    pages; what else is asked is 503."""
    application = web.Application(middlewares=[_pages_of_errors(services), answer_errors])
    application.on_response_prepare.append(_name_request)
    application.on_response_prepare.append(_keep_private)
    application.on_response_prepare.append(_say_what_it_depends_on)
    application[FINISHED] = FinishedAnswers()
    application.on_response_prepare.append(application[FINISHED].keep)  # last: what it keeps is complete

    if only is None:
        application.cleanup_ctx.append(_prepare_pages)

    async def end_fillings(_: web.Application) -> None:
        await services.fillings.close()

    application.on_cleanup.append(end_fillings)
    if services.couch is not None:
        application.router.add_route("*", "/_couch{path:(?s:/.*)?}", services.couch)
    for route in ROUTES:
        here = only is None or (route.method == "GET" and route.operation in only)
        handler = _handler(route, services) if here else _elsewhere
        _add(application.router, route, handler if only is None else _without_pages(handler))
    return application


async def _prepare_pages(_: web.Application) -> AsyncIterator[None]:
    """Beside the first requests, which need not wait for all of it."""
    preparing = asyncio.create_task(asyncio.to_thread(prepare), name="templates of pages")
    yield
    await preparing


async def _name_request(request: web.Request, response: web.StreamResponse) -> None:
    """The name by which the logs know a request; the couch door gives it in a header of its own."""
    asked = UNDER_WAY.get()
    if asked is not None and asked.began and "X-Couch-Request-ID" not in response.headers:
        response.headers["X-Request-ID"] = asked.id


async def _keep_private(request: web.Request, response: web.StreamResponse) -> None:
    """Where some packages are not for everybody, what somebody with a login is told is nobody else's."""
    call = request.get(CALL)
    if call is None or call.user.name is None or not call.registry.private.are_restricted:
        return
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = "private, no-cache"
    _vary(response, "Authorization", "Cookie")


async def _say_what_it_depends_on(request: web.Request, response: web.StreamResponse) -> None:
    """A cache does not give JSON to who wants a page, nor what went wrong in the wrong form."""
    if response.status >= 400 or request.match_info.handler in _WITH_PAGES:
        _vary(response, "Accept")


def _vary(response: web.StreamResponse, *names: str) -> None:
    varied = [part for part in response.headers.get("Vary", "").split(", ") if part]
    response.headers["Vary"] = ", ".join(dict.fromkeys([*varied, *names]))


def _add(router: web.UrlDispatcher, route: Route, handler: Handler) -> None:
    path = route.path.replace("{path}", "{path:.+}")
    for each in (path, path + "/") if route.slashed else (path,):
        if route.method == "GET":
            router.add_get(each, handler, allow_head=True)
        else:
            router.add_route(route.method, each, handler)


def operation(name: str) -> Operation:
    """The function that a route names."""
    module, _, function = name.rpartition(".")
    found: Operation = getattr(import_module(f"couchreg.http.registry.{module}"), function)
    return found


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    raise Unavailable("Another process of this server answers this.")


def _without_pages(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await (_elsewhere if wants_page(request) else handler)(request)

    if handler in _WITH_PAGES:
        _WITH_PAGES.add(handle)
    return handle


def _handler(route: Route, services: RegistryServices) -> Handler:
    run = operation(route.operation)

    async def handle(request: web.Request) -> web.StreamResponse:
        address = services.proxies.address(request)
        asked = UNDER_WAY.get()
        if asked is not None:
            asked.door, asked.route, asked.address = "registry", route.path, address
        try:
            identity = await _identity(request, services, route, address)
        except CouchregError:
            if asked is not None and asked.limits is not None and not route.free:
                admit(asked, is_admin=False)
            raise
        if asked is not None:
            asked.user, asked.token = identity.user.name, identity.grant and identity.grant.id
            if asked.limits is not None and not route.free:
                admit(asked, is_admin=identity.user.is_admin)
        call = Call(request, identity, services, route)
        if route.scripted:
            check_script(call)
        request[CALL] = call
        with asking(call.asker):
            await call.decide()
            async with call.held:
                if route.method != "GET":
                    return await run(call)
                with call.while_there():
                    return await run(call)

    if route.takes_cookie:
        _FOR_PEOPLE.add(handle)
    if has_page(run):
        _WITH_PAGES.add(handle)
    return handle


async def _identity(request: web.Request, services: RegistryServices, route: Route, address: str) -> Identity:
    """Who asks: by a header, or by the cookie of a login at the pages where that counts."""
    headers = request.headers
    if "Cookie" not in headers or "Authorization" in headers or not route.takes_cookie:
        return await services.identify(headers, address)
    secure = is_secure(request, services.public_url, services.proxies)
    try:
        found = await services.visits.identify(visit_cookie(headers, secure=secure))
    except Unauthorized:  # nobody can say now who it is: they may log in again, or out
        return NOBODY
    return NOBODY if found is None else found


def _pages_of_errors(services: RegistryServices) -> Any:
    """What went wrong is a page for those who asked for one."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if response.status < 400 or response.prepared or not isinstance(response, web.Response):
            return response
        if not wants_page_of_error(request) or response.content_type != JSON:
            return response
        try:
            base = base_url(request, services.public_url, services.proxies)
        except BadRequest:
            return response
        return problem(base, response, request, may_log_in=request.match_info.handler in _FOR_PEOPLE)

    return answer
