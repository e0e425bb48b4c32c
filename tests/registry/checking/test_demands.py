"""What version 2 demands of members that frictionless does not look at: told once, of the field."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from couchreg.registry.checking.headers import joined
from tests.registry.checking.judging import V2, judged, kinds, laid, table

ROWS = "id\n1\n2\n7\n8\n"


def of_field(folder: Path, text: str = ROWS, version: str = V2, **members: Any) -> dict[str, Any]:
    package = {"$schema": version} if version else {}
    return table(folder, text, schema={"fields": [{"name": "id", **members}]}, package=package)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"type": "string", "categories": ["1", "2", "1"]}, "“categories” has '1' twice"),
        ({"type": "integer", "categories": [{"value": 1}, {"value": 1}]}, "“categories” has 1 twice"),
        ({"type": "integer", "categories": [{"label": "one"}]}, "and has no “value”, which it needs"),
        (
            {"type": "integer", "categories": [{"value": "1"}]},
            "a value of the type integer is a whole number",
        ),
        ({"type": "integer", "categories": ["1", "2"]}, "“categories[0]” is '1'"),
        ({"type": "integer", "categories": [1, 2.5]}, "“categories[1]” is 2.5"),
        ({"type": "integer", "categories": [1, True]}, "“categories[1]” is true"),
        ({"type": "string", "categories": ["1", 2]}, "a value of the type string is text"),
        ({"type": "string", "categories": ["1", None]}, "“categories[1]” is null"),
        ({"type": "string", "categories": ["1", {"value": "2"}]}, "write them all in one way"),
        ({"type": "integer", "categories": [{"value": 1, "label": 5}]}, "“label” of “categories” is 5"),
        (
            {"type": "integer", "categories": [{"value": 1, "label": "a"}, {"value": 2, "label": "a"}]},
            "“categories” has the label 'a' twice",
        ),
        ({"type": "integer", "categoriesOrdered": "yes"}, "“categoriesOrdered” is 'yes'"),
        ({"type": "integer", "missingValues": ["-", "", "-"]}, "“missingValues” has '-' twice"),
    ],
)
def test_a_field_is_told_of_once(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    [found] = of_field(tmp_path, **members)["problems"]
    assert (found["type"], found["field"], words in found["message"]) == ("field-error", "id", True), found
    assert of_field(tmp_path, version="", **members)["problems"] == []


@pytest.mark.parametrize(
    "members",
    [
        {"type": "integer", "categories": [1, 2, 7, 8], "categoriesOrdered": True},
        {"type": "integer", "categories": [1.0, 2, 7, 8]},
        {"type": "integer", "categories": [{"value": at, "label": str(at)} for at in (1, 2, 7, 8)]},
        {"type": "string", "categories": ["1", "2", "7", "8"]},
        {"categories": ["1", "2", "7", "8"]},
        {"type": "integer", "missingValues": [{"value": "-", "label": "a"}, {"value": "", "label": "b"}]},
    ],
)
def test_categories_that_fit(tmp_path: Path, members: dict[str, Any]) -> None:
    report = of_field(tmp_path, **members)
    assert (report["problems"], report["unchecked"]) == ([], [])


@pytest.mark.parametrize(
    ("kind", "text", "categories"),
    [("boolean", "id\ntrue\nfalse\n", ["true"]), ("date", "id\n2020-01-01\n", ["2020-01-02"])],
)
def test_categories_of_types_that_have_none(
    tmp_path: Path, kind: str, text: str, categories: list[Any]
) -> None:
    report = of_field(tmp_path, text, type=kind, categories=categories)
    assert report["problems"] == []
    [left] = report["unchecked"]
    assert (left["member"], f"is of the type {kind}" in left["reason"]) == ("categories", True)


def test_a_schema_is_told_of(tmp_path: Path) -> None:
    for members, words in (
        ({"uniqueKeys": []}, "“uniqueKeys” is empty"),
        ({"missingValues": ["", "NA", ""]}, "“missingValues” has '' twice"),
    ):
        schema = {"fields": [{"name": "id"}], **members}
        [found] = table(tmp_path, ROWS, schema=schema, package={"$schema": V2})["problems"]
        assert (found["type"], found["field"], words in found["message"]) == ("schema-error", "schema", True)
        assert table(tmp_path, ROWS, schema=schema)["problems"] == []
        stated = table(tmp_path, ROWS, schema="s.json", package={"$schema": V2}, files={"s.json": "{}"})
        assert stated["problems"][0]["file"] == "s.json"


@pytest.mark.parametrize("roles", ["creator", [1], {"a": 1}, None])
def test_roles_of_contributors_are_a_list(tmp_path: Path, roles: Any) -> None:
    package = {"$schema": V2, "contributors": [{"title": "A"}, {"title": "B", "roles": roles}]}
    schema = {"fields": [{"name": "id"}]}
    [found] = table(tmp_path, ROWS, schema=schema, package=package)["problems"]
    assert (found["type"], found["field"]) == ("package-error", "contributors")
    assert found["message"].startswith("“contributors[1].roles” is ")
    package["contributors"] = [{"title": "A", "roles": ["creator"]}]
    assert table(tmp_path, ROWS, schema=schema, package=package)["problems"] == []


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ([["fruit"], ["id", "name"]], ["fruit id", "fruit name"]),
        ([["fruit", "", "veg"], ["id", "name", "id"]], ["fruit id", "fruit name", "veg id"]),
        ([["", "fruit"], ["id", "name"]], ["id", "fruit name"]),
        ([["id", "weight"], ["", "kg"]], ["id", "weight kg"]),
        ([["a"], ["b", "", "c"], ["d", "e", "f", "g"]], ["a b d", "a b e", "a c f", "a c g"]),
        ([["id", "name"], ["id", "name"]], ["id", "name"]),
        ([["a", "b", "c"], ["d"]], ["a d", "b", "c"]),
    ],
)
def test_headers_of_several_rows(rows: list[list[str]], labels: list[str]) -> None:
    assert joined(rows, " ") == labels


@pytest.mark.parametrize(("join", "more"), [(" ", {}), ("-", {"headerJoin": "-"})])
def test_the_standards_own_header(tmp_path: Path, join: str, more: dict[str, str]) -> None:
    names = [f"fruit{join}id", f"fruit{join}name"]
    fields = [{"name": names[0], "type": "integer"}, {"name": names[1]}]
    members: dict[str, Any] = {"schema": {"fields": fields}, "dialect": {"headerRows": [1, 2], **more}}
    text = "fruit\nid,name\n1,apple\n2,orange\n"
    assert table(tmp_path, text, package={"$schema": V2}, **members)["problems"] == []
    assert kinds(table(tmp_path, text.replace("2,", "x,"), package={"$schema": V2}, **members)) == [
        "type-error"
    ]
    book, data = openpyxl.Workbook(), io.BytesIO()
    for row in (["fruit", None], ["id", "name"], [1, "apple"]):
        book.active.append(row)
    book.save(data)
    assert table(tmp_path, data.getvalue(), "t.xlsx", package={"$schema": V2}, **members)["problems"] == []


@pytest.mark.parametrize("member", ["quoteChar", "delimiter", "lineTerminator"])
@pytest.mark.parametrize("version", [{}, {"$schema": V2}])
def test_marks_that_are_null(tmp_path: Path, member: str, version: dict[str, str]) -> None:
    report = table(tmp_path, "id,word\n1,a\n", dialect={member: None}, package=version)
    [left] = report["unchecked"]
    assert (report["problems"], left["member"]) == ([], f"dialect.{member}")
    assert "null is no character, so that nothing is read by it: write one, as in" in left["reason"]
    assert ('as in "quoteChar":"\\u0007"' in left["reason"]) is (member == "quoteChar")


def test_a_text_without_quoting(tmp_path: Path) -> None:
    text = 'id,word\n1,5" wide\n2,"b\n'
    [found] = table(tmp_path, text, dialect={"quoteChar": ""})["problems"]
    assert (
        'for a text without quoting write a character that is nowhere in it, as in "quoteChar":"\\u0007"'
        in (found["message"])
    )
    members = {"resources": [{"name": "t", "path": "t.csv", "dialect": {"quoteChar": "\u0007"}}]}
    assert judged(laid(tmp_path, members, **{"t.csv": text}))["problems"] == []
