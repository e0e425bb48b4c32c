"""The order of keys in views, as CouchDB 3.5.0 returned them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.model.collation import compare, compare_strings, sort_key, string_key

GROUPS: list[list[Any]] = json.loads((Path(__file__).parent / "data/collation.json").read_text("utf-8"))


def sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def test_recorded_order() -> None:
    placed = [(place, key) for place, group in enumerate(GROUPS) for key in group]
    keys = [sort_key(key) for _, key in placed]
    assert len(placed) > 300
    for (place, key), bytes_ in zip(placed, keys, strict=True):
        for (other_place, other), other_bytes in zip(placed, keys, strict=True):
            assert sign(bytes_, other_bytes) == sign(place, other_place)
            assert compare(key, other) == sign(place, other_place)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (2**53, 2**53 + 1),
        (2**53 - 1, float(2**53)),
        (-(10**400), -(10**399)),
        (10**399, 10**400),
        (1.7e308, 10**400),
        (-(10**400), -1.7e308),
        (10**309, 10**310),
        (-0.5, -0.25),
        ([], [None]),
        ([1], [1, 0]),
        ([1, 9], [2]),
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 2}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 0}),
        ([[]], [{}]),
        ("a", "B"),
        (10**700, 10**701),
        (-(10**701), -(10**700)),
    ],
)
def test_order(left: Any, right: Any) -> None:
    assert compare(left, right) == -1
    assert compare(right, left) == 1
    assert sort_key(left) < sort_key(right)


@pytest.mark.parametrize(
    ("left", "right"), [(1, 1.0), (-0.0, 0), (2**60, float(2**60)), ([1], [1.0]), ("a\u200b", "a"), ({}, {})]
)
def test_equal(left: Any, right: Any) -> None:
    assert compare(left, right) == 0
    assert sort_key(left) == sort_key(right)


numbers = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(numbers, numbers)
def test_numbers_compare_by_value(left: float, right: float) -> None:
    assert sign(sort_key(left), sort_key(right)) == sign(left, right) == compare(left, right)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_string_keys_order_as_strings(left: str, right: str) -> None:
    assert sign(string_key(left), string_key(right)) == sign(compare_strings(left, right), 0)


def test_deep_keys() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert compare(deep, [deep]) == -1


def test_what_is_no_json() -> None:
    with pytest.raises(TypeError):
        sort_key({1})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "A", "b", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aAb"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_comparing_and_sort_keys_agree(left: Any, right: Any) -> None:
    assert compare(left, right) == sign(sort_key(left), sort_key(right))
