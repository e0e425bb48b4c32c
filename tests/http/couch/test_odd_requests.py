"""Requests that are rarely made and yet have an answer of their own in CouchDB."""

import json
from typing import Any

import pytest

from tests.http.couch.conftest import Couch

PLACEMENT = "The `placement` value should be in a format `zone:n`."


@pytest.mark.parametrize(
    ("method", "path", "status", "error", "reason"),
    [
        ("GET", "/_all_docs?key=%zz", 400, "bad_request", "invalid_url_encoding"),
        ("GET", "//_up?%", 400, "bad_request", "invalid_url_encoding"),
        ("GET", "/_local%2F", 400, "bad_request", "Invalid _local document id."),
        ("DELETE", "/_local%2F", 400, "bad_request", "Invalid _local document id."),
        ("GET", "/_partition", 400, "bad_request", "invalid_partition_req"),
        ("GET", "/_partition/x", 400, "bad_request", "database is not partitioned"),
        ("GET", "/_partition/_x", 400, "illegal_partition", "Partition must not start with an underscore"),
        ("POST", "/_partition/_x", 400, "illegal_partition", "Partition must not start with an underscore"),
        ("POST", "/_partition/x", 405, "method_not_allowed", "Only GET allowed"),
        ("DELETE", "/_partition/x/_all_docs", 400, "bad_request", "database is not partitioned"),
        ("DELETE", "/_temp_view", 410, "gone", "Temporary views are not supported in CouchDB"),
        ("GET", "//_node", 400, "bad_request", "Incomplete path to _node request"),
        ("PUT", "//_node/_local/_config/a/b/c", 404, "not_found", "missing"),
        ("POST", "//_reshard/state", 405, "method_not_allowed", "Only GET,HEAD,PUT allowed"),
        ("PUT", "//other?placement=x", 400, "bad_request", PLACEMENT),
        ("PUT", "//other?placement=", 400, "bad_request", PLACEMENT),
        ("PUT", "//other?engine=foo", 400, "bad_request", "invalid_engine_extension"),
    ],
)
async def test_the_reason_is_told(
    couch: Couch, method: str, path: str, status: int, error: str, reason: str
) -> None:
    reply = await couch(method, path)
    assert (reply.status, reply.json) == (status, {"error": error, "reason": reason})


@pytest.mark.parametrize("body", [{"keys": None}, {"keys": {}}, {"keys": "a"}])
async def test_keys_in_a_body_are_a_list(couch: Couch, body: Any) -> None:
    reply = await couch("POST", "/_all_docs", body)
    assert (reply.status, reply.json["reason"]) == (400, "`keys` body member must be an array.")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("startkey_docid=b", "bcd"),
        ("start_key_doc_id=b&descending=true", "ba"),
        ("endkey_docid=b", "ab"),
        ("end_key_doc_id=b&descending=true", "dcb"),
        ("endkey_docid=b&inclusive_end=false", "a"),
        ("startkey=%22b%22&startkey_docid=c", "bcd"),
        ("endkey=%22c%22&endkey_docid=a", "abc"),
        ("endkey_docid=", ""),
    ],
)
async def test_ids_stand_for_keys_that_are_not_said(couch: Couch, query: str, ids: str) -> None:
    for doc_id in "abcd":
        await couch.rev(doc_id, {})
    reply = await couch("GET", f"/_all_docs?{query}")
    assert "".join(row["id"] for row in reply.json["rows"]) == ids


async def test_a_number_in_quotes_is_none_in_a_body(couch: Couch) -> None:
    reply = await couch("POST", "/_all_docs", {"limit": "1"})
    assert reply.json == {"error": "query_parse_error", "reason": 'Invalid value for integer: <<"1">>'}


async def test_one_key_may_be_said_twice(couch: Couch) -> None:
    await couch.rev("a", {})
    reply = await couch("GET", "/_all_docs?keys=%5B%22a%22%5D&key=%22a%22")
    assert [row["id"] for row in reply.json["rows"]] == ["a"]


async def test_skip_and_limit_count_keys_of_other_namespaces(couch: Couch) -> None:
    await couch.rev("_design/d", {})
    reply = await couch("POST", "/_design_docs", {"keys": ["a", "_design/d"], "limit": 1})
    assert reply.json["rows"] == []


async def test_a_single_key_of_a_query_is_a_range(couch: Couch) -> None:
    for doc_id in "abc":
        await couch.rev(doc_id, {})
    queries = {"queries": [{"keys": ["a"], "endkey": "b"}, {"endkey": "c", "keys": ["a"]}]}
    reply = await couch("POST", "/_all_docs/queries", data=json.dumps(queries))
    rows = [[row["id"] for row in result["rows"]] for result in reply.json["results"]]
    assert rows == [["a", "b"], ["a"]]
    for wrong in (None, {}):
        reply = await couch("POST", "/_all_docs/queries", {"queries": wrong})
        assert reply.json["reason"] == "`queries` member must be an array."


async def test_of_namesakes_the_last_counts_in_its_own_place(couch: Couch) -> None:
    same = [b'{"a":1,"b":2,"a":3}', b'{"a" : 1, "b":2 ,"a" :3}', b'{"b":2,"a":3}']
    replies = [await couch("PUT", f"/d{n}", data=body) for n, body in enumerate(same)]
    assert len({reply.json["rev"] for reply in replies}) == 1
    assert (await couch("GET", "/d0")).body.endswith(b',"b":2,"a":3}\n')
    nested = [b'{"x":"a:b","o":[{"k":"\\":","l":2,"k":1}]}', b'{"x":"a:b","o":[{"l":2,"k":1}]}']
    replies = [await couch("PUT", f"/n{n}", data=body) for n, body in enumerate(nested)]
    assert replies[0].json["rev"] == replies[1].json["rev"]


async def test_a_request_keeps_the_name_it_came_with(couch: Couch) -> None:
    for path in ("//_up", "/_changes?feed=continuous&timeout=1"):
        named = await couch("GET", path, headers={"X-Couch-Request-ID": "mine-1_A"})
        assert named.headers["X-Couch-Request-ID"] == "mine-1_A"
        other = await couch("GET", path, headers={"X-Couch-Request-ID": "no name"})
        assert other.headers["X-Couch-Request-ID"] != "no name"


async def test_addresses_may_be_bounded(couch: Couch) -> None:
    assert (await couch("GET", "//_up?" + "x" * 300)).status == 200
    await couch("PUT", "//_node/_local/_config/chttpd/max_uri_length", "200")
    reply = await couch("GET", "//_up?" + "x" * 300)
    assert reply.json == {"error": "too_long", "reason": "the request uri is too long"}
    assert reply.status == 414


async def test_types_are_compared_letter_by_letter(couch: Couch) -> None:
    for kind, status in (("application/json;charset=utf-8", 201), ("Application/JSON", 415)):
        reply = await couch("POST", "", data=b"{}", headers={"Content-Type": kind})
        assert reply.status == status


async def test_names_of_parameters_of_changes_have_no_case(couch: Couch) -> None:
    await couch.rev("a", {})
    await couch.rev("b", {})
    reply = await couch("GET", "/_changes?DESCENDING=true&Limit=5&limit=1")
    assert [row["id"] for row in reply.json["results"]] == ["b"]
    reply = await couch("GET", "/_changes?heartbeat=0")
    assert reply.json["reason"] == "The heartbeat value should be a positive integer (in milliseconds)."


async def test_readers_of_design_documents_are_sent_to_the_slash(couch: Couch) -> None:
    for path, target in (
        ("_design%2Fd?rev=1-a", "_design/d?rev=1-a"),
        ("_Design%2fd/f", None),
        ("%5Fdesign%2Fd/f", "_design/d/f"),
    ):
        reply = await couch("GET", f"/{path}")
        assert reply.headers.get("Location") == (target and f"{couch.url}/db/{target}")


async def test_members_of_the_replicator_and_access_belong_to_the_body(couch: Couch) -> None:
    await couch.rev("a", {"_access": ["x"], "_replication_id": "y"})
    assert (await couch("GET", "/a")).json["_access"] == ["x"]


async def test_maintenance_is_no_health(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/couchdb/maintenance_mode", "nolb")
    reply = await couch("GET", "//_up")
    assert (reply.status, reply.json) == (404, {"status": "nolb"})


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=5", 206, "bytes 5-9/10"),
        ("bytes=2--4", 206, "bytes 2-4/10"),
        ("bytes=+2-+4", 206, "bytes 2-4/10"),
        ("bytes=0-99999999999999999999999", 206, "bytes 0-9/10"),
        ("bytes=--5", 416, None),
        ("bytes=1-2-3", 200, None),
        ("bytes=1 - 2", 200, None),
        ("bytes=-", 200, None),
    ],
)
async def test_ranges_are_read_as_widely(couch: Couch, asked: str, status: int, content: str | None) -> None:
    await couch("PUT", "/d/f", data=b"0123456789", headers={"Content-Type": "image/png"})
    reply = await couch("GET", "/d/f", headers={"Range": asked})
    assert (reply.status, reply.headers.get("Content-Range")) == (status, content)


async def test_a_range_that_cannot_be_is_refused_of_packed_attachments_too(couch: Couch) -> None:
    await couch("PUT", "/d/f", data=b"x" * 1000, headers={"Content-Type": "text/plain"})
    assert (await couch("GET", "/d/f", headers={"Range": "bytes=1-2"})).status == 200
    assert (await couch("GET", "/d/f", headers={"Range": "bytes=2-1"})).status == 416
