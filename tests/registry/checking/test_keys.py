"""Keys with values that are missing, as SQL has them: both judges say the same."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking import sifting
from tests.registry.checking.judging import V2, judged, laid, table

AB = [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]


def found(report: dict[str, Any]) -> list[tuple[str, int, str | None]]:
    return [(item["type"], item["row"], item["field"]) for item in report["problems"]]


@pytest.fixture(params=["sifted", "whole"], autouse=True)
def judge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "whole":
        monkeypatch.setattr(sifting.Sifter, "suspects", lambda *_: None)


@pytest.mark.parametrize("package", [{}, {"$schema": V2}])
@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("a,b\n1,\n1,x\n", ["a", "b"], [("primary-key", 2, "b")]),
        ("a,b\n1,x\n,x\n,y\n", ["a", "b"], [("primary-key", 3, "a"), ("primary-key", 4, "a")]),
        ("a,b\n1,x\n,\n", ["a", "b"], [("primary-key", 3, "a"), ("primary-key", 3, "b")]),
        ("a,b\n1,x\n,y\n", "a", [("primary-key", 3, "a")]),
        ("a,b\n1,x\nz,y\n", ["a"], [("type-error", 3, "a")]),
        ("a,b\n1,x\n\n", ["a", "b"], [("blank-row", 3, None)]),
        ("a,b\n1,x\n2\n", ["a", "b"], [("missing-cell", 3, "b")]),
        ("a,b\n1,x\n2,x\n", ["a", "b"], []),
        ("a,b\n1,x\n1,x\n", ["a", "b"], [("primary-key", 3, None)]),
    ],
)
def test_no_field_of_a_primary_key_is_without_a_value(
    tmp_path: Path, text: str, key: Any, expected: list[Any], package: dict[str, Any]
) -> None:
    report = table(tmp_path, text, schema={"fields": AB, "primaryKey": key}, package=package)
    assert found(report) == expected
    for item in report["problems"]:
        assert item["line"] == item["row"]
        if item["type"] == "primary-key" and item["field"]:
            assert f'the field "{item["field"]}" is a part of it and has no value' in item["message"]


def test_a_required_field_of_a_key_is_told_once(tmp_path: Path) -> None:
    fields = [{**AB[0], "constraints": {"required": True}}, AB[1]]
    report = table(tmp_path, "a,b\n,x\n", schema={"fields": fields, "primaryKey": ["a", "b"]})
    assert found(report) == [("constraint-error", 2, "a")]


def two(
    folder: Path, text: str, fields: list[Any], key: dict[str, Any], targets: list[Any] = AB
) -> dict[str, Any]:
    resources = [
        {"name": "t", "path": "t.csv", "schema": {"fields": fields, "foreignKeys": [key]}},
        {"name": "o", "path": "o.csv", "schema": {"fields": targets}},
    ]
    return judged(laid(folder, {"resources": resources}, **{"t.csv": text, "o.csv": "a,b\n1,x\n2,y\n3,\n"}))


def test_a_foreign_key_that_lacks_a_value_is_not_compared(tmp_path: Path) -> None:
    key = {"fields": ["a", "b"], "reference": {"resource": "o", "fields": ["a", "b"]}}
    report = two(tmp_path, "a,b\n1,x\n1,\n,x\n7,\n,\n2,x\n", AB, key)
    assert found(report) == [("foreign-key", 7, None)]
    assert "type" not in report["problems"][0]["message"]


def test_a_foreign_key_into_its_own_table(tmp_path: Path) -> None:
    fields = [*AB, {"name": "c", "type": "integer"}, {"name": "d", "type": "string"}]
    keys = [{"fields": ["c", "d"], "reference": {"resource": "", "fields": ["a", "b"]}}]
    text = "a,b,c,d\n1,x,,\n2,y,1,x\n3,z,9,\n4,q,,y\n5,r,1,y\n"
    report = table(tmp_path, text, schema={"fields": fields, "foreignKeys": keys})
    assert found(report) == [("foreign-key", 6, None)]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("string", "\"a\" is of the type string, and the field 'a' of 'o', to which it refers, of the type"),
        ("date", '"a" is of the type date'),
        ("number", None),
        (None, '"a" is of the type any'),
    ],
)
def test_a_foreign_key_of_another_type(tmp_path: Path, own: str | None, words: str | None) -> None:
    key = {"fields": "a", "reference": {"resource": "o", "fields": "a"}}
    fields = [{"name": "a", "type": own} if own else {"name": "a"}]
    value = "2020-01-01" if own == "date" else "9" if own == "number" else "1"
    [item] = two(tmp_path, f"a\n{value}\n", fields, key)["problems"]
    assert item["type"] == "foreign-key"
    assert words is None or words in item["message"]
    assert ("Give both the same type" in item["message"]) is (words is not None)
