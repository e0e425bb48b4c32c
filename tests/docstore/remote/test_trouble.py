"""Writes that few nodes have, answers that break off, servers that are away or are no CouchDB."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from couchreg.docstore.base import Database
from couchreg.docstore.remote import CouchAddress, RemoteStore, calls, database, writing
from couchreg.docstore.remote.database import CouchDatabase, written_already
from couchreg.docstore.remote.store import NotUsable
from couchreg.errors import Forbidden, NotImplementedHere, TooLarge, Unauthorized, Unavailable, Unsure
from couchreg.model import json
from couchreg.model.user import SYSTEM
from tests.docstore import couchdbs
from tests.docstore.remote.front import Passed, Spoil, before
from tests.docstore.writing import edit, put, put_one, replica, replicate


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before trying again."""
    monkeypatch.setattr(writing, "WAIT", 0)
    monkeypatch.setattr(calls, "FIRST_WAIT", 0)


@asynccontextmanager
async def behind(url: str, spoil: Spoil) -> AsyncIterator[tuple[Database, list[str]]]:
    """A database behind a server that spoils some requests, and the requests it has had."""
    prefix = couchdbs.new_prefix()
    async with before(url, spoil) as (front, asked):
        store = RemoteStore(CouchAddress.parse(f"{front}/{prefix}"))
        try:
            await store.prepare()
            yield await store.create("db"), asked
        finally:
            await store.close()
    await couchdbs.remove(url, prefix)


def bulk(asked: list[str]) -> int:
    return sum(one.endswith("_bulk_docs") for one in asked)


async def test_what_few_nodes_have_is_sent_again_until_enough_have_it(couch_door: str) -> None:
    times: list[int] = []

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("_bulk_docs"):
            return None
        status, body = await passed.answer()
        times.append(status)
        return web.Response(status=202 if len(times) % 3 else status, body=body)

    async with behind(couch_door, spoil) as (database, asked):
        rev = await put_one(database, edit("a", v=1))
        assert bulk(asked) == 3
        assert await replicate(database, replica("b", "1-b")) == ["1-b"]
        assert bulk(asked) == 6
        tree = await database.tree("a")
        assert tree is not None
        assert [leaf.rev for leaf in tree.leafs()] == [rev]


async def test_what_few_nodes_ever_have_is_not_acknowledged(couch_door: str) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("_bulk_docs"):
            return None
        return web.Response(status=202, body=(await passed.answer())[1])

    async with behind(couch_door, spoil) as (database, _):
        with pytest.raises(Unsure, match="Too few nodes"):
            await put_one(database, edit("a", v=1))


def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_an_edit_whose_answer_breaks_off_is_sent_once(couch_door: str) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("_bulk_docs"):
            return None
        await passed.answer()
        return cut(request)

    async with behind(couch_door, spoil) as (database, asked):
        with pytest.raises(Unsure):
            await put_one(database, edit("a", v=1))
        assert bulk(asked) == 1
        with pytest.raises(Unsure):
            await replicate(database, replica("b", "1-b"))
        assert bulk(asked) == 1 + calls.ATTEMPTS
        assert (await database.revision("a")).members == b'"v":1'


@pytest.mark.parametrize("status", [0, 500, 503, 429])
async def test_a_read_that_fails_is_asked_again(couch_door: str, status: int) -> None:
    failing: list[int] = []

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("/a") or len(failing) == calls.ATTEMPTS - 1:
            return None
        failing.append(status)
        return web.Response(status=status) if status else cut(request)

    async with behind(couch_door, spoil) as (database, _):
        await put_one(database, edit("a", v=1))
        assert (await database.revision("a")).members == b'"v":1'
        assert len(failing) == calls.ATTEMPTS - 1


async def test_an_edit_that_a_couchdb_fails_with_is_unsure(couch_door: str) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return (
            web.json_response({"error": "x", "reason": "y"}, status=500) if "_bulk" in request.path else None
        )

    async with behind(couch_door, spoil) as (database, _):
        with pytest.raises(Unsure, match="500: x y"):
            await put(database, edit("a"))


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_write_is_unsure_that_is_answered_that_a_node_is_away(
    couch_door: str, is_first: bool
) -> None:
    """Whether or not an attempt before came there: the answer does not say what the other nodes have done."""
    seen = set[bytes]()

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith(("_bulk_docs", "_local/a")):
            return None
        text = await request.read()
        if is_first or text in seen:
            return web.json_response({"error": "nodedown", "reason": "node2 is down"}, status=412)
        seen.add(text)
        await passed.answer()
        return web.json_response({}, status=500)

    async with behind(couch_door, spoil) as (database, _):
        if is_first:
            with pytest.raises(Unsure, match="node2 is down"):
                await put_one(database, edit("a", v=1))
        else:
            with pytest.raises(Unsure, match="node2 is down"):
                await database.update_local("_local/a", {"v": 1})
        calls_of(database)._doubted_until = 0.0
        with pytest.raises(Unsure, match="node2 is down") as caught:
            await replicate(database, replica("b", "1-b"))
        assert caught.value.retry_after == 5
        assert calls_of(database).in_doubt


class Gate:
    """Of a process that is taken for dead."""

    def __init__(self) -> None:
        self.is_shut = False

    def __call__(self) -> None:
        if self.is_shut:
            raise Unavailable("Another couchreg has taken over.")


async def test_who_may_not_write_any_more_sends_no_second_attempt(couch_door: str) -> None:
    gate, is_done = Gate(), False

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("_bulk_docs"):
            return None
        gate.is_shut = True
        if is_done:
            await passed.answer()
        return cut(request)

    async with behind(couch_door, spoil) as (database, asked):
        calls_of(database).gate = gate
        for is_done in (False, True):  # noqa: B007 — the server looks at it
            gate.is_shut = False
            with pytest.raises(Unsure):
                await replicate(database, replica("b", "1-b"))
        assert bulk(asked) == 2


async def test_no_request_is_repeated_behind_our_back(couch_door: str) -> None:
    """Where a kept connection breaks off, as of a CouchDB that ends."""
    gate, broken = Gate(), list[str]()

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if request.method not in ("PUT", "DELETE"):
            return None
        gate.is_shut = True
        broken.append(request.method)
        return cut(request)

    async with behind(couch_door, spoil_later := Later(spoil)) as (database, _):
        made = calls_of(database)
        made.gate, spoil_later.begun = gate, True
        for method in ("PUT", "DELETE"):
            for is_repeated in (True, False):
                gate.is_shut = False
                await made.ask("GET", "/")  # a connection is open, and idle
                with pytest.raises(Unsure):
                    await made.ask(method, "/nowhere", repeat=is_repeated)
        assert broken == ["PUT", "PUT", "DELETE", "DELETE"]
        spoil_later.begun = False


class Later:
    """Nothing is spoilt before it has begun."""

    def __init__(self, spoil: Spoil) -> None:
        self._spoil = spoil
        self.begun = False

    async def __call__(self, request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return await self._spoil(request, passed) if self.begun else None


async def test_who_waits_for_a_connection_asks_then_whether_it_may_write(couch_door: str) -> None:
    gate, is_free = Gate(), asyncio.Event()

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if request.path.endswith("/slow"):
            await is_free.wait()
        return None

    async with behind(couch_door, spoil) as (database, asked):
        made = calls_of(database)
        made.gate = gate
        reads = [asyncio.create_task(made.ask("GET", "/slow")) for _ in range(calls.CONNECTIONS)]
        while asked.count("GET /slow") < calls.CONNECTIONS:
            await asyncio.sleep(0.01)
        write = asyncio.create_task(made.ask("PUT", "/other"))
        await asyncio.sleep(0)
        gate.is_shut = True
        is_free.set()
        with pytest.raises(Unavailable, match="taken over") as caught:
            await write
        assert not isinstance(caught.value, Unsure)
        await asyncio.gather(*reads)
        assert "PUT /other" not in asked


def calls_of(database: Database) -> calls.CouchCalls:
    assert isinstance(database, CouchDatabase)
    return database._asking.calls


async def test_what_is_written_and_cannot_be_shown_is_unsure() -> None:
    def fail() -> None:
        with written_already():
            raise Unavailable("It is away.")

    with pytest.raises(Unsure, match=r"Written.* It is away"):
        fail()


async def test_what_is_written_in_part_and_not_taken_back_is_unsure(couch_door: str) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        if not request.path.endswith("_purge"):
            return None
        return web.json_response({"error": "forbidden", "reason": "not here"}, status=403)

    async with behind(couch_door, spoil) as (database, _):
        await put_one(database, edit("b", v=1))
        edits = [edit("a", v=1), edit("b", v=2)]  # the second is a conflict
        with pytest.raises(Unsure, match="not taken back: not here"):
            await database.update(edits, new_edits=True, user=SYSTEM, together=True)


async def test_an_answer_without_end_is_not_read_to_its_end(
    couch_door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "USUAL", 100_000)

    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return web.Response(body=b"x" * 200_000) if request.path.endswith("/a") else None

    async with behind(couch_door, spoil) as (database, _):
        with pytest.raises(TooLarge):
            await database.revision("a")


async def test_pages_shrink_until_they_can_be_read(couch_door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return None

    async with behind(couch_door, spoil) as (database, _):
        await put(database, *[edit(f"d{n}", text="x" * 30_000) for n in range(6)])
        monkeypatch.setattr(calls, "USUAL", 50_000)
        found = [
            change.id
            async for one in database.changes(await database.parse_since("0"), bodies=True)
            for change in one.results
        ]
        assert found == [f"d{n}" for n in range(6)]


async def test_where_there_are_too_many_feeds_one_looks_now_and_then(
    remote: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FEEDS", 2)
    monkeypatch.setattr(database, "LOOK", 0.01)
    databases = [await remote.create(name) for name in ("a", "b", "c", "d")]
    waiting = [asyncio.create_task(one.wait(await one.update_seq())) for one in databases]
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in waiting)
    for one in databases:
        await put_one(one, edit("a"))
    await asyncio.gather(*waiting)
    with remote.calls.feed() as first, remote.calls.feed() as second, remote.calls.feed() as third:
        assert (first, second, third) == (True, True, False)


# -- servers that cannot be used
async def test_a_server_that_is_away_is_told_without_its_login() -> None:
    store = RemoteStore(CouchAddress.parse("http://anna:geheim@127.0.0.1:9"))
    for _ in range(2):  # the second time nobody asks
        with pytest.raises(
            Unavailable, match=r"The CouchDB at http://127\.0\.0\.1:9 does not answer"
        ) as caught:
            await store.prepare()
        assert "geheim" not in str(caught.value)
    await store.close()


async def test_who_is_not_known_there_is_told_at_the_start(couch_door: str) -> None:
    _, _, host = couch_door.rpartition("@")
    for login in ("", "admin:wrong@"):
        store = RemoteStore(CouchAddress.parse(f"http://{login}{host}/{couchdbs.new_prefix()}"))
        with pytest.raises(NotUsable, match="name and password"):
            await store.prepare()
        await store.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"couchdb": "Welcome", "version": "2.3.1"}, "CouchDB 2.3"),
        (200, {"hello": 1}, "no CouchDB"),
        (200, [], "no CouchDB"),
        (404, {"couchdb": "Welcome"}, "no CouchDB"),
    ],
)
async def test_what_is_no_couchdb_or_too_old_is_told_at_the_start(
    couch_door: str, status: int, body: object, said: str
) -> None:
    async def spoil(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return web.json_response(body, status=status) if request.path == "/" else None

    async with before(couch_door, spoil) as (front, _):
        store = RemoteStore(CouchAddress.parse(f"{front}/x{secrets.token_hex(4)}"))
        with pytest.raises(NotUsable, match=said):
            await store.prepare()
        await store.close()


async def test_databases_with_partitions_are_refused(remote: RemoteStore) -> None:
    with pytest.raises(NotImplementedHere, match="partitions"):
        await remote.create("db", {"partitioned": True})


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        (412, "nodedown", "node2@127.0.0.1 is down"),
        (404, "not_found", "no such node: node2@127.0.0.1"),
        (400, "error", "progress not possible"),
    ],
)
def test_what_a_cluster_says_that_has_lost_a_node_is_no_fault_of_this_server(
    status: int, word: str, reason: str
) -> None:
    answer = calls.CouchAnswer(status, json.encode({"error": word, "reason": reason}))
    with pytest.raises(Unavailable, match="is away"):
        answer.check()


@pytest.mark.parametrize("reason", ["no such node in the plan", "progress not possible without a title"])
def test_what_a_function_forbids_is_forbidden_whatever_it_says(reason: str) -> None:
    for word, kind in (("forbidden", Forbidden), ("unauthorized", Unauthorized)):
        found = writing.problem(writing.WrittenRow("a", "1-a", word, reason))
        assert (type(found), found.reason) == (kind, reason)
    answer = calls.CouchAnswer(403, json.encode({"error": "forbidden", "reason": reason}))
    with pytest.raises(Forbidden):
        answer.check()
    assert isinstance(writing.problem(writing.WrittenRow("a", "1-a", "nodedown", "node2")), Unavailable)
