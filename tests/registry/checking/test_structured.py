"""Values that JSON has and CSV has not: one verdict on each, in whatever form, by both judges."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from couchreg.registry.checking import checks, form, sifting
from couchreg.registry.checking.whole import WholeObject, whole
from tests.registry.checking.judging import V2, kinds, table

ROWS = list[dict[str, Any]]
NEWEST = {"$schema": V2}
Found = list[tuple[str, int | None]]


def of(folder: Path, rows: ROWS, version: dict[str, str], schema: dict[str, Any], form: str) -> Any:
    text = json.dumps(rows) if form == "json" else "".join(f"{json.dumps(row)}\n" for row in rows)
    if form == "inline":
        return table(folder, b"", path=None, data=rows, schema=schema, package=version)
    return table(folder, text, f"t.{form}", schema=schema, package=version)


def verdict(
    folder: Path, patch: pytest.MonkeyPatch, rows: ROWS, schema: dict[str, Any], version: dict[str, str]
) -> tuple[Found, str]:
    """What is found, kind and row, and the words of it; see that it is the same in every form and by both
    judges."""
    reports = [of(folder, rows, version, schema, form) for form in ("json", "jsonl", "inline")]
    with patch.context() as whole_only:
        whole_only.setattr(sifting.Sifter, "suspects", lambda *_: None)
        reports += [of(folder, rows, version, schema, form) for form in ("json", "jsonl", "inline")]
    found = [[(item["type"], item["row"]) for item in report["problems"]] for report in reports]
    assert found == [found[0]] * len(found)
    words = ["\n".join(item["message"] for item in report["problems"]) for report in reports]
    assert words == [words[0]] * len(words)
    return found[0], words[0]


def of_one(
    folder: Path, patch: pytest.MonkeyPatch, cells: list[Any], field: dict[str, Any], **schema: Any
) -> tuple[Found, str]:
    rows = [{"v": cell} for cell in cells]
    return verdict(folder, patch, rows, {"fields": [{"name": "v", **field}], **schema}, NEWEST)


ANY = {"type": "any"}
REFERENCE: dict[str, Any] = {"fields": ["v"], "reference": {"resource": "", "fields": ["v"]}}


@pytest.mark.parametrize("field", [ANY, {}])
@pytest.mark.parametrize(
    ("cells", "again"),
    [
        ([[1, 0.1], {"a": 2}, [2], None], [1, 0.1]),
        ([{"a": 0.5, "b": [1]}, {"a": 1}, "x", 3], {"b": [1], "a": 0.5}),
        ([0.1, [0.1], "0.1"], 0.1),
    ],
)
@pytest.mark.parametrize(
    ("more", "schema", "kind"),
    [
        ({"constraints": {"unique": True}}, {}, "unique-error"),
        ({}, {"primaryKey": ["v"]}, "primary-key"),
        ({}, {"uniqueKeys": [["v"]]}, "unique-key"),
    ],
)
def test_keys_of_anything(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    field: dict[str, Any],
    cells: list[Any],
    again: Any,
    more: dict[str, Any],
    schema: dict[str, Any],
    kind: str,
) -> None:
    cells = [cell for cell in cells if cell is not None or kind != "primary-key"]
    assert of_one(tmp_path, monkeypatch, cells, {**field, **more}, **schema)[0] == []
    found = of_one(tmp_path, monkeypatch, [*cells, again], {**field, **more}, **schema)[0]
    assert found == [(kind, len(cells) + 2)]


def test_references_to_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["of", "v"]
    schema: dict[str, Any] = {
        "fields": [{"name": name, "type": "any"} for name in names],
        "foreignKeys": [{**REFERENCE, "fields": ["of"]}],
    }
    rows: ROWS = [{"of": [0.5, {"a": 0.1}], "v": {"a": 1}}, {"of": {"a": 1}, "v": [0.5, {"a": 0.1}]}]
    assert verdict(tmp_path, monkeypatch, rows, schema, NEWEST)[0] == []
    rows += [{"of": [1], "v": 1}]
    assert verdict(tmp_path, monkeypatch, rows, schema, NEWEST)[0] == [("foreign-key", 4)]


@pytest.mark.parametrize(
    ("field", "cells", "wrong"),
    [
        ({"type": "array", "constraints": {"enum": [[0.1]]}}, [[0.1], "[0.1]"], [[0.2]]),
        ({"type": "object", "constraints": {"enum": [{"a": [0.1]}]}}, [{"a": [0.1]}], [{"a": [0.2]}]),
        ({"type": "any", "constraints": {"enum": [0.1, [0.1]]}}, [0.1, [0.1]], [0.2, {"a": 0.1}]),
        ({"type": "list", "constraints": {"enum": ["a,b"]}}, ["a,b", ["a", "b"]], [["b", "a"]]),
        (
            {"type": "list", "itemType": "number", "constraints": {"enum": [[0.1]]}},
            ["0.1", [0.1]],
            [[0.2], "0.2"],
        ),
        (
            {"type": "object", "constraints": {"jsonSchema": {"properties": {"a": {"multipleOf": 0.5}}}}},
            [{"a": 1.5}, {"a": 2}],
            [{"a": 1.6}],
        ),
        (
            {"type": "object", "constraints": {"jsonSchema": {"properties": {"a": {"enum": [0.1, [0.3]]}}}}},
            [{"a": 0.1}, {"a": [0.3]}],
            [{"a": 0.2}],
        ),
        (
            {"type": "array", "constraints": {"jsonSchema": {"items": {"maximum": 0.5}}}},
            [[0.5, 0.1]],
            [[0.6]],
        ),
        (
            {
                "type": "array",
                "arrayItem": {"type": "number"},
                "constraints": {"jsonSchema": {"items": {"multipleOf": 0.5}}},
            },
            [[0.5]],
            [[0.6]],
        ),
        (
            {"type": "geopoint", "format": "object"},
            [{"lon": 1, "lat": 2.5}, {"lat": -90, "lon": 180}, '{"lon": 1, "lat": 2.5}'],
            [
                {"lon": 1},
                {"lon": 1, "lat": 2, "alt": 3},
                {"lon": 181, "lat": 0},
                {"lon": "1", "lat": 2},
                {"lon": True, "lat": 2},
                [1, 2],
                '{"lon": "1", "lat": 2}',
                "1,2",
            ],
        ),
        (
            {"type": "geopoint", "format": "array"},
            [[1, 2.5], "[1, 2.5]", [0.1, 0]],
            [[1], [1, True], ["1", "2"], [1, 91], {"lon": 1, "lat": 2}, '["1", "2"]', "[1, NaN]"],
        ),
    ],
)
def test_numbers_in_json_are_plain(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    field: dict[str, Any],
    cells: list[Any],
    wrong: list[Any],
) -> None:
    found, words = of_one(tmp_path, monkeypatch, [*cells, *wrong[:4]], field)
    assert [row for _, row in found] == [len(cells) + at + 2 for at in range(len(wrong[:4]))]
    assert "Decimal" not in words
    rest = wrong[4:]
    assert [row for _, row in of_one(tmp_path, monkeypatch, [*cells, *rest], field)[0]] == [
        len(cells) + at + 2 for at in range(len(rest))
    ]


def test_a_key_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field = {"type": "geopoint", "format": "object", "constraints": {"unique": True}}
    cells = [{"lon": 0.1, "lat": 2}, {"lon": 0.2, "lat": 2}, '{"lat": 2, "lon": 0.1}']
    assert of_one(tmp_path, monkeypatch, cells, field)[0] == [("unique-error", 4)]


def test_a_number_of_its_own_stays_exact(tmp_path: Path) -> None:
    text = '[{"v": 12345678901234567.1}, {"v": 12345678901234567.2}]'
    schema = {"fields": [{"name": "v", "type": "number", "constraints": {"unique": True}}]}
    assert table(tmp_path, text, "t.json", schema=schema)["problems"] == []


def test_what_is_said_shows_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, words = of_one(tmp_path, monkeypatch, [{"o": [0.1, None, True, "ä"]}], {"type": "number"})
    assert '"{"o": [0.1, null, true, "ä"]}"' in words


MIXED: ROWS = [{"a": 1, "b": "x"}, {"a": "1", "b": 0.5}, {"a": [1], "b": True}, {"a": None, "b": {"c": 0.1}}]


@pytest.mark.parametrize("version", [NEWEST, {}])
def test_a_field_without_a_type_is_of_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: dict[str, str]
) -> None:
    schema = {"fields": [{"name": "a"}, {"name": "b"}]}
    assert verdict(tmp_path, monkeypatch, MIXED, schema, version)[0] == []
    book = openpyxl.Workbook()
    for row in (["a", "b"], [1, "x"], [0.5, True]):
        book["Sheet"].append(row)
    written = io.BytesIO()
    book.save(written)
    assert table(tmp_path, written.getvalue(), "t.xlsx", schema=schema, package=version)["problems"] == []
    pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2], "b": [[0.5], None]}), tmp_path / "columns")
    data = (tmp_path / "columns").read_bytes()
    (tmp_path / "columns").unlink()
    assert table(tmp_path, data, "t.parquet", schema=schema, package=version)["problems"] == []
    assert table(tmp_path, "a,b\n1,x\n", schema=schema, package=version)["problems"] == []


@pytest.mark.parametrize(
    ("more", "right", "wrong"),
    [
        ({"constraints": {"pattern": "a+"}}, "aa", "b"),
        ({"constraints": {"maxLength": 2}}, "aa", "aaa"),
        ({"format": "uuid"}, "7ff8b1b3-36c6-4a8f-8f5c-5b8a2b2e5b5a", "x"),
    ],
)
def test_what_only_strings_have_makes_a_string_before_version_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], right: str, wrong: str
) -> None:
    schema = {"fields": [{"name": "v", **more}]}
    found = verdict(tmp_path, monkeypatch, [{"v": right}, {"v": wrong}], schema, {})[0]
    assert [row for _, row in found] == [3]


def test_no_string_is_demanded_of_anything_in_version_2(tmp_path: Path) -> None:
    schema: dict[str, Any] = {"fields": [{"name": "v", "constraints": {"pattern": "a+"}}]}
    [found] = table(tmp_path, "v\na\n", schema=schema, package=NEWEST)["problems"]
    assert (found["type"], found["field"]) == ("field-error", "v")
    assert "state the “type” of the field" in found["message"]
    schema = {"fields": [{"name": "v", "format": "email"}]}
    report = table(tmp_path, "v\na\n", schema=schema, package=NEWEST)
    assert (report["problems"], [item["member"] for item in report["unchecked"]]) == ([], ["format"])


TWO = [
    {"name": name, "data": [{"v": cell} for cell in cells], "schema": {"fields": [{"name": "v", **ANY}]}}
    for name, cells in (("one", [1, 2]), ("two", [3]))
]


def test_what_the_sifter_stumbles_over_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble(*_: Any) -> None:
        raise TypeError("a mistake of ours")

    monkeypatch.setattr(sifting.Sifter, "suspects", stumble)
    report = checks.check(str(tmp_path), {"name": "p", "resources": TWO})
    assert (report["valid"], report["problems"]) == (True, [])
    assert "a mistake of ours" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["_of_type", "_of_schema"])
def test_what_the_form_of_one_resource_makes_stumble_is_of_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    inner = getattr(form, place)

    def stumble(prepared: Any, resource: Any, options: Any) -> Any:
        if resource["name"] == "one":
            raise TypeError("a mistake of ours")
        return inner(prepared, resource, options)

    monkeypatch.setattr(form, place, stumble)
    report = checks.check(str(tmp_path), {"name": "p", "resources": TWO})
    assert [(item["type"], item["resource"]) for item in report["problems"]] == [("resource-error", "one")]
    assert "a mistake of ours" in capsys.readouterr().err


def test_what_is_written_of_an_object_is_text() -> None:
    value = whole({"b": "\ud800", "a": [0.1, "ä"]})
    assert isinstance(value, WholeObject)
    assert str(value) == '{"a": [0.1, "ä"], "b": "\\ud800"}'
    assert str(value).encode()


def test_weeks_have_a_remedy(tmp_path: Path) -> None:
    report = table(tmp_path, "v\nP2W\n", schema={"fields": [{"name": "v", "type": "duration"}]})
    assert kinds(report) == ["type-error"]
    assert "weeks are days there" in report["problems"][0]["message"]
