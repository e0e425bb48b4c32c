"""What a selector and a projection may cost, whatever they ask of whatever document. Where the work grew
faster than the text these tests would have no end."""

import tracemalloc
from typing import Any

import pytest

from couchreg.errors import BadRequest
from couchreg.model import json, selector
from couchreg.model.projection import Projection, split_path
from couchreg.model.selector import SelectorError
from couchreg.model.work import TooMuchWork, Work, size

LONG = list(range(30_000))


@pytest.mark.parametrize(
    "asked",
    [
        {"a": {"$allMatch": {"$in": LONG}}},
        {"$or": [{"a": {"$elemMatch": {"$eq": -1 - number}}} for number in range(5)]},
        {"a": {"$all": [[1], [2], [3]]}},
        {"a": {"$gt": LONG}},
    ],
)
def test_a_selector_that_is_too_much_for_a_document_is_refused(asked: dict[str, Any]) -> None:
    matches = selector.compile(asked)
    assert not matches({"a": []})
    with pytest.raises(TooMuchWork):
        matches({"a": LONG})
    assert not matches({"a": []})  # each document counts for itself


def test_long_lists_meet_in_linear_time() -> None:
    matches = selector.compile({"a": {"$in": [f"x{number}" for number in LONG]}})
    assert not matches({"a": [f"y{number}" for number in LONG]})
    assert matches({"a": [*map(str, LONG[:20_000]), "x7"]})
    assert selector.compile({"a": {"$in": [1.0, {"b": 1}, "é"]}})({"a": ["é"]})
    assert selector.compile({"a": {"$nin": [1.0]}})({"a": [2]})
    assert not selector.compile({"a": {"$nin": [1.0]}})({"a": [1]})


def test_a_path_is_not_copied_into_each_condition() -> None:
    asked = {"a" * 300_000: {"$or": [{f"b{number}": 1} for number in range(10_000)]}}
    with pytest.raises(SelectorError):
        selector.compile(asked)


def test_expressions_have_a_time_together() -> None:
    work = Work()
    work.took(work.seconds / 2)
    assert work.seconds > 0
    work.took(1)
    for _ in range(5):
        assert work.seconds == 0
        work.renew()
        work.took(1)
    work.renew()
    assert work.seconds == 0  # they are not tried again
    matches = selector.compile({"$or": [{"a": {"$regex": "(a+)+$"}}] * 30 + [{"b": 1}]})
    assert all(matches({"a": "a" * 60 + "b", "b": 1}) for _ in range(50))


def test_expressions_are_not_long() -> None:
    with pytest.raises(SelectorError):
        selector.compile({"$or": [{"a": {"$regex": "a" * 1000}}] * 5})
    assert selector.compile({"a": {"$regex": "^a{1000}$"}})({"a": "a" * 1000})


def test_a_long_field_is_split_in_linear_time() -> None:
    assert split_path("x" * 8_000_000) == ["x" * 8_000_000]
    assert split_path(r"a\.b.c") == ["a.b", "c"]
    for fields in (["." * 8_000_000], ["a.b.c"[:1] + f".{number}" for number in range(60_000)]):
        with pytest.raises(BadRequest):
            Projection(fields)
    shown = Projection(["a.b"] * 400_000)
    assert shown({"a": {"b": {"c": list(range(1000))}, "d": 1}}) == {"a": {"b": {"c": list(range(1000))}}}


def test_values_are_counted_without_making_them() -> None:
    assert json.count_values(b'{"a":[1,{},"x"]}', 100) <= 100
    text = json.encode({"a": ",[{" * 1000})
    assert json.count_values(text, 10) <= 10
    assert json.count_values(b"[" + b"[]," * 1000 + b"1]", 500) > 500
    for odd in (b'"' + b'\\"' * 3_000_000, b'\\"' * 3_000_000, b'"' * 3_000_001, b'"\\'):
        json.count_values(odd + b"," * 9, 5)
    assert size({"a": [1, {}, "x"]}) == 5


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 18])
def test_what_stands_outside_of_strings(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "_PIECE", piece)
    texts = ["", ",", '"', "\\", '\\"', '\\\\"', 'a\\\\\\"b', "[{", "\n\u0001é", "\\\\\\\\"]
    for first in texts:
        for second in texts:
            text = json.encode([first, {second: [1, first]}])
            assert b"".join(json._outside_strings(text)) == b"[,{:[1,]}]"
    assert b"".join(json._outside_strings(b'[1,"breaks off, \\"')) == b"[1,"


def test_to_count_values_takes_no_memory_for_each_string() -> None:
    text = json.encode({"docs": [{"_id": f"g{number}", "a": number} for number in range(200_000)]})
    tracemalloc.start()
    assert json.count_values(text, 1_000_000) >= 600_000
    assert json.count_values(text, 100_000) > 100_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * len(text)


def test_what_only_the_slow_reader_reads_is_said_to_be_so() -> None:
    for text in (b"[" * 5000 + b"]" * 5000, b"1e-320", b"1" * 5000, b'{"a":1,"a":2}'):
        with pytest.raises(json.NeedsTime):
            json.decode_quickly(text)
        json.decode(text)
