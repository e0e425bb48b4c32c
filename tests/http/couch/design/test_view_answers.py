"""What a view answers to odd queries, and what its index says of itself."""

import asyncio
from typing import Any

import pytest

from couchreg.model import json
from tests.http.couch.conftest import Couch

MAP = "function(doc) { emit(doc.n, null); }"


async def put(couch: Couch, views: dict[str, Any], docs: list[dict[str, Any]]) -> None:
    assert (await couch("PUT", "/_design/d", {"views": views})).status == 201
    assert (await couch("POST", "/_bulk_docs", {"docs": docs})).status == 201


async def test_the_query_string_wins_over_the_body(couch: Couch) -> None:
    await put(couch, {"v": {"map": MAP}}, [{"_id": str(n), "n": n} for n in range(3)])
    reply = await couch("POST", "/_design/d/_view/v?limit=1", {"limit": 3})
    assert len(reply.json["rows"]) == 1
    refused = await couch("POST", "/_design/d/_view/v", {"keys": 1})
    assert refused.json == {"error": "bad_request", "reason": "`keys` member must be an array."}


async def test_ids_bound_the_rows_of_each_key(couch: Couch) -> None:
    await put(couch, {"v": {"map": MAP}}, [{"_id": str(n), "n": n % 2} for n in range(8)])
    query = "keys=[1,0]&startkey_docid=2&endkey_docid=5".replace("[", "%5B").replace("]", "%5D")
    found = (await couch("GET", f"/_design/d/_view/v?{query}")).json["rows"]
    assert [row["id"] for row in found] == ["3", "5", "2", "4"]


@pytest.mark.parametrize(
    ("reduce", "reason"),
    [
        ("_top_x", "invalid rank reducer"),
        ("_bottom_0", "rank value must be between 1 and 100"),
        ("_top_101", "rank value must be between 1 and 100"),
        ("_nope", "`_nope` is not a supported reduce function."),
    ],
)
async def test_reduce_functions_that_there_are_not_are_not_written(
    couch: Couch, reduce: str, reason: str
) -> None:
    reply = await couch("PUT", "/_design/d", {"views": {"v": {"map": MAP, "reduce": reduce}}})
    assert (reply.status, reply.json) == (400, {"error": "invalid_design_doc", "reason": reason})


async def test_a_map_that_emits_for_ever_ends_in_an_error(couch: Couch) -> None:
    source = "function(doc) { while (true) { emit(doc, doc); } }"
    await put(couch, {"v": {"map": source}}, [{"_id": "a", "t": "x" * 1000}])
    reply = await couch("GET", "/_design/d/_view/v")
    assert (reply.status, reply.json["error"]) == (500, "os_process_error")


async def test_an_index_says_what_it_holds_and_is_compacted(couch: Couch) -> None:
    docs = [{"_id": f"{n:04}", "n": n, "t": "x" * 500} for n in range(500)]
    await put(couch, {"v": {"map": "function(doc) { emit(doc.n, doc.t); }"}}, docs)
    before = await about(couch)
    assert (before["update_seq"], before["updates_pending"]["total"]) == (0, 501)
    await couch("GET", "/_design/d/_view/v?limit=1")
    grown = await about(couch)
    assert grown["update_seq"] == 501
    assert 0 < grown["sizes"]["active"] < grown["sizes"]["file"]
    assert (await couch("POST", "/_compact/d", {})).status == 202
    while (after := await about(couch))["compact_running"]:
        await asyncio.sleep(0.01)
    assert 0 < after["sizes"]["active"] < after["sizes"]["file"] < grown["sizes"]["file"]
    assert (await couch("GET", "/_design/d/_view/v?limit=0")).json["total_rows"] == 500


async def about(couch: Couch) -> Any:
    return (await couch("GET", "/_design/d/_info")).json["view_index"]


@pytest.mark.parametrize("reduce", ["_sum", "_first", "function(keys, values) { return sum(values); }"])
async def test_an_answer_that_is_remembered_is_not_told_when_rows_have_changed(
    couch: Couch, reduce: str
) -> None:
    """Each question has its own, and each is asked twice, so that the second answer is the remembered one."""
    source = "function(doc) { emit(doc.n % 3, doc.n); }"
    await put(couch, {"v": {"map": source, "reduce": reduce}}, [{"_id": str(n), "n": n} for n in range(9)])
    path = "/_design/d/_view/v"
    queries = ["", "group=true", "group=true&descending=true", "group=true&skip=1", "group=true&limit=1"]
    queries += ["group=true&startkey=1", "group=true&startkey=1&inclusive_end=false&endkey=2", "key=2"]
    before = [(await couch("GET", f"{path}?{query}")).json for query in queries]
    assert len({json.encode(answer) for answer in before}) > 5
    assert [(await couch("GET", f"{path}?{query}")).json for query in queries] == before
    await couch.rev("9", {"n": 90})
    await couch.rev("10", {"n": -100})
    rev = (await couch("GET", "/1")).json["_rev"]
    assert (await couch("DELETE", f"/1?rev={rev}")).status == 200
    after = [(await couch("GET", f"{path}?{query}")).json for query in queries]
    fresh = {"views": {"v": {"map": source + " ", "reduce": reduce}}}
    assert (await couch("PUT", "/_design/fresh", fresh)).status == 201
    other = [(await couch("GET", f"/_design/fresh/_view/v?{query}")).json for query in queries]
    assert after == other
    assert after[1] != before[1]


@pytest.mark.parametrize(
    ("path", "asked", "first", "last"),
    [
        ("/_design/d/_view/v", None, b'{"total_rows":0,"offset":0,"rows":[\r\n', b"\r\n]}\n"),
        ("/_design/d/_view/sum", None, b'{"rows":[\r\n\r\n]}\n', b""),
        ("/_design/d/_view/v/queries", {"queries": []}, b'{"results":[\r\n]}\n', b""),
        ("/_design/d/_view/v/queries", {"queries": [{}, {}]}, b'{"results":[\r\n{', b"\r\n]}\r\n]}\n"),
        ("/_find", {"selector": {}}, b'{"docs":[\r\n],\r\n', b'"}\r\n\n'),
        ("/_changes?since=now", None, b'{"results":[\n\n],\n"last_seq":"', b',"pending":0}\n\n'),
        ("/_changes?feed=continuous&timeout=1&since=now", None, b'{"last_seq":"', b',"pending":0}\n\n'),
    ],
)
async def test_lines_end_where_those_of_a_couchdb_do(
    couch: Couch, path: str, asked: Any, first: bytes, last: bytes
) -> None:
    """Clients that read answers line by line find the same lines."""
    one = {"map": "function(doc) { emit(doc._id); }"}
    views = {"v": one, "sum": {**one, "reduce": "_sum"}}
    assert (await couch("PUT", "/_design/d", {"views": views})).status == 201
    reply = await couch("GET" if asked is None else "POST", path, asked)
    assert reply.body.startswith(first), reply.body
    assert reply.body.endswith(last), reply.body
