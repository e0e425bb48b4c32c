"""Mistakes in a descriptor are told by the member, its value and what it has to be."""

from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import FIELDS, V2, judged, laid, table


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("title", None, "“title” is null: it has to be a string."),
        ("keywords", "a", "“keywords” is 'a': it has to be a list."),
        ("sources", [{"title": "a"}, {"title": 1}], "“sources[1].title” is 1: it has to be a string."),
        ("contributors", [{"title": "a"}, {"title": "b", "email": "x"}], "“contributors[1].email” is 'x'"),
        ("created", "2020-01-01", "write day and time, as in 2020-01-01T00:00:00Z."),
        ("licenses", [{"name": "a"}, {}], "“licenses[1]” is {}: it needs a “name”"),
    ],
)
def test_members_of_a_package_are_told_by_name_and_value(
    tmp_path: Path, member: str, value: Any, words: str
) -> None:
    [found] = table(tmp_path, "id,word\n1,a\n", package={member: value})["problems"]
    assert (found["type"], found["field"]) == ("package-error", member)
    assert words in found["message"]


def test_each_licence_that_lacks_a_name_is_told_once(tmp_path: Path) -> None:
    found = table(tmp_path, "id,word\n1,a\n", package={"licenses": [{"title": "a"}, {"title": "b"}]})
    assert [item["message"][:15] for item in found["problems"]] == ["“licenses[0]” i", "“licenses[1]” i"]


@pytest.mark.parametrize(("old", "new"), [("url", "path"), ("web", "path"), ("id", "name"), ("type", "name")])
def test_members_of_licences_by_their_old_names(tmp_path: Path, old: str, new: str) -> None:
    licence = {old: "https://example.org/by", "title": "Attribution"}
    [found] = table(tmp_path, "id,word\n1,a\n", package={"licenses": [licence]})["problems"]
    assert found["message"].endswith(f"“{old}” is called “{new}” since version 1: rename it.")
    right = {new: "https://example.org/by" if new == "path" else "CC-BY-4.0"}
    assert table(tmp_path, "id,word\n1,a\n", package={"licenses": [right]})["problems"] == []


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"format": 5}, "format", "“format” is 5: it has to be a string."),
        ({"dialect": {"delimiter": 5}}, "dialect", "“delimiter” is 5: it has to be a string."),
        ({"sources": [{"email": "x"}]}, "sources", "“sources[0].email” is 'x'"),
    ],
)
def test_members_of_a_resource_are_told_likewise(
    tmp_path: Path, members: dict[str, Any], field: str, words: str
) -> None:
    [found] = table(tmp_path, "id,word\n1,a\n", **members)["problems"]
    assert (found["resource"], found["field"]) == ("t", field)
    assert words in found["message"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"fields": 5}, "“fields” is 5: it has to be a list."),
        ({}, "It has no “fields”, which it needs."),
        ({"fieldsMatch": "x"}, "“fieldsMatch” is 'x': it has to be one of 'exact', 'equal'"),
        ({"fieldsMatch": 5}, "“fieldsMatch” is 5: it has to be a string."),
        ({"primaryKey": [5]}, "“primaryKey[0]” is 5: it has to be a string."),
        ({"foreignKeys": [{"fields": "id"}]}, "“foreignKeys[0]” has no “reference”, which it needs."),
        ({"missingValues": ["", {"value": "-"}]}, "write a list of strings"),
        ({"missingValues": "x" * 3000}, "…: it has to be a list."),
    ],
)
def test_members_of_a_schema_are_told_likewise(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    schema = {"fields": FIELDS, **members} if members else {}
    v2 = {"$schema": V2}
    [found] = table(tmp_path, "id,word\n1,a\n", schema=schema, package=v2)["problems"]
    assert (found["type"], found["resource"], found["field"]) == ("schema-error", "t", "schema")
    assert words in found["message"]


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ({"headerRows": []}, "“headerRows” is []: it has to have an item, or leave it out."),
        ({"headerRows": [0]}, "“headerRows[0]” is 0: it has to be 1 at least."),
        ({"header": "x" * 3000}, "…: it has to be true or false."),
    ],
)
def test_members_of_a_dialect_are_told_likewise(tmp_path: Path, dialect: dict[str, Any], words: str) -> None:
    [found] = table(tmp_path, "id,word\n1,a\n", dialect=dialect)["problems"]
    assert words in found["message"]


def test_a_file_whose_name_only_looks_the_same(tmp_path: Path) -> None:
    composed, decomposed = "t\u00e9.csv", "te\u0301.csv"
    resource = {"name": "t", "path": composed}
    [found] = judged(laid(tmp_path, {"resources": [resource]}, **{decomposed: "id\n1\n"}))["problems"]
    assert (found["type"], found["file"]) == ("missing-file", composed)
    assert (
        "its accents are encoded otherwise (decomposed, NFD, and the descriptor has composed"
        in found["message"]
    )


def test_a_file_whose_name_has_another_case(tmp_path: Path) -> None:
    resource = {"name": "t", "path": "t.csv"}
    [found] = judged(laid(tmp_path, {"resources": [resource]}, **{"T.csv": "id\n1\n"}))["problems"]
    assert "'t.csv' was not sent; there is 'T.csv', and case counts" in found["message"]


def test_what_is_wrong_in_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    wrong = '{"fields": [{"name": "id", "type": "number", "title": 5}]}'
    [found] = table(tmp_path, "id\n1\n", schema="s.json", files={"s.json": wrong})["problems"]
    assert (found["type"], found["field"], found["file"]) == ("field-error", "id", "s.json")
    [found] = table(tmp_path, "id\n1\n", dialect="d.json", files={"d.json": '{"header": 5}'})["problems"]
    assert (found["type"], found["field"], found["file"]) == ("dialect-error", "dialect", "d.json")
