"""Selectors find what CouchDB 3.5.0 found with them, and fail in its words."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.model.erlang import show
from couchreg.model.selector import SelectorError, compile, normalize

_DATA = Path(__file__).parent / "data/selectors.jsonl"
_GROUPS = [json.loads(line) for line in _DATA.read_text("utf-8").splitlines()]
RECORDED = [(query, group["docs"]) for group in _GROUPS for query in group["queries"]]


def _name(part: Any) -> str:
    return part["name"] if isinstance(part, dict) else ""


@pytest.mark.parametrize(("query", "docs"), RECORDED, ids=_name)
def test_recorded_query(query: dict[str, Any], docs: list[dict[str, Any]]) -> None:
    if "error" in query:
        with pytest.raises(SelectorError) as caught:
            compile(query["selector"])
        assert caught.value.error == query["error"]
        assert caught.value.reason.startswith(query["reason"])
    else:
        matches = compile(query["selector"])
        assert sorted(doc["_id"] for doc in docs if matches(doc)) == query["ids"]


def finds(selector: Any, doc: dict[str, Any]) -> bool:
    return compile(selector)(doc)


def test_the_forms_of_the_module() -> None:
    assert normalize({"a": {"b": 1, "c": {"$gt": 2}}}) == {"$and": [{"a.b": {"$eq": 1}}, {"a.c": {"$gt": 2}}]}
    assert normalize({"$not": {"a": {"$gt": 2}}}) == {"a": {"$lte": 2}}
    assert normalize({"$nor": [{"a": 1}, {"b": 2}]}) == {"$and": [{"a": {"$ne": 1}}, {"b": {"$ne": 2}}]}
    assert normalize({}) == {}


def test_a_document_without_the_field_matches_no_negation() -> None:
    assert not finds({"a": {"$ne": 1}}, {})
    assert not finds({"$not": {"a": 1}}, {"b": 1})
    assert not finds({"a": {"$not": {"$regex": "x"}}}, {})
    assert finds({"a": {"$not": {"$regex": "x"}}}, {"a": 1})


def test_one_of_nothing_asks_for_nothing() -> None:
    matches = compile({"a": 1, "$or": []})
    assert matches({"a": 1})
    assert not matches({"a": 2})


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_double_negations_vanish(count: int) -> None:
    selector: dict[str, Any] = {"a": 1}
    for _ in range(count):
        selector = {"$not": selector}
    assert finds(selector, {"a": 1}) == (count % 2 == 0)


def test_paths() -> None:
    doc = {"a": {"b": [{"c": 1}]}, "x.y": 2, "$z": 3, "n": None}
    assert finds({"a.b.0.c": 1}, doc)
    assert finds({"a": {"b.0": {"c": 1}}}, doc)
    assert finds({"x\\.y": 2}, doc)
    assert finds({"\\$z": 3}, doc)
    assert not finds({"a.b.1.c": 1}, doc)
    assert not finds({"a.b.-1.c": 1}, doc)
    assert not finds({"n.b": {"$exists": False}}, doc)
    assert finds({"a.z": {"$exists": False}}, doc)
    assert finds({"n": {"$exists": True}}, doc)


def test_ids_compare_by_bytes_and_other_fields_by_collation() -> None:
    assert finds({"_id": {"$gt": "B"}}, {"_id": "a"})
    assert not finds({"x": {"$gt": "B"}}, {"x": "a"})
    assert finds({"_id": {"$gt": 7}}, {"_id": "a"})
    assert finds({"_id": {"$gt": {}}}, {"_id": "a"})
    assert finds({"x": {"$eq": "a\u200b"}}, {"x": "a"})
    assert not finds({"_id": {"$in": ["a\u200b"]}}, {"_id": "a"})
    assert finds({"_id": {"$not": {"$regex": "b"}}}, {"_id": "a"})


def test_all_compares_in_kind_and_eq_by_value() -> None:
    assert finds({"a": {"$all": [1]}}, {"a": [2, 1]})
    assert not finds({"a": {"$all": [1.0]}}, {"a": [2, 1]})
    assert finds({"a": {"$eq": 1.0}}, {"a": 1})
    assert finds({"a": {"$all": [[1, 2]]}}, {"a": [1, 2]})
    assert not finds({"a": {"$all": [{"x": 1, "y": 2}]}}, {"a": [{"y": 2, "x": 1}]})
    assert not finds({"a": {"$all": [True]}}, {"a": [1]})


def test_remainders_have_the_sign_of_the_dividend() -> None:
    assert finds({"a": {"$mod": [3, -1]}}, {"a": -4})
    assert finds({"a": {"$mod": [-3, 1]}}, {"a": 4})
    assert not finds({"a": {"$mod": [3, 1]}}, {"a": 4.0})
    assert not finds({"a": {"$mod": [0, 0]}}, {"a": 4})


def test_expressions_match_bytes_and_cannot_hold_the_server() -> None:
    assert finds({"a": {"$regex": "^(?i)É$|^..$"}}, {"a": "é"})
    assert not finds({"a": {"$regex": "^(a+)+$"}}, {"a": "a" * 40 + "!"})
    assert not finds({"a": {"$regex": "."}}, {"a": 5})


@pytest.mark.parametrize(
    ("selector", "error", "reason"),
    [
        ({"$where": "x"}, "not_supported", "Unsupported operator: $where"),
        ({"a": {"$nope": 1}}, "invalid_operator", "Invalid operator: $nope"),
        ({"a": {"$exists": 1}}, "bad_arg", "Bad argument for operator $exists: 1"),
        ({"a": {"$in": "ab"}}, "bad_arg", "Bad argument for operator $in: <<97,98>>"),
        ({"a": {"$type": {"b": None}}}, "bad_arg", "Bad argument for operator $type: {[{<<98>>,null}]}"),
        ({"a": {"$mod": [1, 2, 3]}}, "bad_arg", "Bad argument for operator $mod: [1,2,3]"),
        ({"a": {"$allMatch": []}}, "bad_arg", "Bad argument for operator $allMatch: []"),
        ({"a": {"$keyMapMatch": 1}}, "bad_arg", "Bad argument for operator $keyMapMatch: 1"),
        ({"a": {"$regex": "["}}, "bad_arg", "Bad argument for operator $regex: <<91>>"),
        ({"a": {"$regex": 5}}, "invalid_operator", "Invalid operator: $regex"),
        ({"$eq": 1}, "invalid_selector", "One or more conditions is missing a field name."),
        ({"a": {"$text": "x"}}, "bad_field", "Invalid field normalization on selector: "),
        ({"$not": {"$text": "x"}}, "bad_arg", "Bad argument for operator $not: "),
        ({"a..b": 1}, "invalid_field_name", "Invalid field name: a..b"),
    ],
)
def test_wrong_selectors(selector: Any, error: str, reason: str) -> None:
    with pytest.raises(SelectorError) as caught:
        compile(selector)
    assert caught.value.error == error
    assert caught.value.reason.startswith(reason)


def test_deep_selectors_are_refused() -> None:
    negations: dict[str, Any] = {"a": 1}
    argument: Any = 1
    for _ in range(5_000):
        negations, argument = {"$not": negations}, [argument]
    for selector in (negations, {"a": argument}, {"a": {"$size": argument}}, argument):
        with pytest.raises(SelectorError, match="nested too deeply"):
            compile(selector)


LONG = "a." * 30_000 + "a"


@pytest.mark.parametrize(
    "selector",
    [
        {LONG: {"$and": [{"$gt": n} for n in range(100)]}},
        {LONG: {"$or": [{"$gt": n} for n in range(100)]}},
        {LONG: {"$not": {"$or": [{"$gt": n} for n in range(100)]}}},
        {LONG: {"$nor": [{"$elemMatch": {"a": n}} for n in range(100)]}},
        {LONG: {"$and": [{f"b{n}": 1} for n in range(100)]}},
        {"a": {"$elemMatch": {LONG: {"$or": [{"$gt": n} for n in range(100)]}}}},
    ],
)
def test_a_long_path_is_shared_by_few_conditions(selector: Any) -> None:
    with pytest.raises(SelectorError, match="too long"):
        compile(selector)


def test_many_conditions_may_have_short_paths() -> None:
    compile({"$or": [{"a.b": {"$gt": n, "$lt": n}} for n in range(20_000)]})
    compile({LONG: {"$gt": 1, "$lt": 2}})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.5, "2.5"),
        (100000.0, "1.0e5"),
        (0.001, "0.001"),
        (1e22, "1.0e22"),
        (1.5e-7, "1.5e-7"),
        (-250000.0, "-2.5e5"),
        (0.0, "0.0"),
        ([1, "a", {"b": True}], "[1,<<97>>,{[{<<98>>,true}]}]"),
        (None, "null"),
    ],
)
def test_erlang_text(value: Any, shown: str) -> None:
    assert show(value) == shown
