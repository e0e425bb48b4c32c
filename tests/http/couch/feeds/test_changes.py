"""`_changes` in all its feeds, and `_db_updates`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from yarl import URL

from couchreg.docstore.base import Seq
from couchreg.docstore.sqlite.database import SqliteDatabase
from tests.http.couch.conftest import Couch


@pytest.fixture
async def abcd(couch: Couch) -> Couch:
    """Documents a, c, b (edited) and d (deleted), in this order of change."""
    revs = {name: await couch.rev(name, {"n": name}) for name in "abc"}
    await couch.rev("b", {"n": "b", "v": 2}, revs["b"])
    rev = await couch.rev("d", {"n": "d"})
    await couch("DELETE", f"/d?rev={rev}")
    return couch


def ids(answer: Any) -> str:
    return "".join(row["id"] for row in answer["results"])


async def changes(couch: Couch, query: str = "", body: Any = None) -> Any:
    reply = await couch("GET" if body is None else "POST", f"/_changes{query}", body)
    assert reply.status == 200, reply.body
    return reply.json


class Feed:
    """A live feed, read a line at a time."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply

    async def line(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reply.content.readline()

    async def row(self) -> Any:
        """The next line that says something."""
        while True:
            line = await self.line()
            if line.strip() or not line:
                return json.loads(line) if line else None


@asynccontextmanager
async def open_feed(couch: Couch, path: str, **request: Any) -> AsyncIterator[Feed]:
    """Open once its head is there."""
    url = URL(couch.url + path, encoded=True)
    async with couch.session.request(request.pop("method", "GET"), url, **request) as reply:
        yield Feed(reply)


async def test_each_document_comes_once_where_it_changed_last(abcd: Couch) -> None:
    answer = await changes(abcd)
    assert (ids(answer), answer["pending"]) == ("acbd", 0)
    assert answer["results"][3]["deleted"] is True
    assert [len(row["changes"]) for row in answer["results"]] == [1, 1, 1, 1]
    assert answer["last_seq"] == answer["results"][3]["seq"] == (await abcd("GET", "")).json["update_seq"]


async def test_changes_can_be_read_in_pages(abcd: Couch) -> None:
    first = await changes(abcd, "?limit=1")
    assert (ids(first), first["pending"]) == ("a", 3)
    second = await changes(abcd, f"?limit=2&since={first['last_seq']}")
    assert (ids(second), second["pending"]) == ("cb", 1)
    quoted = await changes(abcd, f"?since=%22{second['last_seq']}%22")
    assert (ids(quoted), quoted["pending"]) == ("d", 0)
    assert ids(await changes(abcd, "?since=now")) == ""
    none = await changes(abcd, "?limit=0")
    assert (ids(none), none["pending"]) == ("", 4)


async def test_a_sequence_of_a_former_life_starts_over(abcd: Couch) -> None:
    old = (await changes(abcd))["last_seq"]
    await abcd("DELETE", "")
    await abcd("PUT", "")
    await abcd.rev("new", {})
    assert ids(await changes(abcd, f"?since={old}")) == "new"


async def test_newest_first(abcd: Couch) -> None:
    assert ids(await changes(abcd, "?descending=true")) == "dbca"
    assert ids(await changes(abcd, "?descending=true&limit=2")) == "db"


async def test_all_leafs_can_be_listed(couch: Couch) -> None:
    await couch.graft(
        {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "r"]}},
        {"_id": "a", "_rev": "2-c", "_revisions": {"start": 2, "ids": ["c", "r"]}},
        {"_id": "a", "_rev": "1-x", "_deleted": True},
    )
    [row] = (await changes(couch, "?style=all_docs"))["results"]
    assert row["changes"] == [{"rev": "2-c"}, {"rev": "2-b"}, {"rev": "1-x"}]
    [row] = (await changes(couch, "?include_docs=true&conflicts=true"))["results"]
    assert (row["changes"], row["doc"]["_conflicts"]) == ([{"rev": "2-c"}], ["2-b"])


async def test_documents_can_be_included(abcd: Couch) -> None:
    rows = (await changes(abcd, "?include_docs=true"))["results"]
    assert rows[2]["doc"] == {"_id": "b", "_rev": rows[2]["changes"][0]["rev"], "n": "b", "v": 2}
    assert rows[3]["doc"]["_deleted"] is True


async def test_attachments_can_be_included(couch: Couch) -> None:
    await couch("PUT", "/a", {"_attachments": {"f": {"content_type": "text/plain", "data": "aGVsbG8="}}})
    [row] = (await changes(couch, "?include_docs=true&attachments=true"))["results"]
    assert row["doc"]["_attachments"]["f"]["data"] == "aGVsbG8="
    [row] = (await changes(couch, "?include_docs=true&att_encoding_info=true"))["results"]
    assert row["doc"]["_attachments"]["f"]["encoding"] == "gzip"


async def test_sequences_can_be_left_out_of_most_rows(abcd: Couch) -> None:
    rows = (await changes(abcd, "?seq_interval=2"))["results"]
    assert [row["seq"] is None for row in rows] in ([True, False] * 2, [False, True] * 2)


async def test_the_same_changes_are_not_sent_twice(abcd: Couch) -> None:
    first = await abcd("GET", "/_changes")
    assert (await abcd("GET", "/_changes", headers={"If-None-Match": first.etag})).status == 304
    await abcd.rev("e", {})
    assert (await abcd("GET", "/_changes", headers={"If-None-Match": first.etag})).status == 200


async def test_filter_by_ids(abcd: Couch) -> None:
    wanted = {"doc_ids": ["d", "a", "none"]}
    answer = await changes(abcd, "?filter=_doc_ids", wanted)
    assert (ids(answer), answer["pending"]) == ("ad", 2)
    assert ids(await changes(abcd, "?filter=_doc_ids&descending=true", wanted)) == "da"
    assert ids(await changes(abcd, "?filter=_doc_ids&limit=1", wanted)) == "a"
    assert ids(await changes(abcd, "?filter=_doc_ids&doc_ids=%5B%22b%22%5D")) == "b"
    many = {"doc_ids": ["a", "b", *[f"x{number}" for number in range(2000)]]}
    answer = await changes(abcd, "?filter=_doc_ids", many)
    assert (ids(answer), answer["pending"]) == ("ab", 0)


async def test_filter_by_selector(abcd: Couch) -> None:
    answer = await changes(abcd, "?filter=_selector", {"selector": {"n": {"$in": ["a", "b"]}}})
    assert ids(answer) == "ab"
    assert ids(await changes(abcd, "?filter=_selector", {"selector": {"_deleted": True}})) == "d"
    limited = await changes(abcd, "?filter=_selector&limit=1", {"selector": {"v": 2}})
    assert (ids(limited), limited["pending"]) == ("b", 1)
    chosen = {"selector": {"v": 2}, "fields": ["_id", "v"]}
    [row] = (await changes(abcd, "?filter=_selector&include_docs=true", chosen))["results"]
    assert row["doc"] == {"_id": "b", "v": 2}


async def test_a_selector_chooses_among_the_leafs(couch: Couch) -> None:
    await couch.graft({"_id": "a", "_rev": "2-b", "x": 1}, {"_id": "a", "_rev": "2-c", "x": 2})
    [row] = (await changes(couch, "?filter=_selector&style=all_docs", {"selector": {"x": 1}}))["results"]
    assert row["changes"] == [{"rev": "2-b"}]


async def test_filter_design_documents(abcd: Couch) -> None:
    await abcd("PUT", "/_design/one", {})
    answer = await changes(abcd, "?filter=_design")
    assert (ids(answer), answer["pending"]) == ("_design/one", 4)


@pytest.mark.parametrize(
    ("query", "body", "status", "reason"),
    [
        ("since=nonsense", None, 400, "Malformed sequence supplied in 'since' parameter."),
        ("since=", None, 400, "Malformed sequence supplied in 'since' parameter."),
        ("feed=x", None, 400, "Supported `feed` types: normal, continuous, live, longpoll, eventsource"),
        ("style=x", None, 400, "Supported `style` values: main_only, all_docs"),
        ("limit=x", None, 400, "Invalid limit value. Expecting an integer value."),
        (
            "heartbeat=x",
            None,
            400,
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        ),
        (
            "timeout=-1",
            None,
            400,
            "Invalid timeout value. Expecting a positive integer value (in milliseconds).",
        ),
        ("seq_interval=0", None, 400, "invalid_seq_interval"),
        ("filter=_x", None, 400, "unknown builtin filter name"),
        ("filter=x", None, 400, "`filter` must be of the form `designname/filtername`"),
        ("filter=none/x", None, 404, "missing"),
        ("filter=f/x", None, 404, "missing json key: x"),
        ("filter=_view", None, 400, "`view` filter parameter is not provided."),
        ("filter=_view&view=x", None, 400, "`view` must be of the form `designname/viewname`"),
        ("filter=_view&view=f/x", None, 404, "missing json key: views"),
        ("filter=_doc_ids", None, 400, "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids", {"doc_ids": [1]}, 400, "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_selector", None, 400, "Selector must be specified in POST payload"),
        ("filter=_selector", {}, 400, "Selector error: expected a JSON object"),
        ("filter=_selector", {"selector": {"a": {"$x": 1}}}, 400, "Invalid operator: $x"),
    ],
)
async def test_bad_parameters_are_named(
    couch: Couch, query: str, body: Any, status: int, reason: str
) -> None:
    await couch("PUT", "/_design/f", {"filters": {"y": "function() {}"}})
    reply = await couch("GET" if body is None else "POST", f"/_changes?{query}", body)
    assert (reply.status, reply.json["reason"]) == (status, reason)


async def test_a_filter_that_fails_ends_the_feed(couch: Couch) -> None:
    await couch("PUT", "/_design/f", {"filters": {"y": "function() { throw 'x'; }"}})
    reply = await couch("GET", "/_changes?filter=f/y")
    assert (reply.status, reply.json["error"]) == (500, "unnamed_error")


# -- live feeds


async def test_longpoll_answers_at_once_when_there_is_something(abcd: Couch) -> None:
    assert ids(await changes(abcd, "?feed=longpoll")) == "acbd"
    answer = await changes(abcd, "?feed=longpoll&limit=2")
    assert (ids(answer), answer["pending"]) == ("ac", 2)


async def test_longpoll_waits_for_one_change(abcd: Couch) -> None:
    async with open_feed(abcd, "/db/_changes?feed=longpoll&since=now&include_docs=true") as feed:
        await abcd.rev("e", {"v": 1})
        answer = json.loads(await feed.reply.read())
    assert (ids(answer), answer["results"][0]["doc"]["v"]) == ("e", 1)
    assert answer["last_seq"] == (await abcd("GET", "")).json["update_seq"]


async def test_longpoll_gives_up_after_its_timeout(abcd: Couch) -> None:
    now = (await abcd("GET", "")).json["update_seq"]
    answer = await changes(abcd, "?feed=longpoll&since=now&timeout=10")
    assert answer == {"results": [], "last_seq": now, "pending": 0}


async def test_longpoll_waits_past_what_its_filter_drops(couch: Couch) -> None:
    path = "/db/_changes?feed=longpoll&since=now&filter=_doc_ids"
    async with open_feed(couch, path, method="POST", json={"doc_ids": ["wanted"]}) as feed:
        await couch.rev("other", {})
        await couch.rev("wanted", {})
        assert ids(json.loads(await feed.reply.read())) == "wanted"


async def test_continuous_shows_changes_as_they_come(couch: Couch) -> None:
    await couch.rev("a", {})
    async with open_feed(couch, "/db/_changes?feed=continuous") as feed:
        assert (await feed.row())["id"] == "a"
        for name in "bc":
            await couch.rev(name, {})
            assert (await feed.row())["id"] == name


async def test_live_feeds_wait_quietly_after_a_purge(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row carries the last sequence: who waits for what comes behind it does not look again and again."""
    rev = await couch.rev("a", {})
    looks = 0
    waited = SqliteDatabase.wait

    async def counted(self: SqliteDatabase, since: Seq) -> None:
        nonlocal looks
        looks += 1
        await waited(self, since)

    monkeypatch.setattr(SqliteDatabase, "wait", counted)
    for feed in ("longpoll", "continuous"):
        waiting = asyncio.create_task(couch("GET", f"/_changes?feed={feed}&since=now&timeout=1000&limit=1"))
        await asyncio.sleep(0.1)
        assert (await couch("POST", "/_purge", {"a": [rev]})).status == 201
        assert (await waiting).status == 200
        assert await couch.rev("a", {}) == rev
    assert looks <= 8


async def test_continuous_ends_with_its_limit_or_timeout(abcd: Couch) -> None:
    async with open_feed(abcd, "/db/_changes?feed=continuous&limit=2") as feed:
        *found, empty = [line async for line in feed.reply.content]
    lines = [json.loads(line) for line in found]
    assert ([line.get("id") for line in lines], empty) == (["a", "c", None], b"\n")
    assert lines[2]["pending"] == 2
    async with open_feed(abcd, "/db/_changes?feed=live&since=now&timeout=10") as feed:
        last, empty = [line async for line in feed.reply.content]
    assert (set(json.loads(last)), empty) == ({"last_seq", "pending"}, b"\n")


async def test_heartbeats_keep_a_feed_open(couch: Couch) -> None:
    async with open_feed(couch, "/db/_changes?feed=continuous&heartbeat=10&timeout=1") as feed:
        assert [await feed.line() for _ in range(3)] == [b"\n"] * 3
        await couch.rev("a", {})
        assert (await feed.row())["id"] == "a"


async def test_a_feed_ends_when_its_database_is_deleted(abcd: Couch) -> None:
    async with open_feed(abcd, "/db/_changes?feed=continuous&since=now&heartbeat=60000") as feed:
        await abcd("DELETE", "")
        assert "last_seq" in await feed.row()
        assert [await feed.line() for _ in range(2)] == [b"\n", b""]


async def test_events_can_be_taken_up_where_they_broke_off(abcd: Couch) -> None:
    async with open_feed(abcd, "/db/_changes?feed=eventsource&limit=1") as feed:
        assert feed.reply.headers["Content-Type"] == "text/event-stream"
        assert feed.reply.headers["Cache-Control"] == "no-cache"
        data, number, empty = [await feed.line() for _ in range(3)]
    assert json.loads(data.removeprefix(b"data: "))["id"] == "a"
    assert empty == b"\n"
    last = json.loads(number.removeprefix(b"id: "))
    path = "/db/_changes?feed=eventsource&limit=1"
    async with open_feed(abcd, path, headers={"Last-Event-ID": last}) as feed:
        assert json.loads((await feed.line()).removeprefix(b"data: "))["id"] == "c"


async def test_events_have_heartbeats_of_their_own(couch: Couch) -> None:
    async with open_feed(couch, "/db/_changes?feed=eventsource&heartbeat=10") as feed:
        assert [await feed.line() for _ in range(3)] == [b"event: heartbeat\n", b"data: \n", b"\n"]


async def test_many_can_listen_at_once(couch: Couch) -> None:
    async def listen() -> Any:
        return await changes(couch, "?feed=longpoll&since=now")

    async with open_feed(couch, "/db/_changes?feed=continuous&since=now") as last:
        listeners = [asyncio.create_task(listen()) for _ in range(50)]
        while not all(task.done() for task in listeners):
            await couch("POST", "", {})
            await last.row()
    assert all(len(task.result()["results"]) > 0 for task in listeners)


async def test_long_answers_are_whole(couch: Couch) -> None:
    docs = [{"_id": f"{number:05}", "text": "x" * 100} for number in range(3000)]
    await couch("POST", "/_bulk_docs", {"docs": docs})
    answer = await changes(couch, "?include_docs=true")
    assert [row["doc"]["_id"] for row in answer["results"]] == [doc["_id"] for doc in docs]


# -- _db_updates


async def test_there_are_no_updates_of_databases_without_their_database(couch: Couch) -> None:
    assert (await couch("GET", "//_db_updates")).status == 404


async def test_updates_of_databases(couch: Couch) -> None:
    await couch("PUT", "//_global_changes")
    await couch("PUT", "//new")
    answer = (await couch("GET", "//_db_updates")).json
    assert [row["db_name"] for row in answer["results"]][-2:] == ["_global_changes", "new"]
    since = answer["last_seq"]
    await couch("DELETE", "//new")
    [row] = (await couch("GET", f"//_db_updates?since={since}&feed=longpoll")).json["results"]
    assert (row["db_name"], row["type"]) == ("new", "deleted")
    async with open_feed(couch, "/_db_updates?feed=continuous&since=now&heartbeat=10") as feed:
        assert await feed.line() == b"\n"
        await couch.rev("a", {})
        assert {**(await feed.row()), "seq": ""} == {"db_name": "db", "type": "updated", "seq": ""}
    assert (await couch("GET", "//_db_updates?since=x")).status == 400


async def test_who_was_away_hears_what_was_done_to_databases(couch: Couch) -> None:
    await couch("PUT", "//_global_changes")
    since = (await couch("GET", "//_db_updates")).json["last_seq"]
    for name in ("new", "written", "gone"):
        await couch("PUT", f"//{name}")
    await couch("PUT", "//written/a", {})
    await couch("DELETE", "//gone")
    rows = (await couch("GET", f"//_db_updates?since={since}")).json["results"]
    assert [(row["db_name"], row["type"]) for row in rows] == [
        ("new", "created"),
        ("written", "created"),
        ("gone", "created"),
        ("written", "updated"),
        ("gone", "deleted"),
    ]
    after = (await couch("GET", f"//_db_updates?since={rows[2]['seq']}")).json["results"]
    assert after == rows[3:]


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_updates_of_databases_can_be_paged(couch: Couch, limit: int) -> None:
    """Also by a page of nothing: who asks on from its last_seq misses nothing."""
    await couch("PUT", "//_global_changes")
    for name in ("a", "b", "c"):
        await couch("PUT", f"//{name}")
    every = (await couch("GET", "//_db_updates")).json["results"]
    first = (await couch("GET", f"//_db_updates?limit={limit}")).json
    assert first["results"] == every[:limit]
    rest = (await couch("GET", f"//_db_updates?since={first['last_seq']}")).json
    assert first["results"] + rest["results"] == every
