"""Mistakes in a descriptor are told by the member, its value and what it has to be."""

from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import judged, laid, table


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
