"""Work for a client that has gone ends, at both doors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from couchreg.docstore.sqlite.database import SqliteDatabase
from couchreg.http.couch.table import TABLE
from couchreg.http.watching import ClientGone, Leaving
from tests.http.couch.conftest import Couch, couch  # noqa: F401 — a fixture
from tests.served import Serve, serve  # noqa: F401 — a fixture

LATEST = 60  # seconds after which a test has failed


class Slow:
    """Work that takes for ever, and how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: BaseException | None = None

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()


async def leave(url: str, slow: Slow, **sent: Any) -> None:
    """A client that asks and goes."""
    async with aiohttp.ClientSession() as client:
        asking = asyncio.create_task(client.get(url, **sent))
        async with asyncio.timeout(LATEST):
            await slow.begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(LATEST):
        await slow.ended.wait()
    assert isinstance(slow.error, asyncio.CancelledError)


Start = Callable[[Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    runners: list[web.AppRunner] = []

    async def started(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_get("/", handler)
        runner = web.AppRunner(application)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield started
    for runner in runners:
        await runner.cleanup()


async def test_what_a_block_awaits_is_cancelled(start: Start) -> None:
    leaving, slow, raised = Leaving(), Slow(), asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            with leaving.watch(request):
                await slow.run()
        except ClientGone:
            raised.set()
            await asyncio.sleep(0)  # the task goes on
            raise
        return web.Response()

    await leave(await start(handler), slow)
    async with asyncio.timeout(LATEST):
        await raised.wait()
    assert not leaving.watched


async def test_whoever_stays_is_answered(start: Start) -> None:
    leaving = Leaving()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        with leaving.watch(request):
            for _ in range(3):
                await asyncio.sleep(0.2)  # longer than it takes to look
        return web.Response(text="there")

    async with aiohttp.ClientSession() as client, client.get(await start(handler)) as response:
        assert await response.text() == "there"
    assert not leaving.watched


async def test_another_cancellation_stays_one(start: Start) -> None:
    leaving, found = Leaving(), asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        async def work() -> None:
            with leaving.watch(request):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found.set()
        return web.Response()

    async with aiohttp.ClientSession() as client, client.get(await start(handler)) as response:
        assert response.status == 200
    assert found.is_set()


async def test_a_search_at_the_registry_door_ends(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    served, slow = await serve(), Slow()
    monkeypatch.setattr(served.index, "search", slow.run)
    await leave(f"{served.url}/search?keys=%5B%22x%22%5D", slow)


async def test_a_comparison_at_the_registry_door_ends(
    serve: Serve,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served, slow = await serve(), Slow()
    monkeypatch.setattr(served.registry.differ, "of", slow.run)
    await leave(f"{served.url}/-/diff/x/1/2", slow)


async def test_a_listing_at_the_couch_door_ends(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    slow = Slow()
    monkeypatch.setattr(SqliteDatabase, "info", slow.run)
    await leave(f"{couch.url}/db", slow)


def test_what_writes_by_the_rule_of_readers_is_carried_through() -> None:
    """What a partition's address leads to is watched there, as what a rewrite leads to."""
    writing = {row.name for line in TABLE for row in line.operations if row.writes}
    led_on = {"design.rewriting.rewrite", "server.partitions.within"}
    assert writing == {"design.rendering.update"} | led_on
