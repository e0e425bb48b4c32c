"""Views, lists and queries of a partition."""

import random
from typing import Any

import pytest

from couchreg.designdocs.views import engine
from couchreg.model.collation import sort_key
from tests.http.couch.conftest import Couch
from tests.http.couch.server.test_partitions import at, fill, ids, refused

MAP = "function (doc) { emit(doc.v, doc.t) }"
SUMMED = {"map": "function (doc) { emit([doc.v, 1], 1) }", "reduce": "_sum"}


# -- views


async def test_views_of_a_partition(couch: Couch) -> None:
    await fill(couch)
    design = {"views": {"m": {"map": MAP}, "s": SUMMED}}
    await couch("PUT", at("/_design/d"), design)
    view = "/_partition/a/_design/d/_view/m"
    assert await ids(couch, view) == ["a:1", "a:2", "a:b:c"]
    assert await ids(couch, f"{view}?descending=true") == ["a:b:c", "a:2", "a:1"]
    assert await ids(couch, f"{view}?start_key=2") == ["a:2", "a:b:c"]
    assert await ids(couch, f"{view}?end_key=2&inclusive_end=false") == ["a:1"]
    assert await ids(couch, f"{view}?keys=[2,9,1]") == ["a:2", "a:1"]
    assert await ids(couch, f"{view}?key=1&include_docs=true") == ["a:1"]
    assert await ids(couch, view, {"keys": [1], "partition": "b"}) == ["a:1"]
    assert await ids(couch, "/_design/d/_view/m?partition=b") == ["b:1"]
    found = (await couch("GET", at(f"{view}?start_key=2"))).json
    assert (found["total_rows"], found["offset"]) == (5, 1)
    body = {"queries": [{"key": 1}, {"partition": "b"}]}
    found = (await couch("POST", at(f"{view}/queries"), body)).json
    assert [[row["id"] for row in one["rows"]] for one in found["results"]] == [["a:1"], ["b:1"]]
    reduced = (await couch("GET", at("/_partition/a/_design/d/_view/s"))).json
    assert reduced["rows"] == [{"key": None, "value": 3}]
    reduced = (await couch("GET", at("/_partition/a/_design/d/_view/s?group_level=1&start_key=[2]"))).json
    assert reduced["rows"] == [{"key": [2], "value": 1}, {"key": [3], "value": 1}]
    reason = "`partition` parameter is mandatory for queries to this view."
    for name in ("m", "s"):
        assert await refused(await couch("GET", at(f"/_design/d/_view/{name}"))) == (
            400,
            "query_parse_error",
            reason,
        )


async def test_global_views(couch: Couch) -> None:
    await fill(couch)
    options = {"partitioned": False, "include_design": True}
    await couch("PUT", at("/_design/g"), {"options": options, "views": {"m": {"map": MAP}}})
    await couch("PUT", at("/_design/d"), {"options": {"include_design": True}, "views": {"m": {"map": MAP}}})
    assert len(await ids(couch, "/_design/g/_view/m")) == 7
    assert len(await ids(couch, "/_partition/a/_design/d/_view/m")) == 3
    reason = "`partition` parameter is not supported in this design doc"
    for path in ("/_design/g/_view/m?partition=a", "/_partition/a/_design/g/_view/m"):
        assert await refused(await couch("GET", at(path))) == (400, "query_parse_error", reason)
    await couch("PUT", "/_design/d", {"views": {"m": {"map": MAP}}})
    assert (await couch("GET", "/_design/d/_view/m?partition=a")).json["reason"] == reason
    reason = "partitioned option cannot be true in a non-partitioned database."
    body = {"options": {"partitioned": True}}
    assert await refused(await couch("PUT", "/_design/e", body)) == (400, "invalid_design_doc", reason)


async def test_rows_of_a_partition_follow_its_documents(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random edits, and after each round the rows of every partition beside those of a model."""
    monkeypatch.setattr(engine, "PAGE", 3)
    chance = random.Random(7)
    await fill(couch, [])
    await couch("PUT", at("/_design/d"), {"views": {"m": {"map": MAP}, "s": SUMMED}})
    model: dict[str, Any] = {}
    for _ in range(5):
        docs = []
        for doc_id in chance.sample([f"{name}:{n}" for name in ("a", "a!", "aa", "b") for n in range(6)], 9):
            value = chance.choice([None, 1, 2, "x", [1], {"a": 1}])
            rev = (await couch("GET", at(f"/{doc_id}"))).json.get("_rev") if doc_id in model else None
            gone = rev is not None and chance.random() < 0.3
            docs.append(
                {
                    "_id": doc_id,
                    "v": value,
                    **({"_rev": rev} if rev else {}),
                    **({"_deleted": True} if gone else {}),
                }
            )
            model.pop(doc_id, None)
            if not gone:
                model[doc_id] = value
        await couch("POST", at("/_bulk_docs"), {"docs": docs})
        for name in ("a", "a!", "aa", "b", "c"):
            own = [doc_id for doc_id in model if doc_id.startswith(f"{name}:")]
            wanted = sorted(own, key=lambda doc_id: (sort_key(model[doc_id]), doc_id.encode()))
            assert await ids(couch, f"/_partition/{name}/_design/d/_view/m") == wanted
            total = (await couch("GET", at(f"/_partition/{name}/_design/d/_view/s"))).json["rows"]
            assert sum(row["value"] for row in total) == len(own)


async def test_lists_and_shows_of_a_partition(couch: Couch) -> None:
    await fill(couch)
    functions = {
        "views": {"m": {"map": MAP}},
        "lists": {
            "l": "function () { var row, out = ''; while (row = getRow()) out += row.id + ' '; return out }"
        },
        "shows": {"s": "function (doc, req) { return doc._id + ' ' + req.path.join('/') }"},
    }
    await couch("PUT", at("/_design/d"), functions)
    assert (await couch("GET", at("/_partition/a/_design/d/_list/l/m"))).body == b"a:1 a:2 a:b:c "
    assert (await couch("GET", at("/_partition/a/_design/d/_list/l/_all_docs"))).body == b"a:1 a:2 a:b:c "
    assert (
        await couch("GET", at("/_partition/a/_design/d/_show/s/a:1"))
    ).body == b"a:1 p/_design/d/_show/s/a:1"


async def test_limits_of_queries(couch: Couch) -> None:
    await fill(couch)
    await couch("PUT", at("/_design/d"), {"views": {"m": {"map": MAP}}})
    paths = ("/_partition/a/_all_docs", "/_partition/a/_design/d/_view/m")
    await couch("PUT", "//_node/_local/_config/query_server_config/partition_query_limit", "2")
    for path in paths:
        assert len(await ids(couch, path)) == len(await ids(couch, f"{path}?limit=2")) == 2
        told = await refused(await couch("GET", at(f"{path}?limit=3")))
        assert told == (400, "query_parse_error", "Limit is too large, must not exceed 2")
    await couch("PUT", "//_node/_local/_config/query_server_config/query_limit", "1")
    assert len(await ids(couch, "/_all_docs")) == 1
    assert len(await ids(couch, paths[0])) == 2


# -- queries


async def found(couch: Couch, path: str, query: dict[str, Any]) -> list[str]:
    reply = await couch("POST", at(path), query)
    assert reply.status == 200, reply.body
    return [doc["_id"] for doc in reply.json["docs"]]


async def test_queries_of_a_partition(couch: Couch) -> None:
    await fill(couch)
    some = {"selector": {"v": {"$gt": 0}}}
    for _ in range(2):  # by the documents themselves, then by an index
        assert await found(couch, "/_partition/a/_find", some) == ["a:1", "a:2", "a:b:c"]
        assert await found(couch, "/_find", {**some, "partition": "b"}) == ["b:1"]
        assert await found(couch, "/_find?partition=b", some) == ["b:1"]
        assert len(await found(couch, "/_find", some)) == 5
        page = (await couch("POST", at("/_partition/a/_find"), {**some, "limit": 2})).json
        rest = await found(couch, "/_partition/a/_find", {**some, "bookmark": page["bookmark"]})
        assert [doc["_id"] for doc in page["docs"]] + rest == ["a:1", "a:2", "a:b:c"]
        created = await couch(
            "POST", at("/_partition/a/_index"), {"index": {"fields": ["v"]}, "ddoc": "i", "name": "i"}
        )
        assert created.status == 200
    assert await found(couch, "/_partition/a/_find", {**some, "sort": [{"v": "desc"}]}) == [
        "a:b:c",
        "a:2",
        "a:1",
    ]
    by_id = {"selector": {"_id": {"$gt": "a:1"}}}
    assert await found(couch, "/_partition/a/_find", by_id) == ["a:2", "a:b:c"]
    assert await found(couch, "/_partition/a/_find", {"selector": {"_id": {"$in": ["a:1", "b:1"]}}}) == [
        "a:1"
    ]
    assert await found(couch, "/_partition/a/_find", {"selector": {"_id": "b:1"}}) == []
    stats = (await couch("POST", at("/_partition/b/_find"), {**some, "execution_stats": True})).json[
        "execution_stats"
    ]
    assert stats["total_keys_examined"] == 1


async def test_indexes_of_partitions_and_of_all(couch: Couch) -> None:
    await fill(couch)
    for name, more in (("own", {}), ("global", {"partitioned": False}), ("said", {"partitioned": True})):
        body = {"index": {"fields": ["v"]}, "ddoc": name, "name": name, **more}
        assert (await couch("POST", at("/_index"), body)).status == 200
    listed = (await couch("GET", at("/_index"))).json["indexes"]
    assert [(index["name"], index.get("partitioned")) for index in listed] == [
        ("_all_docs", None),
        ("global", False),
        ("own", True),
        ("said", True),
    ]
    query = {"selector": {"v": 1}}
    own = (await couch("POST", at("/_partition/a/_explain"), query)).json
    assert (own["partitioned"], own["index"]["name"], own["mrargs"]["partition"]) == (True, "own", "a")
    assert own["opts"]["partition"] == "a"
    every = (await couch("POST", at("/_explain"), query)).json
    assert (every["index"]["name"], every["mrargs"]["partition"]) == ("global", None)
    for path, kind in (("/_partition/a/_find", "partitioned"), ("/_find", "global")):
        reply = await couch("POST", at(path), {"selector": {"t": 1}, "sort": ["t"]})
        reason = f"No {kind} index exists for this sort, try indexing by the sort fields."
        assert await refused(reply) == (400, "no_usable_index", reason)


@pytest.mark.parametrize(
    ("path", "body", "error", "reason"),
    [
        ("/_find", {"partition": 1}, "illegal_partition", "Partition must be a string"),
        ("/_find", {"partition": "_a"}, "illegal_partition", "Partition must not start with an underscore"),
        (
            "/_find?partition=a",
            {"partition": "b"},
            "bad_partition",
            "Conflicting value for `partition` in request body",
        ),
        ("/_partition/_a/_find", {}, "illegal_partition", "Partition must not start with an underscore"),
    ],
)
async def test_wrong_queries(couch: Couch, path: str, body: dict[str, Any], error: str, reason: str) -> None:
    await fill(couch)
    told = await refused(await couch("POST", at(path), {"selector": {}, **body}))
    assert told == (400, error, reason)


async def test_a_request_that_waits_to_send_its_body_is_told_once(couch: Couch) -> None:
    await fill(couch)
    reply = await couch(
        "POST", at("/_partition/a/_find"), {"selector": {}}, headers={"Expect": "100-continue"}
    )
    assert len(reply.json["docs"]) == 3
