"""What stands between two servers in tests: it refuses and spoils what it is told to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

from tests.conftest import ADMIN
from tests.replication.conftest import Peer

PASSED = ("Accept", "Accept-Encoding", "Content-Type", "Range")
KEPT = ("Content-Type", "Content-Encoding", "Content-Range", "ETag")
Refuse = Callable[[web.BaseRequest], bool]
Change = Callable[[web.BaseRequest, bytes], bytes]


def as_it_is(request: web.BaseRequest, data: bytes) -> bytes:
    return data


@asynccontextmanager
async def proxy(
    peer: Peer, refuse: Refuse = lambda _: False, change: Change = as_it_is
) -> AsyncIterator[str]:
    """In front of a server, as its administrator: what `refuse` says of is answered 403, and answers go out
    as `change` leaves them."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if refuse(request):
            return web.json_response({"error": "forbidden", "reason": "This is a mirror."}, status=403)
        headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
        headers |= {name: request.headers[name] for name in PASSED if name in request.headers}
        url = URL(peer.url + request.raw_path, encoded=True)
        sent = await request.read() or None
        async with session.request(request.method, url, data=sent, headers=headers) as answer:
            kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
            body = change(request, await answer.read())
            return web.Response(status=answer.status, body=body, headers=kept)

    async with aiohttp.ClientSession(auto_decompress=False) as session, served(handle) as url:
        yield url


@asynccontextmanager
async def served(handle: Callable[[web.BaseRequest], object]) -> AsyncIterator[str]:
    """A handler on a free port of this machine."""
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
