"""Slow senders, readers who do not read, and crowds: nobody holds a connection for nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from couchreg.app import App
from couchreg.docstore.base import Edit
from couchreg.http import connections
from couchreg.http.connections import ConnectionLimits
from couchreg.model.user import SYSTEM
from tests.conftest import ServerFactory

DOORS = ("registry", "couch")
HEAD = b"Host: x\r\nConnection: keep-alive\r\n"


@pytest.fixture
async def hasty(server: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> App:
    """A server with short time limits."""
    monkeypatch.setattr(connections, "LOOK", 0.02)
    app = await server()
    for name in ("head_timeout", "body_timeout", "send_timeout"):
        await app.store.set_config("chttpd", name, "200")
    await app.store.set_config("chttpd", "idle_timeout", "400")
    return app


@asynccontextmanager
async def line(app: App, door: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    url = app.registry_url if door == "registry" else app.couch_url
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_end_is_cut_off(hasty: App, door: str, sent: bytes) -> None:
    async with line(hasty, door) as (reader, writer):
        writer.write(sent)
        assert status(await reader.read()) == 408


@pytest.mark.parametrize("door", DOORS)
async def test_dripping_does_not_help(hasty: App, door: str) -> None:
    async with line(hasty, door) as (reader, writer):
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(b"G")
            await asyncio.sleep(0.01)
        # A letter that comes when the line is closed resets it, and may take the answer away.
        assert isinstance(answer.exception(), ConnectionResetError) or status(answer.result()) in (400, 408)


@pytest.mark.parametrize("door", DOORS)
async def test_a_body_that_stops_is_cut_off(hasty: App, door: str) -> None:
    path = b"/adduser/x" if door == "registry" else b"/registry/_revs_diff"
    method = b"PUT " if door == "registry" else b"POST "
    async with line(hasty, door) as (reader, writer):
        kind = b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        writer.write(method + path + b" HTTP/1.1\r\n" + HEAD + kind + b'{"a":')
        assert status(await reader.read()) == 408


SIZE = b"Content-Length: 10000\r\n\r\n{"
DRIPPED = {
    "bytes of a body": (SIZE, b" "),
    "the size of a piece": (b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "what is said of a piece": (b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", DRIPPED)
async def test_a_body_that_drips_is_cut_off(hasty: App, door: str, what: str) -> None:
    path = b"PUT /adduser/x" if door == "registry" else b"POST /registry/_revs_diff"
    begun, drop = DRIPPED[what]
    async with line(hasty, door) as (reader, writer), asyncio.timeout(10):
        writer.write(path + b" HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n" + begun)
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(drop)
            await asyncio.sleep(0.02)
        # What comes when the line is closed resets it, and may take the answer away.
        assert isinstance(answer.exception(), ConnectionResetError) or status(answer.result()) in (400, 408)


async def test_a_slow_body_that_moves_is_read(hasty: App) -> None:
    body = json.dumps({"a": ["1-" + "f" * 12_000]}).encode()
    async with line(hasty, "couch") as (reader, writer):
        kind = b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(b"POST /registry/_revs_diff HTTP/1.1\r\nHost: x\r\n" + kind % len(body))
        for start in range(0, len(body), 1200):
            writer.write(body[start : start + 1200])
            await asyncio.sleep(0.05)
        assert status(await reader.read()) == 200


@pytest.mark.parametrize("door", DOORS)
async def test_a_connection_without_requests_ends(hasty: App, door: str) -> None:
    async with line(hasty, door) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert status(await reader.readuntil(b"\r\n\r\n")) == 200
        await reader.read()


async def test_an_answer_that_nobody_reads_is_cut_off(hasty: App) -> None:
    database = await hasty.store.open("registry")
    texts = [Edit(f"d{n}", None, False, {"text": "x" * (4 << 20)}) for n in range(5)]
    await database.update(texts, new_edits=True, user=SYSTEM)
    async with line(hasty, "couch") as (reader, writer):
        writer.write(b"GET /registry/_all_docs?include_docs=true HTTP/1.1\r\n" + HEAD + b"\r\n")
        await asyncio.sleep(1.5)  # so that the server has given up before anything is read
        found = 0
        with suppress(ConnectionError):
            while piece := await reader.read(1 << 20):
                found += len(piece)
        assert found < 20 << 20


async def test_a_live_feed_outlives_all_of_that(hasty: App) -> None:
    async with line(hasty, "couch") as (reader, writer):
        feed = b"GET /registry/_changes?feed=continuous&heartbeat=50 HTTP/1.1\r\n"
        writer.write(feed + HEAD + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            await reader.readuntil(b"\n\r\n")


@pytest.mark.parametrize("door", DOORS)
async def test_one_address_has_only_so_many(hasty: App, door: str) -> None:
    await hasty.store.set_config("chttpd", "max_connections_per_address", "3")
    await hasty.store.set_config("chttpd", "head_timeout", "60000")
    async with line(hasty, door), line(hasty, door), line(hasty, door) as (_, third):
        async with line(hasty, door) as (reader, _):
            answer = await reader.read()
        assert status(answer) == 503
        assert b"Retry-After" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "service_unavailable"
        third.close()
        await asyncio.sleep(0.1)
        async with line(hasty, door) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert status(await reader.readuntil(b"\r\n\r\n")) == 200


async def test_all_together_have_only_so_many(hasty: App) -> None:
    await hasty.store.set_config("chttpd", "max_connections", "1")
    async with line(hasty, "couch"), line(hasty, "couch") as (reader, _):
        assert status(await reader.read()) == 503


@pytest.mark.parametrize("door", DOORS)
async def test_headers_have_8_kb(hasty: App, door: str) -> None:
    async with line(hasty, door) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: " + b'"' * 9000 + b"\r\n\r\n")
        answer = await reader.read()
    assert status(answer) == 400
    assert "reason" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_what_is_no_number_counts_as_not_set() -> None:
    found = ConnectionLimits.of({"max_connections": "none", "head_timeout": "1500", "send_timeout": "-1"})
    assert (found.max_connections, found.head_timeout, found.send_timeout) == (4096, 1.5, 60.0)
    assert ConnectionLimits(max_connections=100).most_of_one == 25
