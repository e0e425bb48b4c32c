"""What people send who export, rename and copy: refused with its place, and with what to do about it."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from couchreg.errors import InvalidPackage
from couchreg.package.descriptor import examine
from couchreg.registry.checking.proposing import proposed
from tests.registry.checking.judging import FIELDS, V2, judged, kinds, laid, table

TEXT = "id,word\n1,a\n"


def workbook(*rows: list[Any]) -> bytes:
    book, data = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(data)
    return data.getvalue()


def said(report: dict[str, Any], kind: str, words: str, **place: Any) -> bool:
    """Whether one problem is told, of this kind, with these words and this place."""
    [found] = report["problems"]
    assert (found["type"], found["resource"]) == (kind, "t")
    assert words in found["message"]
    return place.items() <= found.items()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("line", "delimiter"), [("sep=;", ";"), ('"sep=,"', ","), ("SEP=\t", "\t")])
def test_a_line_for_excel_is_no_header(tmp_path: Path, line: str, delimiter: str, encoding: str) -> None:
    text = f"{line}\r\nid,word\r\n1,a\r\n".replace(",", delimiter).encode(encoding)
    if line.startswith('"'):
        text = text.replace('""'.encode(encoding), b"")
    report = table(tmp_path, text)
    assert said(report, "source-error", '"headerRows":[2]', row=1, file="t.csv", line=1)
    assert said(table(tmp_path, text, schema=None), "source-error", "only Excel understands", line=1)


@pytest.mark.parametrize("dialect", [{"headerRows": [2]}, {"commentRows": [1]}])
def test_a_line_for_excel_that_is_skipped(tmp_path: Path, dialect: dict[str, Any]) -> None:
    text, package = "sep=;\nid;word\n1;a\n", {"$schema": V2}
    stated = {"delimiter": ";", **dialect}
    assert table(tmp_path, text, dialect=stated, package=package)["problems"] == []
    assert kinds(table(tmp_path, text.replace("1;", "x;"), dialect=stated, package=package)) == ["type-error"]


def test_what_a_line_for_excel_tells_is_proposed(tmp_path: Path) -> None:
    text = "sep=;\nid;day;size\n1;31.12.2024;1,5\n2;01.01.2025;2,5\n"
    laid(tmp_path, {}, **{"t.csv": text})
    [resource] = proposed(tmp_path, ["t.csv"], [])
    assert resource["dialect"] == {"headerRows": [2], "delimiter": ";"}
    assert [field["name"] for field in resource["schema"]["fields"]] == ["id", "day", "size"]
    assert [field["type"] for field in resource["schema"]["fields"]] == ["integer", "date", "number"]
    laid(tmp_path, {"$schema": V2, "resources": [resource]})
    report = judged(tmp_path)
    assert (report["problems"], report["skipped"]) == ([], [])


def test_a_header_that_begins_alike_is_one(tmp_path: Path) -> None:
    fields = [{"name": name, "type": "string"} for name in ("sep=", "sep=b")]
    assert table(tmp_path, "sep=,sep=b\n1,a\n", schema={"fields": fields})["problems"] == []


@pytest.mark.parametrize("value", [5, 1.5, True, False, 0])
@pytest.mark.parametrize("more", [{}, {"schema": {"fields": FIELDS}}, {"format": "json"}])
def test_data_that_is_neither_rows_nor_text(tmp_path: Path, value: Any, more: dict[str, Any]) -> None:
    report = judged(laid(tmp_path, {"resources": [{"name": "t", "data": value, **more}]}))
    assert said(report, "resource-error", "it has to be a list (of rows), an object, or text", field="data")


@pytest.mark.parametrize(
    ("resources", "words", "field"),
    [
        ({"t": {"path": "t.csv"}}, "a list “resources”", "resources"),
        (["t.csv"], "write an object with its “name” and “path”", "resources"),
        ([{"path": "t.csv"}], "every resource needs a name", "name"),
        ([{"name": "t", "path": None}], "“path” is null: it has to be a string", "path"),
        ([{"name": "t", "path": []}], "“path” is []: it has to be a string", "path"),
        ([{"name": "t", "path": "/t.csv"}], "is absolute", "path"),
        ([{"name": "My Table", "path": "t.csv"}], "“name” is 'My Table', which has other characters", "name"),
    ],
)
def test_the_member_that_is_wrong_is_named(tmp_path: Path, resources: Any, words: str, field: str) -> None:
    [found] = judged(laid(tmp_path, {"resources": resources}, **{"t.csv": TEXT}))["problems"]
    assert (found["field"], words in found["message"]) == (field, True)


def test_a_name_that_version_2_allows(tmp_path: Path) -> None:
    members = {"resources": [{"name": "T", "path": "t.csv"}]}
    [found] = judged(laid(tmp_path, members, **{"t.csv": TEXT}))["problems"]
    assert found["message"].endswith(f'in the package: "$schema": "{V2}".')
    assert judged(laid(tmp_path, {"$schema": V2, **members}))["problems"] == []


@pytest.mark.parametrize(
    ("path", "content", "kind", "words"),
    [
        ("t.xls", workbook(["id", "word"], [1, "a"]), "source-error", "name the file .xlsx"),
        ("t.xls", "id\tword\n1\ta\n", "source-error", "name the file by what it is"),
        ("t.xlsx", TEXT, "format-error", "name the file by what it is"),
        (
            "t.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            "source-error",
            "it is no workbook of the older",
        ),
        (
            "t.parquet",
            b"PAR1" + bytes(40) + b"PAR1",
            "source-error",
            "it is no Parquet file, or a part of one",
        ),
        ("t.parquet", b"PAR1", "source-error", "it is no Parquet file"),
        ("t.parquet", TEXT, "source-error", "it is no Parquet file"),
        ("t.xlsx", workbook(), "source-error", "it is empty, and a table has one row at least"),
        ("t.csv", "", "source-error", "it is empty, and a table has one row at least"),
        ("t.xlsx", workbook(["id", "word", None], [1, "a", None]), "extra-label", "remove the column"),
        ("t.xlsx", workbook(["id", "word"], [1, 2]), "type-error", "make it text"),
    ],
)
def test_what_to_do_about_a_table(
    tmp_path: Path, path: str, content: str | bytes, kind: str, words: str
) -> None:
    assert said(table(tmp_path, content, path), kind, words, file=path)


@pytest.mark.parametrize(
    ("name", "header", "words"),
    [
        ("größe", "gr\u006f\u0308ße", "their accents are encoded in two ways"),
        ("größe", "gr\u200böße", "one of them has U+200B in it"),
        ("größe", "\ufeff\ufeffgröße", "one of them has U+FEFF in it"),
    ],
)
def test_names_that_look_alike(tmp_path: Path, name: str, header: str, words: str) -> None:
    report = table(tmp_path, f"{header}\nx\n", schema={"fields": [{"name": name, "type": "string"}]})
    assert said(report, "incorrect-label", words, line=1)
    other = table(tmp_path, "size\nx\n", schema={"fields": [{"name": name, "type": "string"}]})
    assert "looks like" not in other["problems"][0]["message"]


def test_a_table_in_a_format_that_is_not_read(tmp_path: Path) -> None:
    for path, words in (("t.txt", '"format": "csv"'), ("t.tab", '"format": "tsv"'), ("t.xlsm", "as xlsx")):
        report = table(tmp_path, workbook() if path == "t.xlsm" else TEXT, path)
        assert (report["problems"], report["skipped"]) == ([], ["t"])
        [left] = report["unchecked"]
        assert (left["member"], words in left["reason"]) == ("schema", True)


@pytest.mark.parametrize(
    ("schema", "kind", "field", "words"),
    [
        ({"uniqueKeys": "id"}, "schema-error", "schema", "a list of lists of field names"),
        (
            {"foreignKeys": [{"fields": "id", "reference": {"resource": "self", "fields": "id"}}]},
            "schema-error",
            "foreignKeys",
            'write "", which means the table itself',
        ),
        (
            {"fields": [{"name": "id", "constraints": {"enum": []}}, {"name": "word"}]},
            "field-error",
            "id",
            "“enum” is empty",
        ),
        (
            {"fields": [{"name": "id", "categories": []}, {"name": "word"}]},
            "field-error",
            "id",
            "“categories” is empty",
        ),
    ],
)
def test_what_to_do_about_a_schema(
    tmp_path: Path, schema: dict[str, Any], kind: str, field: str, words: str
) -> None:
    report = table(tmp_path, TEXT, schema={"fields": FIELDS, **schema}, package={"$schema": V2})
    assert said(report, kind, words, field=field)


@pytest.mark.parametrize(
    ("kind", "cell", "words"),
    [
        ("integer", "NA", '"missingValues":["","NA"]'),
        ("date", "n/a", '"missingValues":["","n/a"]'),
        ("duration", "-", '"missingValues":["","-"]'),
        ("number", ":", '"missingValues":["",":"]'),
        ("integer", "1,000", '"groupChar":","'),
        ("integer", "1'000'000", '"groupChar":"\'"'),
        ("integer", "1.0", "write it without its fraction"),
        ("integer", "1.5", '"type":"number"'),
        ("integer", "1,5", '"type":"number","decimalChar":","'),
        ("number", "1,5", '"decimalChar":","'),
        ("number", "1.234,5", '"groupChar":".","decimalChar":","'),
        ("number", "1\u202f234,5", '"groupChar":"\u202f","decimalChar":","'),
        ("number", "12 kg", '"bareNumber":false'),
        ("number", "$1,234.50", '"groupChar":",","bareNumber":false'),
        ("boolean", "ja", "in “trueValues” and “falseValues”"),
        ("year", "24", "is written as 2024"),
        ("yearmonth", "2024/12", "is written as 2024-12"),
        ("geopoint", "here", "longitude, latitude"),
        ("date", "31.12.2024", '"format":"%d.%m.%Y"'),
        ("date", "03/04/2024", '"format":"%d/%m/%Y" or "format":"%m/%d/%Y"'),
        ("date", "13/04/24", '"format":"%d/%m/%y"'),
        ("date", "20241231", '"format":"%Y%m%d"'),
        ("date", "2024-13", "is written as 2024-12-31"),
        ("datetime", "2022-10-18T12:35:49+0000", '"format":"%Y-%m-%dT%H:%M:%S%z"'),
        ("datetime", "2024-12-31T23:59", '"format":"%Y-%m-%dT%H:%M"'),
        ("datetime", "31.12.2024 23:59:58.5", '"format":"%d.%m.%Y %H:%M:%S.%f"'),
        ("time", "01:07", '"format":"%H:%M"'),
        ("time", "1:07 PM", '"format":"%I:%M %p"'),
    ],
)
def test_what_to_do_about_a_cell(tmp_path: Path, kind: str, cell: str, words: str) -> None:
    schema = {"fields": [{"name": "id", "type": kind}, FIELDS[1]]}
    assert said(table(tmp_path, f'id,word\n"{cell}",a\n', schema=schema), "type-error", words, row=2)


@pytest.mark.parametrize(
    "cell", ["abc", "1e5x", "12/13", "2020-01-01", "1,2,3", "0x1F", "1.2.3", "from 2020"]
)
def test_of_other_cells_nothing_is_advised(tmp_path: Path, cell: str) -> None:
    for kind in ("integer", "number"):
        schema = {"fields": [{"name": "id", "type": kind}, FIELDS[1]]}
        [found] = table(tmp_path, f'id,word\n"{cell}",a\n', schema=schema)["problems"]
        assert found["message"].endswith(f'type is "{kind}/default"')


def test_a_word_by_xml_schema_has_no_underscore(tmp_path: Path) -> None:
    field = {"name": "word", "type": "string", "constraints": {"pattern": r"\w+"}}
    for cell, is_told in (("a_b", True), ("a-b", False)):
        report = table(tmp_path, f"id,word\n1,{cell}\n", schema={"fields": [FIELDS[0], field]})
        [found] = report["problems"]
        assert (found["type"], "write [\\w_]" in found["message"]) == ("constraint-error", is_told)


@pytest.mark.parametrize(
    ("above", "dialect", "words"),
    [
        (
            "# made by R\n",
            {},
            'line 2 has the names of the schema. Remove what stands above it, or state "commentChar":"#"',
        ),
        (
            "Words of 2020,\n,\n",
            {},
            'line 3 has the names of the schema. Remove what stands above it, or state "headerRows": [3]',
        ),
        ("Words of 2020\n", {"delimiter": ";"}, '"headerRows": [2]'),
    ],
)
def test_a_header_below_something_else(
    tmp_path: Path, above: str, dialect: dict[str, str], words: str
) -> None:
    text = "id,word\n1,a\n".replace(",", dialect.get("delimiter", ","))
    for encoding in ("utf-8", "utf-16"):
        data = f"{above}{text}".encode(encoding)
        report = table(tmp_path, data, dialect=dialect, encoding=encoding)
        told = [item for item in report["problems"] if words in item["message"]]
        assert [item["type"].endswith("-label") for item in told] == [True]
    stated = json.loads("{" + words[words.index('"') :] + "}")
    mended = table(tmp_path, f"{above}{text}", dialect={**dialect, **stated}, package={"$schema": V2})
    assert mended["problems"] == []


def test_a_table_that_refers_to_itself_is_named(tmp_path: Path) -> None:
    fields = [FIELDS[0], {"name": "up", "type": "integer"}]
    key = {"fields": "up", "reference": {"resource": "", "fields": "id"}}
    report = table(tmp_path, "id,up\n1,9\n", schema={"fields": fields, "foreignKeys": [key]})
    assert said(report, "foreign-key", 'values "9" not found in the table itself as "id"', row=2)


def test_a_moment_in_another_format_than_the_stated_one(tmp_path: Path) -> None:
    field = {"name": "id", "type": "date", "format": "%d/%m/%y"}
    report = table(tmp_path, "id,word\n31.12.24,a\n", schema={"fields": [field, FIELDS[1]]})
    words = 'which is written as 31/12/24: the cell has "format":"%d.%m.%y"'
    assert said(report, "type-error", words, row=2)
    mended = {**field, "format": "%d.%m.%y"}
    assert table(tmp_path, "id,word\n31.12.24,a\n", schema={"fields": [mended, FIELDS[1]]})["problems"] == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("id,word\n1,a,b\n", "extra-cell", "If the value has the delimiter in it, put it in quotes"),
        ("id,word\n1\n", "missing-cell", "put a delimiter there"),
        ("id\n1\n", "missing-label", "add the column, or take the field out of the schema"),
        ("id,word,more\n1,a,b\n", "extra-label", "add a field of this name to the schema"),
        ("id,words\n1,a\n", "incorrect-label", "write both alike"),
    ],
)
def test_what_to_do_about_a_row_or_a_header(tmp_path: Path, text: str, kind: str, words: str) -> None:
    assert said(table(tmp_path, text), kind, words)


def test_rows_that_are_no_text_have_no_delimiter(tmp_path: Path) -> None:
    report = table(tmp_path, workbook(["id", "word"], [1, "a", "b"]), "t.xlsx")
    assert not any("delimiter" in item["message"] for item in report["problems"])


def test_a_foreign_key_without_the_fields_it_refers_to(tmp_path: Path) -> None:
    key = {"fields": "id", "reference": {"resource": "t"}}
    report = table(tmp_path, TEXT, schema={"fields": FIELDS, "foreignKeys": [key]})
    assert said(report, "schema-error", "name them in “fields” of its “reference”", field="foreignKeys")


def test_fields_that_are_no_list_are_told_once(tmp_path: Path) -> None:
    report = table(tmp_path, TEXT, schema={"fields": {"id": {"type": "integer"}}})
    assert said(report, "schema-error", "“fields” is", field="schema")


@pytest.mark.parametrize(("member", "value"), [("bytes", 3), ("hash", "md5:" + "0" * 32)])
def test_what_to_do_about_a_size_or_a_hash(tmp_path: Path, member: str, value: Any) -> None:
    report = table(tmp_path, TEXT, **{member: value})
    kind = "byte-count" if member == "bytes" else "hash-count"
    assert said(report, kind, "leave it out, and it is filled in", field=member)


def test_an_empty_version(tmp_path: Path) -> None:
    members = {"version": "", "resources": [{"name": "t", "path": "t.csv"}]}
    report = examine_refused({"name": "x", **members}, "x", "1.2")
    assert "“version” is empty: write the version there, as in 1.2, or leave it out" in report[0]["message"]


def examine_refused(members: dict[str, Any], name: str, version: str) -> list[dict[str, Any]]:
    with pytest.raises(InvalidPackage) as refused:
        examine(members, name, version)
    return list(refused.value.report["problems"])


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"missingValues": ["-"]}, "missingValues", "belongs into “schema.missingValues”: move it there"),
        ({"profile": "tabular-data-resource", "schema": None}, "schema", "state one, or leave “profile” out"),
    ],
)
def test_what_to_do_about_a_resource(tmp_path: Path, members: dict[str, Any], field: str, words: str) -> None:
    assert said(table(tmp_path, TEXT, **members), "resource-error", words, field=field)


def test_what_is_of_a_schema_stands_in_no_package(tmp_path: Path) -> None:
    members = {"missingValues": ["-"], "resources": [{"name": "t", "path": "t.csv"}]}
    [found] = judged(laid(tmp_path, members, **{"t.csv": TEXT}))["problems"]
    assert found["field"] == "missingValues"
    assert "“schema.missingValues” of a resource: move it there" in found["message"]
