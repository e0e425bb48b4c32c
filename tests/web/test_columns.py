"""What a schema says of columns."""

from typing import Any

import pytest

from couchreg.web.columns import described


def rules(field: dict[str, Any], **schema: Any) -> str:
    found = described({"fields": [{"name": "a", **field}], **schema})
    return found[0].rules if found else ""


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({}, ""),
        ({"constraints": {"required": True, "unique": True}}, "never empty, each value once"),
        ({"constraints": {"required": False, "minimum": 0, "maximum": 9.5}}, "0 or more, 9.5 or less"),
        (
            {"constraints": {"minLength": 2, "pattern": "[a-z]+"}},
            "of 2 characters or more, written as [a-z]+",
        ),
        ({"constraints": {"enum": ["x", "y"]}}, "one of x, y"),
        ({"categories": [{"value": 1, "label": "low"}, 2]}, "one of 1, 2"),
        ({"constraints": {"enum": list(range(20))}}, "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
        ({"unit": "mm"}, "in mm"),
        ({"constraints": "required", "unit": 5, "categories": {}}, ""),
        ({"constraints": {"minimum": None, "pattern": "", "maximum": {}}}, ""),
    ],
)
def test_what_values_have_to_be_is_said(field: dict[str, Any], said: str) -> None:
    assert rules(field) == said


def test_the_key_is_named() -> None:
    assert rules({}, primaryKey="a") == rules({}, primaryKey=["b", "a"]) == "the key"
    assert rules({}, primaryKey={"a": 1}) == ""


def test_of_what_is_no_schema_nothing_is_said() -> None:
    for schema in (None, [], {"fields": {}}, {"fields": [5, {"name": 5}, {"description": "x"}]}):
        assert described(schema) == []
    long = described({"fields": [{"name": "a", "constraints": {"pattern": "x" * 9000}}]})
    assert len(long[0].rules) <= 400
