"""A row of missing values is a row; blank are lines without anything, and empty rows amid a sheet."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.registry.checking.judging import FIELDS, judged, laid, table

REQUIRED = [{**FIELDS[0], "constraints": {"required": True}}, FIELDS[1]]


def found(report: dict[str, Any]) -> list[tuple[int, str]]:
    return [(item["row"], item["type"]) for item in report["problems"]]


def workbook(rows: list[list[Any]], formatted: int = 0) -> bytes:
    """A sheet of these rows, and of more that have a format and nothing else."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    for at in range(formatted):
        sheet.cell(len(rows) + at + 1, 1).number_format = "0.00"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("text", "members", "expected"),
    [
        ("id,word\n1,a\n,\n2,b\n", {}, []),
        ("id,word\n1,a\n,", {}, []),
        ("id,word\n1,a\nNA,NA\n", {"schema": {"fields": FIELDS, "missingValues": ["NA"]}}, []),
        ("id,word\n1,a\nNA,-\n", {"schema": {"fields": FIELDS, "missingValues": ["NA", "-"]}}, []),
        ("id,word\n1,a\nNA,NA\n", {"dialect": {"nullSequence": "NA"}}, []),
        ("id,word\n1,a\n,\n", {"schema": {"fields": REQUIRED}}, [(3, "constraint-error")]),
        ("id,word\n1,a\n,\n", {"schema": {"fields": FIELDS, "primaryKey": "id"}}, [(3, "primary-key")]),
        ("id,word\n1,a\n,,\n", {}, [(3, "extra-cell")]),
        ("id,word,x\n1,a,b\n,\n", {"schema": {"fields": [*FIELDS, {"name": "x"}]}}, [(3, "missing-cell")]),
        ("id,word\n1,a\n\n2,b\n", {}, [(3, "blank-row")]),
        ("id,word\n1,a\n\n", {}, [(3, "blank-row")]),
        ("id,word\n1,a\n\n", {"dialect": {"skipBlankRows": True}}, []),
        ("id\n1\n\n", {"schema": {"fields": FIELDS[:1]}}, [(3, "blank-row")]),
        ('id\n1\n""\n', {"schema": {"fields": FIELDS[:1]}}, []),
    ],
)
def test_rows_of_text(
    tmp_path: Path, text: str, members: dict[str, Any], expected: list[tuple[int, str]]
) -> None:
    report = table(tmp_path, text, **members)
    assert found(report) == expected


def test_a_blank_row_has_a_remedy(tmp_path: Path) -> None:
    [told] = table(tmp_path, "id,word\n\n1,a\n")["problems"]
    assert (told["file"], told["line"]) == ("t.csv", 2)
    assert 'remove it, or state "skipBlankRows": true' in told["message"]


@pytest.mark.parametrize(
    "rows",
    [[{"id": 1, "word": "a"}, {"id": None, "word": None}, {}], [["id", "word"], [1, "a"], [None, None]]],
)
def test_rows_of_json_and_of_the_descriptor(tmp_path: Path, rows: Any) -> None:
    assert table(tmp_path / "file", json.dumps(rows), "t.json", type="table")["problems"] == []
    resource = {"name": "t", "data": rows, "schema": {"fields": FIELDS}}
    assert judged(laid(tmp_path / "inline", {"resources": [resource]}))["problems"] == []


@pytest.mark.parametrize(
    ("rows", "formatted", "expected"),
    [
        ([["id", "word"], [1, "a"], [None, "b"]], 0, []),
        ([["id", "word"], [1, "a"], [None, None], [2, "b"]], 0, [(3, "blank-row")]),
        ([["id", "word"], [1, "a"]], 3, []),
        ([["id", "word"], [1, "a"], [None, None], [2, "b"]], 3, [(3, "blank-row")]),
    ],
)
def test_rows_of_a_sheet(
    tmp_path: Path, rows: list[list[Any]], formatted: int, expected: list[tuple[int, str]]
) -> None:
    assert found(table(tmp_path, workbook(rows, formatted), "t.xlsx")) == expected


@pytest.mark.parametrize("dialect", [{"sheetName": "data"}, {"sheetNumber": 3}, {"excel": {"sheet": "data"}}])
def test_a_sheet_that_is_not_there_names_those_that_are(tmp_path: Path, dialect: dict[str, Any]) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Data")
    written = io.BytesIO()
    book.save(written)
    [told] = table(tmp_path, written.getvalue(), "t.xlsx", dialect=dialect)["problems"]
    assert (told["type"], told["file"]) == ("format-error", "t.xlsx")
    assert "but 'Sheet', 'Data': name one of these as “sheetName”" in told["message"]
