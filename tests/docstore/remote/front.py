"""A server before a CouchDB that answers some requests by itself, spoils some, and passes on the rest."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

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


@asynccontextmanager
async def before(url: str, spoil: Spoil) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of such a server before the CouchDB at `url`, with its login, and the requests it has had.
    `spoil` answers a request, or returns None for it to be passed on."""
    asked: list[str] = []
    scheme, _, rest = url.partition("://")
    login, _, host = rest.rpartition("@")
    name, _, password = login.partition(":")
    headers = {"Authorization": aiohttp.encode_basic_auth(name, password)}

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        passed = Passed(client, request)
        spoilt = await spoil(request, passed)
        if spoilt is not None:
            return spoilt
        status, body = await passed.answer()
        return web.Response(status=status, body=body, content_type="application/json")

    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession(f"{scheme}://{host}", headers=headers) as client:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            yield f"http://{login}@127.0.0.1:{port}", asked
        finally:
            await runner.cleanup()
