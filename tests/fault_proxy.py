"""A proxy in front of an S3 server that does to its clients what networks and disks do."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

FAULTS = (
    "unavailable",
    "hang",
    "cut",
    "cut_behind",
    "cut_answer",
    "refuse",
    "full",
    "corrupt",
    "corrupt_answer",
)
_CODES = {
    "unavailable": (503, "SlowDown"),
    "refuse": (403, "InvalidAccessKeyId"),
    "full": (507, "InsufficientStorage"),
}
_HOP = ("transfer-encoding", "connection", "keep-alive")


class FaultProxy:
    """`rate` of the requests suffer one of `faults`; what was done is counted."""

    def __init__(self, target: str, chance: random.Random) -> None:
        self._target = target
        self._chance = chance
        self.rate = 0.0
        self.faults: tuple[str, ...] = FAULTS
        self.done: Counter[str] = Counter()
        self.url = ""
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._chance.choice(self.faults) if self._chance.random() < self.rate else ""
        self.done[fault] += 1
        if "Expect" in request.headers and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.read()
        if fault in _CODES:
            status, code = _CODES[fault]
            return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>")
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "cut":
            return self._cut(request)
        if fault == "corrupt" and body:
            body = self._spoilt(body)
        return await self._forward(request, body, fault)

    async def _forward(self, request: web.BaseRequest, body: bytes, fault: str) -> web.StreamResponse:
        sent = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        url = URL(self._target + request.raw_path, encoded=True)
        async with self._session.request(
            request.method,
            url,
            data=body or None,
            headers=sent,
            allow_redirects=False,
            skip_auto_headers=["Content-Type", "Accept", "User-Agent"],
        ) as answer:
            data = await answer.read()
        if fault == "cut_behind":
            return self._cut(request)
        if fault == "corrupt_answer" and request.method == "GET" and data:
            data = self._spoilt(data)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        if fault == "cut_answer":
            await response.write(data[: len(data) // 2])
            return self._cut(request)
        if request.method != "HEAD":
            await response.write(data)
        return response

    def _spoilt(self, data: bytes) -> bytes:
        at = self._chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    def _cut(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def close(self) -> None:
        await self._session.close()


@asynccontextmanager
async def fault_proxy(target: str, chance: random.Random) -> AsyncIterator[FaultProxy]:
    """Running on a free port of this machine."""
    proxy = FaultProxy(target, chance)
    server = web.Server(proxy.handle, auto_decompress=False)  # type: ignore[arg-type]
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await runner.cleanup()
        await proxy.close()
