"""A server with a reading process that gets all connections, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from couchreg.app import App
from couchreg.app.workers import Workers
from tests.conftest import ADMIN
from tests.packages import related, small

ROOT = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
LONG = 60.0  # seconds


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not true():
            await asyncio.sleep(0.02)


def workers_of(app: App) -> Workers:
    assert app.workers is not None
    return app.workers


class Reading:
    """Clients of a server: one whose connections a reading process gets, one with the login of the admin."""

    def __init__(self, app: App, guest: aiohttp.ClientSession, admin: aiohttp.ClientSession) -> None:
        self.app, self.guest, self.admin = app, guest, admin

    async def __call__(
        self, path: str, method: str = "GET", *, admin: bool = False, registry: bool = False, **sent: Any
    ) -> tuple[int, bytes]:
        url = (self.app.registry_url if registry else self.app.couch_url) + path
        session = self.admin if admin else self.guest
        async with session.request(method, url, **sent) as response:
            return response.status, await response.read()

    async def write(self, path: str, body: Any = None, method: str = "PUT", **sent: Any) -> Any:
        async with self.admin.request(method, self.app.couch_url + path, json=body, **sent) as response:
            assert response.status in (200, 201), await response.text()
            return await response.json()

    @property
    def answered(self) -> int:
        """Requests that a reading process has answered, as far as it has told."""
        return workers_of(self.app).answered


@asynccontextmanager
async def clients(app: App) -> AsyncIterator[Reading]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as guest,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=ROOT) as admin,
    ):
        found = Reading(app, guest, admin)
        await found.write("/db")
        await found.write("/db/_security", {})
        yield found


async def raw(url: str, *pieces: bytes, most: float = LONG) -> bytes:
    """What a server sends to these bytes, until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(0.02)
            writer.write(piece)
        async with asyncio.timeout(most):
            return await reader.read()
    finally:
        writer.close()


def head(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *lines, "", ""]).encode()


async def publish(reading: Reading, name: str, version: str, text: str = "id,word\n1,one\n") -> None:
    body, headers = related(small(name, text=text))
    status, told = await reading(
        f"/{name}/{version}", "PUT", admin=True, registry=True, data=body, headers=headers
    )
    assert status == 201, told
