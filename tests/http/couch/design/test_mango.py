"""Mango over HTTP, where the record of CouchDB does not look: ranges, pages, stats, mistakes."""

import random
from typing import Any

import pytest

from couchreg.designdocs.mango import cursor
from couchreg.designdocs.views import engine
from couchreg.model import selector
from couchreg.model.collation import sort_key
from tests.http.couch.conftest import Couch
from tests.http.couch.design.mango import fill, find, ids, made, refused

VALUES = [None, False, True, -1, 0, 1, 1.5, 7, "", "a", "B", "b", "ab", [], [1], ["a", 1], {}, {"x": 1}]
NO_INDEX = "No matching index found, create an index to optimize query time."
OTHER_FIELDS = ("a", "b", "c", "d.e")


# -- the same rows as without an index


def random_condition(chance: random.Random) -> Any:
    value = chance.choice(VALUES)
    several = chance.sample(VALUES, chance.randrange(4))
    return chance.choice(
        [
            value,
            {chance.choice(["$lt", "$lte", "$gt", "$gte", "$eq", "$ne"]): value},
            {"$gte": chance.choice(VALUES), "$lt": chance.choice(VALUES)},
            {"$in": several},
            {"$type": chance.choice(["null", "string", "number", "array", "object", "odd"])},
            {"$beginsWith": chance.choice(["", "a"])},
            {"$regex": "a"},
            {"$exists": True},
            {"$elemMatch": {"$eq": 1}},
            {"$size": 1},
        ]
    )


def random_selector(chance: random.Random) -> dict[str, Any]:
    chosen = {name: random_condition(chance) for name in chance.sample(OTHER_FIELDS, chance.randrange(1, 4))}
    kind = chance.randrange(4)
    if kind == 0:
        return {"$or": [chosen, {name: random_condition(chance) for name in chosen}]}
    if kind == 1:
        return {"$and": [chosen, {"a": random_condition(chance)}]}
    return chosen


def value_of(doc: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        doc = doc[name]
    return doc


@pytest.mark.parametrize("seed", range(3))
async def test_every_plan_finds_what_the_selector_means(
    couch: Couch, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """In the order of the index's keys, forwards, backwards and page by page."""
    monkeypatch.setattr(cursor, "TOGETHER", 2)
    monkeypatch.setattr(engine, "FEW", 3)
    chance = random.Random(seed)
    docs = []
    for number in range(60):
        names = chance.sample(["a", "b", "c"], chance.randrange(1, 4))
        doc = {"_id": f"{number:02}", **{name: chance.choice(VALUES) for name in names}}
        docs.append({**doc, "d": {"e": chance.choice(VALUES)}} if chance.random() < 0.5 else doc)
    for columns in (["a"], ["b", "a"], ["c", "d.e"], ["d.e", "a", "b"]):
        await made(couch, "-".join(columns), *columns)
    await fill(couch, *docs)
    used = set()
    for _ in range(60):
        wanted = random_selector(chance)
        explained = (await couch("POST", "/_explain", {"selector": wanted})).json
        columns = [name for field in explained["index"]["def"]["fields"] for name in field]
        used.add(explained["index"]["name"])
        matches = selector.compile(wanted)
        meant = sorted(
            [doc for doc in docs if matches(doc)],
            key=lambda doc: (sort_key([value_of(doc, name) for name in columns]), doc["_id"]),
        )
        expected = [doc["_id"] for doc in meant]
        assert await ids(couch, wanted, fields=["_id"], limit=100) == expected, (wanted, explained)
        assert await paged(couch, wanted, 3) == expected, (wanted, explained)
        if columns != ["_id"]:
            down = [{name: "desc"} for name in columns]
            assert await ids(couch, wanted, sort=down, limit=100) == expected[::-1], (wanted, explained)
            assert await paged(couch, wanted, 4, sort=down) == expected[::-1], (wanted, explained)
    assert len(used) > 3


async def paged(couch: Couch, wanted: Any, limit: int, **options: Any) -> list[str]:
    found: list[str] = []
    bookmark = ""
    while True:
        page = await find(couch, wanted, limit=limit, bookmark=bookmark, **options)
        found += [doc["_id"] for doc in page["docs"]]
        bookmark = page.get("bookmark", "")
        if len(page["docs"]) < limit:
            return found


# -- documents that an index alone says to be meant


async def test_what_only_sorts_alike_is_not_meant(couch: Couch) -> None:
    values = [1, 1.0, True, "a", "a\u0001", "\u00e9", "e\u0301", "", 0, False, -5, 2**60, None, [1]]
    docs = [{"_id": f"{number:02}", "v": value, "w": "x"} for number, value in enumerate(values)]
    file = {"a.txt": {"content_type": "text/plain", "data": "aGk="}}
    await made(couch, "v", "v")
    await made(couch, "w-v", "w", "v")
    await fill(couch, *docs, {"_id": "file", "v": 1, "w": "x", "_attachments": file})
    for value in values:
        matches = selector.compile({"v": value})
        expected = [doc["_id"] for doc in docs if matches(doc)] + ["file"] * (
            value == 1 and value is not True
        )
        for wanted in ({"v": value}, {"v": value, "w": "x"}, {"$and": [{"v": value}, {"w": {"$eq": "x"}}]}):
            found = (await find(couch, wanted))["docs"]
            assert sorted(doc["_id"] for doc in found) == expected, wanted
            for doc in found:
                assert doc == (await couch("GET", f"/{doc['_id']}")).json


async def test_a_document_that_has_changed_since_the_index_is_looked_at(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(couch, "v", "v")
    await fill(couch, *[{"_id": name, "v": 1} for name in "abc"])
    assert await ids(couch, {"v": 1}) == ["a", "b", "c"]
    peek = engine.Index.peek

    async def changed(self: engine.Index, read: Any, limit: int) -> Any:
        rows = await peek(self, read, limit)
        await couch.rev("b", {"v": 2}, (await couch("GET", "/b")).json["_rev"])
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(engine.Index, "peek", changed)
        assert await ids(couch, {"v": 1}) == ["a", "c"]
    await couch.rev("c", {"v": 2}, (await couch("GET", "/c")).json["_rev"])
    assert await ids(couch, {"v": 1}, update=False) == ["a"]
    assert await ids(couch, {"v": 2}) == ["b", "c"]


# -- how much is read


READS: list[tuple[Any, int, int]] = [  # what is asked, how many keys are examined, how many documents found
    ({"n": {"$in": [5, 700, 41]}}, 3, 3),
    ({"$or": [{"n": 5}, {"n": {"$gte": 990}}, {"$and": [{"n": 7}, {"n": 8}]}]}, 11, 11),
    ({"$or": [{"n": {"$gt": 10, "$lt": 13}}, {"n": {"$beginsWith": "x"}}, {"n": None}]}, 4, 2),
    ({"n": {"$in": [5, 6]}, "m": {"$in": [5, 7]}}, 1, 1),
    ({"$and": [{"n": {"$in": [1, 2, 3]}}, {"n": {"$in": [3, 4]}}]}, 1, 1),
]


async def test_only_what_can_match_is_read(couch: Couch) -> None:
    await made(couch, "i", "n", "m")
    await fill(couch, *[{"_id": f"{n:04}", "n": n, "m": n} for n in range(1000)])
    for wanted, keys, docs in READS:
        required = {"$and": [wanted, {"m": {"$exists": True}}]}
        found = await find(couch, required, limit=100)
        assert found["execution_stats"]["total_keys_examined"] == keys, wanted
        assert len(found["docs"]) == docs, wanted
        assert "warning" not in found


async def test_listed_ids_are_looked_up(couch: Couch) -> None:
    await fill(couch, *[{"_id": f"{n:04}"} for n in range(500)])
    wanted = {"$and": [{"_id": {"$in": ["0400", "0007", "x", 5, None]}}, {"_id": {"$gt": None}}]}
    found = await find(couch, wanted, sort=[{"_id": "desc"}], fields=["_id"])
    assert found["docs"] == [{"_id": "0400"}, {"_id": "0007"}]
    assert found["execution_stats"]["total_docs_examined"] == 2
    first = await find(couch, wanted, limit=1)
    assert [doc["_id"] for doc in first["docs"]] == ["0007"]
    assert await ids(couch, wanted, bookmark=first["bookmark"]) == ["0400"]


async def test_keys_alone_answer_what_they_cover(couch: Couch) -> None:
    await made(couch, "i", "a.b", "c")
    await fill(couch, {"_id": "x", "a": {"b": 1, "z": 2}, "c": 1.0}, {"_id": "y", "a": {"b": 2}, "c": None})
    wanted = {"a.b": {"$gt": 0}, "c": {"$exists": True}}
    found = await find(couch, wanted, fields=["c", "a.b", "_id"])
    assert found["docs"] == [{"c": 1.0, "a": {"b": 1}, "_id": "x"}, {"c": None, "a": {"b": 2}, "_id": "y"}]
    assert found["execution_stats"]["total_docs_examined"] == 0
    assert (await find(couch, wanted, fields=["a"]))["execution_stats"]["total_docs_examined"] == 2
    explained = (await couch("POST", "/_explain", {"selector": wanted, "fields": ["_id"]})).json
    assert (explained["covering"], explained["mrargs"]["include_docs"]) == (True, False)


async def test_reads_beyond_one_are_counted_apart(couch: Couch) -> None:
    await fill(couch, {"_id": "x"}, {"_id": "y"})
    stats = (await find(couch, {}, r=3))["execution_stats"]
    del stats["execution_time_ms"]
    assert stats == {
        "total_keys_examined": 2,
        "total_docs_examined": 0,
        "total_quorum_docs_examined": 2,
        "results_returned": 2,
    }


async def test_who_reads_much_for_little_is_told(couch: Couch) -> None:
    await fill(couch, *[{"_id": f"{n}", "n": n} for n in range(11)])
    found = await find(couch, {"n": 3})
    assert found["warning"].splitlines()[0] == NO_INDEX
    assert found["warning"].splitlines()[1].startswith("The number of documents examined is high")
    section = "//_node/_local/_config/mango/index_scan_warning_threshold"
    assert (await couch("PUT", section, "11")).status == 200
    assert (await find(couch, {"n": 3}))["warning"] == NO_INDEX


async def test_the_limit_can_be_another_by_default(couch: Couch) -> None:
    await fill(couch, *[{"_id": f"{n}"} for n in range(5)])
    assert (await couch("PUT", "//_node/_local/_config/mango/default_limit", "2")).status == 200
    assert await ids(couch, {}) == ["0", "1"]
    assert await ids(couch, {}, skip=1, limit=10) == ["1", "2", "3", "4"]
    assert await ids(couch, {}, limit=0) == []


async def test_numbers_beyond_machine_words_and_odd_names(couch: Couch) -> None:
    large, names = 10**30, [f"n{number}" for number in range(30)]
    await fill(
        couch, {"_id": "a", "n": large, "": {"x": 1}, "a b": [large]}, dict.fromkeys(["_id", *names], "b")
    )
    assert await ids(couch, {"n": large}) == ["a"]
    assert await ids(couch, {"n": {"$gt": 10**29}, "a b.0": large}) == ["a"]
    assert await ids(couch, dict.fromkeys(names, "b")) == ["b"]
    assert (await find(couch, {"n": {"$gt": 5}}, fields=["a b"]))["docs"] == [{"a b": [large]}]


# -- indexes follow the database


async def test_an_index_is_up_to_date_unless_told_otherwise(couch: Couch) -> None:
    await made(couch, "i", "n")
    await fill(couch, {"_id": "a", "n": 1})
    assert await ids(couch, {"n": {"$gt": 0}}) == ["a"]
    rev = (await couch("GET", "/a")).json["_rev"]
    await fill(couch, {"_id": "b", "n": 2}, {"_id": "a", "_rev": rev, "n": 0}, {"_id": "c", "n": [3]})
    assert await ids(couch, {"n": {"$gt": 0}}, update=False) == []  # what has been written, and no new keys
    assert await ids(couch, {"n": {"$gt": 0}}, stale="ok") == []
    assert await ids(couch, {"n": {"$gt": 0}}) == ["b", "c"]
    assert (await couch("DELETE", f"/b?rev={(await couch('GET', '/b')).json['_rev']}")).status == 200
    assert await ids(couch, {"n": {"$gt": 0}}) == ["c"]


async def test_partial_indexes_are_used_by_name_only(couch: Couch) -> None:
    await made(couch, "p", "n", partial_filter_selector={"kind": {"$ne": "old"}})
    await fill(couch, {"_id": "a", "n": 1, "kind": "new"}, {"_id": "b", "n": 1, "kind": "old"})
    assert await ids(couch, {"n": 1}) == ["a", "b"]
    found = await find(couch, {"n": 1}, use_index="p")
    assert [doc["_id"] for doc in found["docs"]] == ["a"]
    assert "warning" not in found
    explained = (await couch("POST", "/_explain", {"selector": {"n": 1}})).json
    analysis = {"usable": False, "reasons": [{"name": "is_partial"}], "ranking": 1, "covering": False}
    assert explained["index_candidates"][0]["analysis"] == analysis
    other = {"selector": {"m": 1}, "use_index": "p"}  # which it cannot serve either
    explained = (await couch("POST", "/_explain", other)).json
    assert explained["index_candidates"][0]["analysis"] == {**analysis, "ranking": 3}


async def test_views_of_the_language_query_are_views(couch: Couch) -> None:
    await made(couch, "i", "n")
    await fill(couch, {"_id": "a", "n": 1}, {"_id": "b", "n": None}, {"_id": "c"})
    rows = (await couch("GET", "/_design/i/_view/i?reduce=false")).json["rows"]
    assert [(row["id"], row["key"], row["value"]) for row in rows] == [("b", [None], None), ("a", [1], None)]
    assert (await couch("GET", "/_design/i/_view/i")).json["rows"] == [{"key": None, "value": 2}]


WRONG_OPTIONS = [
    ({"limit": -1}, "invalid_non_neg_integer"),
    ({"limit": None}, "invalid_non_neg_integer"),
    ({"skip": "1"}, "invalid_non_neg_integer"),
    ({"r": 0}, "invalid_pos_integer"),
    ({"update": "lazy"}, "invalid_boolean"),
    ({"fields": "a"}, "invalid_fields"),
    ({"fields": None}, "invalid_fields"),
    ({"fields": [1]}, "invalid_field"),
    ({"fields": ["a..b"]}, "invalid_field_name"),
    ({"sort": ["a"]}, "no_usable_index"),
    ({"sort": [{"a": "up"}]}, "invalid_sort_field"),
    ({"bookmark": "bm9uc2Vuc2U"}, "invalid_bookmark"),
    ({"bookmark": "W1sxXSwiYSJd"}, "invalid_bookmark"),  # [[1], "a"], of an index
    ({"use_index": "a/b/c"}, "invalid_index_name"),
    ({"use_index": "a", "allow_fallback": False}, "invalid_index"),
    ({"partition": "p"}, "query_parse_error"),
    ({"partition": "_p"}, "illegal_partition"),
    ({"selector": {"a..b": 1}}, "invalid_field_name"),
    ({"limit": [[[[[]]]]] * 5000}, "invalid_non_neg_integer"),
    ({"lmit": 1}, "invalid_key"),
]


async def test_wrong_queries(couch: Couch) -> None:
    for options, error in WRONG_OPTIONS:
        status, word, reason = await refused(couch, "/_find", {"selector": {}, **options})
        assert (status, word) == (400, error), options
        assert len(reason) < 3000


async def test_an_index_of_no_field_says_so_when_it_is_used(couch: Couch) -> None:
    await made(couch, "i", "a..b")
    await fill(couch, {"_id": "x"})
    view = await couch("GET", "/_design/i/_view/i")
    assert (view.status, view.json["error"]) == (400, "invalid_field_name")


# -- documents of every size, and much of everything


async def test_large_documents_are_found_too(couch: Couch) -> None:
    text = "x" * 300_000
    await fill(couch, {"_id": "big", "n": 1, "text": text}, {"_id": "small", "n": 1})
    assert await ids(couch, {"n": 1}) == ["big", "small"]
    assert (await find(couch, {"text": {"$regex": "^x"}}, fields=["n", "_id"]))["docs"] == [
        {"n": 1, "_id": "big"}
    ]
    [doc] = (await find(couch, {"text": {"$gt": ""}}))["docs"]
    assert doc["text"] == text
    await made(couch, "i", "n")
    assert await ids(couch, {"n": 1}) == ["big", "small"]


async def test_attachments_and_conflicts_are_members(couch: Couch) -> None:
    stub = {"f.txt": {"content_type": "text/plain", "data": "aGk="}}
    await fill(couch, {"_id": "a", "_attachments": stub}, {"_id": "b"})
    assert await ids(couch, {"_attachments.f\\.txt.length": 2}) == ["a"]
    await couch.graft({"_id": "b", "_rev": "1-0"})
    assert await ids(couch, {"_conflicts": {"$exists": True}}) == []
    [doc] = (await find(couch, {"_conflicts": {"$size": 1}}, conflicts=True))["docs"]
    assert len(doc["_conflicts"]) == 1


async def test_long_lists_of_values_become_few_ranges(couch: Couch) -> None:
    await made(couch, "i", "n")
    await fill(couch, *[{"_id": f"{n:04}", "n": n} for n in range(0, 3000, 2)])
    wanted = {"$and": [{"n": {"$in": list(range(20_000, -1, -1))}}, {"n": {"$exists": True}}]}
    found = await find(couch, wanted, limit=2000, fields=["n"])
    assert [doc["n"] for doc in found["docs"]] == list(range(0, 3000, 2))


async def test_work_beyond_measure_is_refused(couch: Couch) -> None:
    await fill(couch, {"_id": "a", "n": list(range(3000))})
    wanted = {"n": {"$elemMatch": {"$or": [{"$gt": n} for n in range(5000, 5100)]}}}
    status, error, reason = await refused(couch, "/_find", {"selector": wanted})
    assert (status, error) == (400, "bad_request")
    assert "too much work" in reason
