"""A server before a CouchDB that answers some requests by itself, spoils some, and passes on the rest."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

Spoil = Callable[[web.Request, "Passed"], Awaitable[web.StreamResponse | None]]


class Passed:
    """What the server behind says; asked when somebody wants to know."""

    def __init__(self, client: aiohttp.ClientSession, request: web.Request) -> None:
        self._client = client
        self._request = request

    async def answer(self) -> tuple[int, bytes]:
        request = self._request
        headers = {
            name: request.headers[name] for name in ("Content-Type", "Accept") if name in request.headers
        }
        async with self._client.request(
            request.method, request.raw_path, data=await request.read(), headers=headers
        ) as response:
            return response.status, await response.read()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def opened_client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Requests to the server at an address with a login."""
    at = URL(url)
    headers = {"Authorization": aiohttp.encode_basic_auth(at.user or "", at.password or "")}
    async with aiohttp.ClientSession(at.origin(), headers=headers) as client:
        yield client


@asynccontextmanager
async def serving(handler: Handler, url: str) -> AsyncIterator[str]:
    """The address of a server, with the login of another one."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield str(URL(url).with_host("127.0.0.1").with_port(runner.addresses[0][1])).rstrip("/")
    finally:
        await runner.cleanup()


@asynccontextmanager
async def before(url: str, spoil: Spoil) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of such a server before the CouchDB at `url`, with its login, and the requests it has had.
    `spoil` answers a request, or returns None for it to be passed on."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        passed = Passed(client, request)
        spoilt = await spoil(request, passed)
        if spoilt is not None:
            return spoilt
        status, body = await passed.answer()
        return web.Response(status=status, body=body, content_type="application/json")

    async with opened_client(url) as client, serving(handle, url) as front:
        yield front, asked
