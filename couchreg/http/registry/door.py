"""The registry door as an aiohttp application: the route table made into routes, errors into answers."""

import logging
from collections.abc import Awaitable, Callable
from importlib import import_module

from aiohttp import web

from couchreg.errors import CouchregError, Failure
from couchreg.http.registry.frame.answers import failure, rejected
from couchreg.http.registry.frame.call import Call, Handler, Services
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.routes import ROUTES

log = logging.getLogger(__name__)
Operation = Callable[[Call], Awaitable[web.StreamResponse]]


def registry_application(services: Services) -> web.Application:
    """The application that serves the registry's port."""
    application = web.Application(middlewares=[_answer_errors])
    if services.couch is not None:
        application.router.add_route("*", "/_couch{path:(?s:/.*)?}", services.couch)
    for route in ROUTES:
        _add(application.router, route, _handler(route, services))
    return application


def _add(router: web.UrlDispatcher, route: Route, handler: Handler) -> None:
    path = route.path.replace("{path}", "{path:.+}")
    if route.method == "GET":
        router.add_get(path, handler, allow_head=True)
    else:
        router.add_route(route.method, path, handler)


def operation(name: str) -> Operation:
    """The function that a route names."""
    module, _, function = name.rpartition(".")
    found: Operation = getattr(import_module(f"couchreg.http.registry.{module}"), function)
    return found


def _handler(route: Route, services: Services) -> Handler:
    run = operation(route.operation)

    async def handle(request: web.Request) -> web.StreamResponse:
        identity = await services.identify(request.headers, services.proxies.address(request))
        call = Call(request, identity, services, route)
        await call.decide()
        async with call.held:
            if route.method != "GET":
                return await run(call)
            with call.while_there():
                return await run(call)

    return handle


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CouchregError as error:
        return failure(error)
    except web.HTTPException as error:
        return rejected(error, request)
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response()  # the client has gone: nobody reads this
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return failure(Failure("The server failed; its log says why.", error="internal_server_error"))
