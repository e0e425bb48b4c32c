"""Every problem has a place and a remedy, and a publisher's mistake is never a failure of the check."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from couchreg.client.errors import Invalid
from couchreg.client.folder import Folder
from tests.registry.checking.judging import FIELDS, judged, kinds, laid, table

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROWS = "id,word\n1,one\n"
V2 = "https://datapackage.org/profiles/2.0/datapackage.json"


def schema(*fields: Any, **members: Any) -> dict[str, Any]:
    return {"fields": list(fields), **members}


def constrained(kind: str, **constraints: Any) -> dict[str, Any]:
    return schema({"name": "id", "type": kind, "constraints": constraints}, FIELDS[1])


@pytest.mark.parametrize(
    ("members", "kind", "field", "words"),
    [
        (
            {"schema": {"fields": ["id", "word"]}},
            "field-error",
            None,
            'write an object, as in {"name": "id"}',
        ),
        ({"schema": {"fields": [5]}}, "field-error", None, "Field 1"),
        ({"schema": schema({"type": "integer"}, FIELDS[1])}, "field-error", None, "Field 1"),
        ({"schema": {"fields": "id"}}, "schema-error", "schema", "“fields” is"),
        ({"schema": {"fields": {"id": "integer"}}}, "schema-error", "schema", "“fields” is"),
        ({"schema": []}, "schema-error", "schema", "has to be an object"),
        ({"schema": {}}, "schema-error", "schema", "fields"),
        (
            {"schema": schema({"name": "id", "type": "varchar"}, FIELDS[1])},
            "field-error",
            "id",
            "the standard has",
        ),
        ({"schema": schema({"name": "id", "type": 5}, FIELDS[1])}, "field-error", "id", ""),
        (
            {"schema": schema({"name": "id", "type": "string", "format": "x"}, FIELDS[1])},
            "field-error",
            "id",
            "x",
        ),
        ({"schema": constrained("string", pattern="[")}, "field-error", "id", "not a regular expression"),
        ({"schema": constrained("string", pattern=5)}, "field-error", "id", "5"),
        ({"schema": constrained("integer", minimum="abc")}, "field-error", "id", "“minimum” is 'abc'"),
        (
            {"schema": constrained("date", maximum="31.12.2020")},
            "field-error",
            "id",
            "not a value of the type date",
        ),
        ({"schema": constrained("integer", enum=[1, "two"])}, "field-error", "id", "“enum” has 'two'"),
        ({"schema": constrained("string", minLength="3")}, "field-error", "id", "minLength"),
        ({"schema": constrained("integer", minLength=3)}, "field-error", "id", "minLength"),
        ({"schema": constrained("integer", required="yes")}, "field-error", "id", "required"),
        ({"schema": constrained("integer", colour="red")}, "field-error", "id", "colour"),
        ({"schema": schema(*FIELDS, primaryKey="nope")}, "schema-error", "schema", "nope"),
        ({"schema": schema(*FIELDS, primaryKey={"a": 1})}, "schema-error", "schema", ""),
        ({"schema": schema(*FIELDS, foreignKeys=["id"])}, "schema-error", "schema", "“foreignKeys[0]” is"),
        ({"schema": schema(*FIELDS, foreignKeys="id")}, "schema-error", "schema", ""),
        ({"schema": schema(*FIELDS, missingValues="-")}, "schema-error", "schema", ""),
        ({"schema": schema(*FIELDS, primaryKey=[5])}, "schema-error", "schema", "“primaryKey[0]” is 5"),
        (
            {"schema": schema(*FIELDS, foreignKeys=[{"fields": "id", "reference": 5}])},
            "schema-error",
            "schema",
            "“foreignKeys[0].reference” is 5",
        ),
        (
            {"schema": schema({"name": "id", "constraints": []}, FIELDS[1])},
            "field-error",
            "id",
            "constraints",
        ),
        ({"schema": schema({"name": "id", "trueValues": 5}, FIELDS[1])}, "field-error", "id", "trueValues"),
        (
            {"schema": schema(*FIELDS, missingValues=[-99])},
            "schema-error",
            "schema",
            "missingValues[0]",
        ),
        ({"compression": "rar"}, "compression-error", "compression", "use gz or zip"),
        ({"dialect": {"headerRows": [None]}}, "dialect-error", "dialect", "headerRows[0]"),
        (
            {"dialect": {"headerRows": [0]}},
            "dialect-error",
            "dialect",
            "“headerRows[0]” is 0",
        ),
        ({"dialect": {"commentRows": "1"}}, "dialect-error", "dialect", "commentRows"),
        ({"dialect": {"csv": 5}}, "dialect-error", "dialect", "csv"),
        ({"type": True}, "resource-error", "type", "type"),
        ({"$schema": 5}, "resource-error", "$schema", "has to be a string"),
        ({"profile": []}, "resource-error", "profile", "has to be a string"),
        ({"dialect": []}, "dialect-error", "dialect", "has to be an object"),
        ({"dialect": {"delimiter": 5}}, "dialect-error", "dialect", "5"),
        ({"dialect": {"header": "no"}}, "dialect-error", "dialect", "no"),
        ({"encoding": 5}, "resource-error", "encoding", "5"),
        ({"format": 5}, "resource-error", "format", "5"),
        ({"title": 5}, "resource-error", "title", "5"),
        ({"licenses": "CC0"}, "resource-error", "licenses", "CC0"),
        ({"licenses": ["CC0"]}, "resource-error", "licenses", "licenses[0]"),
        ({"sources": [{"email": "nobody"}]}, "resource-error", "sources", "email"),
    ],
)
def test_faults_of_form(
    tmp_path: Path, members: dict[str, Any], kind: str, field: str | None, words: str
) -> None:
    good = {"name": "good", "path": "t.csv", "schema": {"fields": FIELDS}}
    bad = {"name": "bad", "path": "t.csv", "schema": {"fields": FIELDS}, **members}
    report = judged(laid(tmp_path, {"resources": [good, bad]}, **{"t.csv": ROWS}))
    assert kinds(report) == [kind]
    found = report["problems"][0]
    assert (found["resource"], found["field"]) == ("bad", field)
    assert words in found["message"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"licenses": [{"id": "CC0"}]}, "licenses[0]"),
        ({"created": "yesterday"}, "created"),
        ({"contributors": [{"title": "A", "email": "nobody"}]}, "email"),
        ({"keywords": "a"}, "'a'"),
        ({"title": 5}, "5"),
        ({"image": []}, "image"),
        ({"$schema": 5}, "has to be a string"),
        ({"profile": {}}, "has to be a string"),
    ],
)
def test_faults_of_the_package(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    resource = {"name": "t", "path": "t.csv", "schema": {"fields": FIELDS}}
    report = judged(laid(tmp_path, {"resources": [resource], **members}, **{"t.csv": ROWS}))
    assert kinds(report) == ["package-error"]
    assert words in report["problems"][0]["message"]


@pytest.mark.parametrize(
    "members",
    [
        {"schema": constrained("integer", exclusiveMinimum=0)},
        {"schema": schema(FIELDS[0], {**FIELDS[1], "missingValues": [{"value": "-"}]})},
        {"name": "Words of All"},
    ],
)
def test_a_feature_of_version_2_says_how_to_state_it(tmp_path: Path, members: dict[str, Any]) -> None:
    report = table(tmp_path, ROWS, **members)
    assert [f'"$schema": "{V2}"' in item["message"] for item in report["problems"]] == [True]
    assert table(tmp_path, ROWS, package={"$schema": V2}, **members)["problems"] == []


@pytest.mark.parametrize(
    ("path", "data", "kind", "words"),
    [
        (
            "t.csv.gz",
            gzip.compress(ROWS.encode() * 1000, mtime=0)[:-9],
            "compression-error",
            "is the file whole?",
        ),
        (
            "t.csv.gz",
            gzip.compress(ROWS.encode() * 9, mtime=0)[:-1] + b"x",
            "compression-error",
            "is the file whole?",
        ),
        ("t.csv.gz", b"\x1f\x8b\x08\x00" + b"\xff" * 40, "compression-error", "is the file whole?"),
        ("t.csv.gz", b"id,word\n", "compression-error", ""),
        ("t.csv.zip", b"PK\x03\x04", "compression-error", ""),
        ("t.xlsx", b"PK\x03\x04", "format-error", ""),
        ("t.csv", b"id,word\n1,one\n\x00,two\n", "type-error", ""),
        ("t.csv", b'id,word\n1,"one\n', "source-error", "line 2 is not closed"),
        ("t.csv", b"", "source-error", "empty"),
    ],
)
def test_data_that_is_broken(tmp_path: Path, path: str, data: bytes, kind: str, words: str) -> None:
    report = table(tmp_path, data, path)
    assert kinds(report) == [kind]
    found = report["problems"][0]
    assert (found["resource"], found.get("file"), words in found["message"]) == ("t", path, True)


@pytest.mark.parametrize(
    ("member", "path", "text", "line"),
    [
        ("schema", "s.json", '{"fields": [\n {"name": "id"},\n oops]}', 3),
        ("schema", "s.yaml", "fields:\n - name: id\n - {name", 4),
        ("schema", "s.json", "[]", 1),
        ("dialect", "d.json", '{"header": tru}', 1),
        ("profile", "p.json", '{"type":', 1),
    ],
)
def test_a_broken_file_beside_the_data(tmp_path: Path, member: str, path: str, text: str, line: int) -> None:
    report = table(tmp_path, ROWS, **{member: path}, files={path: text})
    [found] = report["problems"]
    assert (found["resource"], found["field"], found["file"]) == ("t", member, path)
    assert found["line"] in (line, line - 1)
    assert "column" in found


def test_a_broken_table_of_json_has_a_line_and_a_column(tmp_path: Path) -> None:
    [found] = table(tmp_path, '[{"id": 1, "word": "a"},\n {"id":]', "t.json", type="table")["problems"]
    assert (found["type"], found["file"], found["line"], found["column"]) == ("source-error", "t.json", 2, 8)


def test_a_row_after_cells_of_many_lines_has_its_line(tmp_path: Path) -> None:
    text = 'id,word\n1,"one\nand\nmore"\n2,two\nx,three\n'
    [found] = table(tmp_path, text)["problems"]
    assert (found["row"], found["line"], found["file"], found["column"]) == (4, 6, "t.csv", 1)


def test_long_names_are_not_cut(tmp_path: Path) -> None:
    name = "n" * 200
    [found] = table(tmp_path, "id,word\nx,one\n", name=name)["problems"]
    assert found["resource"] == name
    path = "/".join(["p" * 100] * 4) + ".csv"
    report = judged(laid(tmp_path, {"resources": [{"name": "t", "path": path}]}))
    assert path in report["problems"][0]["message"]
    report = judged(laid(tmp_path, {"resources": [{"name": "t", "path": f"../{path}"}]}))
    assert f"'../{path}'" in report["problems"][0]["message"]


def test_the_keys_of_a_table_that_is_broken_are_not_held_against_others(tmp_path: Path) -> None:
    key = {"fields": "id", "reference": {"resource": "bad", "fields": "id"}}
    good = {"name": "good", "path": "t.csv", "schema": schema(*FIELDS, foreignKeys=[key])}
    bad = {"name": "bad", "path": "t.csv", "schema": constrained("string", pattern="[")}
    report = judged(laid(tmp_path, {"resources": [good, bad]}, **{"t.csv": ROWS}))
    assert [(item["resource"], item["type"]) for item in report["problems"]] == [("bad", "field-error")]
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [("good", "foreignKeys")]


def test_a_descriptor_with_a_mark_before_it(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"resources": [{"name": "t", "path": "t.csv"}]}, **{"t.csv": ROWS})
    text = json.dumps(json.loads((folder / "datapackage.json").read_text()))
    (folder / "datapackage.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert judged(folder)["problems"] == []


@pytest.mark.parametrize(
    ("text", "row", "line", "kind"),
    [
        ('{"id": 1, "word": "a"}\n{"id": "x", "word": "b"}\n', 3, 2, "type-error"),
        ('{"id": 1, "word": "a"}\n{"id": 2, "word": "b", "z": 1}\n', 3, 2, "extra-cell"),
        ('{"id": 1, "word": "a"}\n5\n', 3, 2, "source-error"),
        ('{"id": 1, "word": "a"}\n[1, "a"]\n', 3, 2, "source-error"),
        ('["id", "word"]\n[1, "a"]\n["x", "b"]\n', 3, 3, "type-error"),
    ],
)
def test_rows_of_lines_of_json_have_their_line(
    tmp_path: Path, text: str, row: int, line: int, kind: str
) -> None:
    [found] = table(tmp_path, text, "t.ndjson")["problems"]
    assert (found["row"], found["file"], found["line"], found["type"]) == (row, "t.ndjson", line, kind)


def test_lines_of_json_in_parts(tmp_path: Path) -> None:
    text, more = '{"id": 1, "word": "a"}\n', '{"id": 2, "word": "b"}\n{"id": "x", "word": "c"}\n'
    report = table(tmp_path, text, "a.ndjson", path=["a.ndjson", "b.ndjson"], files={"b.ndjson": more})
    [found] = report["problems"]
    assert (found["row"], found["file"], found["line"]) == (4, "b.ndjson", 2)


@pytest.mark.parametrize(
    ("rows", "row", "words"),
    [
        ([None], 1, "has null as its row 1: a row is an object or a list"),
        ([["id", "word"], 5], 2, "has 5 as its row 2: the others are lists"),
        ([{"id": 1, "word": "a"}, [2, "b"]], 3, "as its row 3: the others are objects"),
    ],
)
def test_what_is_no_row(tmp_path: Path, rows: Any, row: int, words: str) -> None:
    resource = {"name": "t", "data": rows, "schema": {"fields": FIELDS}}
    [inline] = judged(laid(tmp_path / "inline", {"resources": [resource]}))["problems"]
    [file] = table(tmp_path / "file", json.dumps(rows), "t.json", type="table")["problems"]
    assert (inline["field"], inline["row"], words in inline["message"]) == ("data", row, True)
    assert (file["file"], file["row"], words in file["message"]) == ("t.json", row, True)


def test_no_data(tmp_path: Path) -> None:
    for number, more in enumerate(({}, {"path": "t.csv"}, {"schema": {"fields": FIELDS}})):
        resource = {"name": "t", "data": None, **more}
        [found] = judged(laid(tmp_path / str(number), {"resources": [resource]}, **{"t.csv": ROWS}))[
            "problems"
        ]
        assert (found["type"], found["field"]) == ("resource-error", "data")
        assert "“data” is null: put the rows there" in found["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("data", 'it is a folder: name the files in it, as in ["data/t.csv"]'),
        ("data/", "is a folder: name the files in it"),
        (".", "is a folder: name the files in it"),
        ("data/*.csv", "it has a “*”, and each file is named by itself"),
    ],
)
def test_a_folder_in_place_of_its_files(tmp_path: Path, path: str, words: str) -> None:
    folder = laid(
        tmp_path, {"version": "1", "resources": [{"name": "t", "path": path}]}, **{"data/t.csv": ROWS}
    )
    [found] = judged(folder)["problems"]
    assert found["resource"] == "t"
    assert words in found["message"]
    with pytest.raises(Invalid, match=re.escape(words)):
        Folder.read(folder)


def test_what_is_said_of_a_long_cell(tmp_path: Path) -> None:
    [found] = table(tmp_path, f"id,word\n{'x' * 200_000},a\n")["problems"]
    assert (found["row"], found["field"]) == (2, "id")
    assert found["message"].endswith(
        'x…" in row "2" and field "id" at position "1": type is "integer/default"'
    )
