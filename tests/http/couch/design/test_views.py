"""Views over HTTP, where the record of CouchDB does not look: purges, random edits, hostile maps."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from couchreg.designdocs.functions import Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.views import engine
from couchreg.designdocs.views.built_in import built_in
from couchreg.designdocs.views.index import IndexFile
from couchreg.designdocs.views.reading import KeyBound, Read
from couchreg.errors import BadRequest, Failure
from couchreg.model.collation import sort_key
from couchreg.model.raw_order import raw_sort_key
from tests.designdocs.rows import mapped
from tests.http.couch.conftest import Couch

EMITS = "function(doc) { (doc.keys || []).forEach(function(key) { emit(key, doc.value); }); }"


async def put_view(couch: Couch, name: str = "d", **view: Any) -> None:
    rev = (await couch("GET", f"/_design/{name}")).json.get("_rev")
    members = {"views": {"v": {"map": EMITS, **view}}, **({"_rev": rev} if rev else {})}
    assert (await couch("PUT", f"/_design/{name}", members)).status == 201


async def rows(couch: Couch, query: str = "", name: str = "d") -> list[Any]:
    reply = await couch("GET", f"/_design/{name}/_view/v{query}")
    assert reply.status == 200, reply.body
    found: list[Any] = reply.json["rows"]
    return found


async def test_random_edits_against_a_naive_model(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    """After edits, deletions, conflicts and purges the index is what a map of all winners gives."""
    monkeypatch.setattr(engine, "TOGETHER", 3)
    monkeypatch.setattr(engine, "PAGE", 2)
    await put_view(couch)
    await put_view(couch, "sums", reduce="_sum")
    choose = random.Random(7)
    for _ in range(12):
        for _ in range(choose.randrange(1, 6)):
            await _edit(couch, choose)
        expected = await _expected(couch)
        assert [(row["key"], row["id"], row["value"]) for row in await rows(couch)] == expected
        backwards = await rows(couch, "?descending=true")
        assert [(row["key"], row["id"]) for row in backwards] == [pair[:2] for pair in expected[::-1]]
        total = sum(value for _, _, value in expected)
        assert await rows(couch, name="sums") == ([{"key": None, "value": total}] if expected else [])


async def _edit(couch: Couch, choose: random.Random) -> None:
    doc_id = f"doc{choose.randrange(6)}"
    keys = [choose.choice(["a", "B", "b", 1, None, [1], {"x": 1}]) for _ in range(choose.randrange(3))]
    distinct = [key for place, key in enumerate(keys) if key not in keys[:place]]
    doc = {"_id": doc_id, "keys": distinct, "value": choose.randrange(9)}
    stored = await couch("GET", f"/{doc_id}")
    kind = choose.choice(["write", "write", "write", "delete", "conflict", "purge"])
    if kind == "conflict":
        await couch.graft({**doc, "_rev": f"{choose.randrange(1, 4)}-{choose.randbytes(16).hex()}"})
    elif stored.status != 200:
        await couch("PUT", f"/{doc_id}", doc)
    elif kind == "write":
        await couch("PUT", f"/{doc_id}", {**doc, "_rev": stored.json["_rev"]})
    elif kind == "delete":
        await couch("DELETE", f"/{doc_id}?rev={stored.json['_rev']}")
    else:
        await couch("POST", "/_purge", {doc_id: [stored.json["_rev"]]})


async def _expected(couch: Couch) -> list[tuple[Any, str, int]]:
    every = await couch("GET", "/_all_docs?include_docs=true")
    docs = [row["doc"] for row in every.json["rows"] if not row["id"].startswith("_")]
    found = [(key, doc["_id"], doc["value"]) for doc in docs for key in doc["keys"]]
    return sorted(found, key=lambda row: (sort_key(row[0]), row[1].encode()))


async def test_an_index_is_made_anew_where_purges_are_forgotten(couch: Couch) -> None:
    await put_view(couch)
    assert (await couch("PUT", "/_purged_infos_limit", 1)).status == 200
    revs = {name: await couch.rev(name, {"keys": [name], "value": 1}) for name in "abcd"}
    assert len(await rows(couch)) == 4
    for purged, left in (("a", "bcd"), ("bc", "d")):
        for name in purged:
            assert (await couch("POST", "/_purge", {name: [revs[name]]})).status == 201
        assert [row["id"] for row in await rows(couch)] == list(left)


async def test_an_index_goes_on_where_it_was(couch: Couch) -> None:
    await put_view(couch)
    await couch.rev("a", {"keys": [1], "value": 1})
    assert len(await rows(couch)) == 1
    assert len(list((couch.data / "views").rglob("*.view"))) == 1
    await couch.rev("b", {"keys": [2], "value": 2})
    assert [row["id"] for row in await rows(couch, "?update=false")] == ["a"]
    assert [row["id"] for row in await rows(couch, "?stale=ok")] == ["a"]
    assert [row["id"] for row in await rows(couch, "?update=lazy")] == ["a"]
    assert [row["id"] for row in await rows(couch)] == ["a", "b"]


async def test_design_documents_with_equal_maps_share_an_index(couch: Couch) -> None:
    await put_view(couch)
    await put_view(couch, "e", reduce="_count")
    await couch.rev("a", {"keys": [1, 2], "value": 1})
    assert len(await rows(couch)) == 2
    assert await rows(couch, name="e") == [{"key": None, "value": 2}]
    assert len(list((couch.data / "views").rglob("*.view"))) == 1


async def test_cleanup_removes_what_no_design_document_needs(couch: Couch) -> None:
    await put_view(couch)
    await rows(couch)
    await put_view(couch, map="function(doc) { emit(doc._id, 1); }")
    await rows(couch)
    assert len(list((couch.data / "views").rglob("*.view"))) == 2
    assert (await couch("POST", "/_view_cleanup", {})).status == 202
    assert len(list((couch.data / "views").rglob("*.view"))) == 1
    assert await rows(couch) == []


async def test_a_database_made_again_has_indexes_of_its_own(couch: Couch) -> None:
    await put_view(couch)
    await couch.rev("a", {"keys": [1], "value": 1})
    assert len(await rows(couch)) == 1
    await couch("DELETE", "")
    await couch("PUT", "")
    await put_view(couch)
    assert await rows(couch) == []
    assert len(list((couch.data / "views").rglob("*.view"))) == 1


async def test_a_map_that_does_not_end_fails_its_reader_only(couch: Couch) -> None:
    await couch.store.set_config("couchdb", "os_process_timeout", "500")
    await put_view(couch)
    await put_view(couch, "slow", map="function(doc) { while (true) {} }")
    await couch.rev("a", {"keys": [1], "value": 1})
    slow, found = await asyncio.gather(couch("GET", "/_design/slow/_view/v"), rows(couch))
    assert len(found) == 1
    assert (slow.status, slow.json["error"]) == (500, "os_process_error")


async def test_readers_that_come_together_wait_for_one_update(couch: Couch) -> None:
    await put_view(couch)
    docs = [{"_id": f"{number:04}", "keys": [number % 7], "value": 1} for number in range(700)]
    await couch("POST", "/_bulk_docs", {"docs": docs})
    found = await asyncio.gather(*(rows(couch, "?limit=3&skip=350") for _ in range(10)))
    assert len({str(one) for one in found}) == 1
    assert [row["key"] for row in found[0]] == [3, 3, 3]


async def test_javascript_reduces_many_groups_in_parts(couch: Couch) -> None:
    source = "function(keys, values, rereduce) { return sum(values); }"
    await put_view(couch, reduce=source)
    docs = [{"_id": f"{number:04}", "keys": [number % 3, [number]], "value": 1} for number in range(1500)]
    await couch("POST", "/_bulk_docs", {"docs": docs})
    assert await rows(couch) == [{"key": None, "value": 3000}]
    groups = await rows(couch, "?group=true&limit=3")
    assert groups == [{"key": key, "value": 500} for key in range(3)]
    assert len(await rows(couch, "?group=true")) == 1503


async def test_what_grows_in_a_reduce_is_said(couch: Couch) -> None:
    await put_view(couch, reduce="function(keys, values) { return new Array(9000).join('x'); }")
    await couch.rev("a", {"keys": [1], "value": 1})
    [row] = await rows(couch)
    assert (row["key"], row["error"]) == (None, "reduce_overflow_error")
    assert "shrink more rapidly" in row["reason"]


def test_built_in_functions_join_as_they_start() -> None:
    values = [3, 1, 2, 5, 4, 4]
    for name in ("_sum", "_count", "_stats", "_first", "_last", "_top_2", "_bottom_3"):
        reducer = built_in(name)
        whole = reducer.show(reducer.start([], values))
        for place in range(1, len(values)):
            parts = reducer.start([], values[:place]), reducer.start([], values[place:])
            assert reducer.show(reducer.join(*parts)) == whole, name
    for name in ("_top_0", "_top_101", "_top_", "_nope"):
        with pytest.raises(BadRequest):
            built_in(name)
    for wrong in ("x", None, True, {"sum": 1}, {"sum": "a", "count": 1, "min": 1, "max": 1, "sumsqr": 1}):
        with pytest.raises(Failure):
            built_in("_stats").start([], [wrong])


def test_distinct_keys_are_counted_nearly() -> None:
    reducer = built_in("_approx_count_distinct")
    for number in (1, 100, 2000, 50_000):
        half = number // 2
        joined = reducer.join(reducer.start(range(half), []), reducer.start(range(number), []))
        assert abs(reducer.show(joined) - number) <= max(1, number * 0.08)


def test_raw_order_is_that_of_erlang() -> None:
    ordered = [-1, 0, 1.5, 2, False, None, True, {}, {"a": 1}, {"a": 2}, {"b": 0}, [], [1], [1, 2], [2]]
    ordered += ["", "A", "B", "a", "a\0", "aa", "é"]
    keys = [raw_sort_key(value) for value in ordered]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_an_index_file_reads_both_ways_and_counts(tmp_path: Path) -> None:
    file = IndexFile(tmp_path / "a.view")
    made = [(0, sort_key(key), str(key).encode(), b"1") for key in range(5)]
    file.apply([mapped({"a": made, "b": made[2:]})], {"seq": "1"})
    file.apply([mapped({"b": ()})], {"seq": "2"})
    assert (file.total(0), file.meta("seq")) == (5, "2")
    middle = Read(
        0, KeyBound(sort_key(1), None), KeyBound(sort_key(3), None, inclusive=False), descending=False
    )
    assert [row.key for row in file.rows(middle, skip=0, limit=9).rows] == [b"1", b"2"]
    assert file.count(middle) == 2
    back = Read(0, KeyBound(sort_key(3), None), None, descending=True)
    assert [row.key for row in file.rows(back, skip=1, limit=2).rows] == [b"2", b"1"]
    file.close()


async def test_an_index_that_is_read_is_not_closed_for_another(
    tmp_path: Path, couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "OPEN", 1)
    monkeypatch.setattr(engine, "PAGE", 2)
    await put_view(couch)
    await put_view(couch, "sums", reduce="_sum", map=EMITS + " // another")
    await couch.rev("doc", {"keys": [1, 2, 3, 4, 5], "value": 1})
    assert len(await rows(couch)) == 5
    views = engine.ViewEngine(Functions(Contexts(couch.store.config)), tmp_path / "views")
    database = await couch.store.open("db")
    index, _ = await views.index(database, await database.revision("_design/d"))
    read = index.rows(Read(0, None, None, False))
    found = [*await anext(read)]
    await views.index(database, await database.revision("_design/sums"))
    found += [row for page in [page async for page in read] for row in page]
    assert len(found) == 5
    await views.index(database, await database.revision("_design/sums"))
    await views.close()


@pytest.mark.parametrize("path", ["_view/v", "_view/v/queries", "_list/f/v", "_list/f/other/v"])
async def test_what_is_asked_is_looked_for_before_how(couch: Couch, path: str) -> None:
    """A client that has to make its design document learns so, however it asks."""
    lists = {"f": "function() {}"}
    missing = {"error": "not_found", "reason": "missing"}
    if "other" in path:
        assert (await couch("PUT", "/_design/d", {"lists": lists})).status == 201
    method, body = ("POST", {}) if path.endswith("queries") else ("GET", None)
    reply = await couch(method, f"/_design/d/{path}?limit=no", body)
    assert (reply.status, reply.json) == (404, missing)


async def test_options_are_read_before_the_view_is_looked_for(couch: Couch) -> None:
    await put_view(couch)
    for query, status in (("?limit=no", 400), ("", 404)):
        assert (await couch("GET", f"/_design/d/_view/none{query}")).status == status
    for queries, status in ((None, 400), (1, 400), ([], 404), ([{"limit": -1}], 404)):
        asked = {} if queries is None else {"queries": queries}
        assert (await couch("POST", "/_design/d/_view/none/queries", asked)).status == status


async def test_a_view_that_is_asked_with_a_body_has_one(couch: Couch) -> None:
    await put_view(couch)
    reply = await couch("POST", "/_design/d/_view/v", data=b"", headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    for wrong in ({"queries": []}, {"queries": None}):
        reply = await couch("POST", "/_design/d/_view/v", wrong)
        assert (reply.status, reply.json["error"]) == (400, "bad_request")
