"""Partitioned databases over HTTP: ids, what a partition holds, and its listings."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.http.couch.conftest import Couch, Reply

NO_PARTITION = "Doc id must be of form partition:id"
DOCS = [
    {"_id": "a:1", "v": 1, "t": "x"},
    {"_id": "a:2", "v": 2},
    {"_id": "a:b:c", "v": 3},
    {"_id": "b:1", "v": 1},
    {"_id": "ä:1", "v": 9},
]


def at(path: str) -> str:
    return f"//p{path}"


async def fill(couch: Couch, docs: Sequence[dict[str, Any]] = DOCS) -> None:
    assert (await couch("PUT", "//p?partitioned=true")).status == 201
    assert (await couch("POST", at("/_bulk_docs"), {"docs": list(docs)})).status == 201


async def ids(couch: Couch, path: str, body: Any = None) -> list[str]:
    reply = await couch("GET" if body is None else "POST", at(path), body)
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.json["rows"]]


async def refused(reply: Reply) -> tuple[int, str, str]:
    return reply.status, reply.json["error"], reply.json["reason"]


async def test_a_database_says_that_it_has_partitions(couch: Couch) -> None:
    await fill(couch)
    assert (await couch("GET", "//p")).json["props"] == {"partitioned": True}
    assert (await couch("GET", "//db")).json["props"] == {}
    [told] = (await couch("POST", "//_dbs_info", {"keys": ["p"]})).json
    assert told["info"]["props"] == {"partitioned": True}
    for name in ("_users", "_replicator", "_dbs", "team%2F_users"):
        assert await refused(await couch("PUT", f"//{name}?partitioned=true")) == (
            400,
            "bad_request",
            "Cannot partition a system database",
        )


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("PUT", "/x", {"a": 1}, NO_PARTITION),
        ("PUT", "/x", {"_foo": 1}, NO_PARTITION),
        ("PUT", "/:x", {}, "Partition must not be empty"),
        ("PUT", "/a:", {}, "Document id must not be empty"),
        ("POST", "", {"a": 1}, NO_PARTITION),
        ("POST", "/_bulk_docs", {"docs": [{"_id": "a:9"}, {"_id": "_local/x"}, {"_id": "x"}]}, NO_PARTITION),
        ("POST", "/_bulk_docs", {"docs": [{}]}, NO_PARTITION),
        ("POST", "/_bulk_docs", {"new_edits": False, "docs": [{"_id": "x", "_rev": "1-a"}]}, NO_PARTITION),
        ("GET", "/x", None, NO_PARTITION),
        ("GET", "/x?open_revs=all", None, NO_PARTITION),
        ("GET", "/x/file", None, NO_PARTITION),
        ("PUT", "/x/file", None, NO_PARTITION),
        ("DELETE", "/x?rev=1-a", None, NO_PARTITION),
        ("POST", "/_purge", {"x": ["1-a"]}, NO_PARTITION),
        ("POST", "/_revs_diff", {"x": ["1-a"]}, NO_PARTITION),
        ("POST", "/_all_docs", {"keys": ["a:1", "x"]}, NO_PARTITION),
    ],
)
async def test_ids_in_no_partition(couch: Couch, method: str, path: str, body: Any, reason: str) -> None:
    await fill(couch)
    status, error, told = await refused(await couch(method, at(path), body))
    assert (status, told) == (400, reason)
    assert error == ("illegal_partition" if reason.startswith("Partition") else "illegal_docid")
    assert (await couch("GET", "//p")).json["doc_count"] == len(DOCS)
    assert (await couch("GET", at("/_local/x"))).status == 404


async def test_bulk_get_says_for_each_document_what_is_wrong(couch: Couch) -> None:
    await fill(couch)
    found = (await couch("POST", at("/_bulk_get"), {"docs": [{"id": "x"}, {"id": "a:1"}, {"id": ":"}]})).json
    errors = [one["docs"][0].get("error", {}).get("reason") for one in found["results"]]
    assert errors == [NO_PARTITION, None, "Partition must not be empty"]


async def test_what_a_partition_holds(couch: Couch) -> None:
    await fill(couch)
    await couch("DELETE", at(f"/a:2?rev={(await couch('GET', at('/a:2'))).json['_rev']}"))
    size = len('"v":1,"t":"x"') + len('"v":3')
    assert (await couch("GET", at("/_partition/a"))).json == {
        "db_name": "p",
        "sizes": {"active": size, "external": size},
        "partition": "a",
        "doc_count": 2,
        "doc_del_count": 1,
    }
    assert (await couch("GET", at("/_partition/%C3%A4"))).json["doc_count"] == 1
    assert (await couch("GET", at("/_partition/none"))).json["doc_count"] == 0
    assert (await couch("HEAD", at("/_partition/a"))).status == 200


async def test_a_partition_that_is_full(couch: Couch) -> None:
    await fill(couch)
    await couch(
        "PUT", "//_node/_local/_config/couchdb/max_partition_size", "20", headers={"X-Couch-Persist": "false"}
    )
    full = (403, "partition_overflow", "Partition limit exceeded due to update on 'a:9'")
    assert await refused(await couch("PUT", at("/a:9"), {"v": 1})) == full
    several = (
        await couch("POST", at("/_bulk_docs"), {"docs": [{"_id": "a:9", "v": 1}, {"_id": "b:9", "v": 1}]})
    ).json
    assert [row.get("error") for row in several] == ["partition_overflow", None]
    assert (await couch("PUT", at("/a:9?new_edits=false"), {"v": 1, "_rev": "1-a"})).status == 201


# -- listings


async def test_all_docs_of_a_partition(couch: Couch) -> None:
    await fill(couch)
    a = ["a:1", "a:2", "a:b:c"]
    assert await ids(couch, "/_partition/a/_all_docs") == a
    assert await ids(couch, "/_all_docs?partition=a") == a
    assert await ids(couch, "/_partition/a/_all_docs?descending=true") == a[::-1]
    assert await ids(couch, '/_partition/a/_all_docs?start_key="a:2"') == a[1:]
    assert await ids(couch, '/_partition/a/_all_docs?start_key="0"&end_key="zz"') == a
    assert await ids(couch, '/_partition/a/_all_docs?descending=true&start_key="zz"&end_key="0"') == a[::-1]
    assert await ids(couch, '/_partition/a/_all_docs?end_key="a:b:c"&inclusive_end=false') == a[:2]
    assert await ids(couch, '/_partition/a/_all_docs?key="b:1"') == []
    assert await ids(couch, "/_partition/a/_all_docs?skip=1&limit=1") == a[1:2]
    assert await ids(couch, "/_partition/a/_all_docs", {"partition": "b", "limit": 1}) == a[:1]
    assert await ids(couch, "/_partition/none/_all_docs") == []
    found = (await couch("GET", at('/_partition/b/_all_docs?start_key="b:1"'))).json
    assert (found["total_rows"], found["offset"]) == (5, 0)
    found = (
        await couch("POST", at("/_partition/a/_all_docs/queries"), {"queries": [{"limit": 1}, {"skip": 2}]})
    ).json
    assert [[row["id"] for row in one["rows"]] for one in found["results"]] == [a[:1], a[2:]]


WRONG = [
    ("GET", "/_partition", "bad_request", "invalid_partition_req"),
    ("GET", "/_partition/_a", "illegal_partition", "Partition must not start with an underscore"),
    ("GET", "/_partition/a:b/_all_docs", "illegal_partition", "Partition must not contain a colon"),
    ("GET", "/_partition/%ff/_all_docs", "illegal_partition", "Partition must be valid UTF-8"),
    (
        "GET",
        "/_partition/a/_all_docs?partition=b",
        "bad_request",
        "Conflicting value for `partition` in query string",
    ),
    ("GET", "/_partition/a/_changes", "not_found", "missing"),
    ("GET", "/_partition/a/a:1", "not_found", "missing"),
    ("DELETE", "/_partition/a/_design/d", "not_found", "missing"),
    ("DELETE", "/_partition/a/_all_docs", "method_not_allowed", "Only GET,HEAD,POST allowed"),
    ("DELETE", "/_partition/a", "method_not_allowed", "Only GET allowed"),
    ("POST", "/_partition/_a", "illegal_partition", "Partition must not start with an underscore"),
]


@pytest.mark.parametrize(("method", "path", "error", "reason"), WRONG)
async def test_wrong_requests(couch: Couch, method: str, path: str, error: str, reason: str) -> None:
    await fill(couch)
    reply = await couch(method, at(path))
    assert (reply.json["error"], reply.json["reason"]) == (error, reason)


async def test_who_may_not_read_the_database_reads_no_partition(couch: Couch) -> None:
    await fill(couch)
    await couch("PUT", at("/_security"), {"members": {"names": ["anna"]}})
    for method, path in (
        ("GET", "/_partition/a"),
        ("GET", "/_partition/a/_all_docs"),
        ("POST", "/_partition/a/_find"),
        ("POST", "/_partition/a/_index"),
    ):
        for who, status in (("nobody", 401), ("bob", 403)):
            assert (await couch(method, at(path), {}, headers={"Authorization": who})).status == status
        index = path.endswith("_index")  # members do not write design documents
        own = await couch(
            method,
            at(path),
            {"selector": {}, "index": {"fields": ["v"]}} if index else {"selector": {}},
            headers={"Authorization": "anna"},
        )
        assert own.status == (500 if index else 200), own.body
