"""Columns without a label of their own, as programs write them: an index without a name, a label twice."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt  # type: ignore[import-untyped]

from couchreg.registry.checking import books, naming, sifting
from couchreg.registry.checking.proposing import content_fault, proposed
from tests.registry.checking.judging import V2, judged, kinds, laid, table

PANDAS, R = ",a,b\n0,1,x\n1,2,y\n", '"","a","b"\n"1",1,"x"\n"2",2,"y"\n'


def named(*names: str) -> dict[str, Any]:
    return {"fields": [{"name": name} for name in names]}


@pytest.mark.parametrize("package", [{}, {"$schema": V2}])
@pytest.mark.parametrize(
    ("text", "names", "reason"),
    [
        (PANDAS, ["field1", "a", "b"], "the column 1 of the table has no label, so it is called 'field1'"),
        (R, ["field1", "a", "b"], "the column 1 of the table has no label"),
        ("a,a,b\n1,2,3\n", ["a", "a2", "b"], "the column 2 of the table has a label that another has, too"),
        ("a,a,a2\n1,2,3\n", ["a", "a2", "a22"], "so it is called 'a2'"),
    ],
)
def test_labels_of_no_one_column(
    tmp_path: Path, text: str, names: list[str], reason: str, package: dict[str, Any]
) -> None:
    for schema in (None, named(*names)):
        report = table(tmp_path, text, schema=schema, package=package)
        assert report["problems"] == []
        [left] = report["unchecked"]
        assert (left["resource"], left["member"], reason in left["reason"]) == ("t", "labels", True)


def test_names_of_many_columns_are_made_once(tmp_path: Path) -> None:
    """Each of their errors asks for them, and to make them again takes longer than all else."""
    naming._made_names.cache_clear()
    text = ",".join(["a"] * 300) + "\n" + ",".join(["1"] * 300) + "\n"
    report = table(tmp_path, text, schema=None)
    assert (report["problems"], len(report["unchecked"])) == ([], 1)
    assert naming._made_names.cache_info().misses == 1


@pytest.mark.parametrize(("text", "names"), [(PANDAS, ("", "a", "b")), ("a,a,b\n1,2,3\n", ("a", "a", "b"))])
def test_names_that_are_the_labels(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    report = table(tmp_path, text, schema=named(*names), package={"$schema": V2})
    assert (report["problems"], report["unchecked"]) == ([], [])


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (PANDAS, "blank-label", "give the column a label of its own, or name its field 'field1'"),
        ("k,k,b\n0,1,x\n", "duplicate-label", "or name its field 'k2' in the schema"),
    ],
)
def test_fields_that_are_called_otherwise(tmp_path: Path, text: str, kind: str, words: str) -> None:
    report = table(tmp_path, text, schema=named("k", "a", "b"))
    [found] = [item for item in report["problems"] if item["type"] == kind]
    assert (words in found["message"], report["unchecked"]) == (True, [])


def test_cells_under_no_label_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [{"name": "field1", "type": "integer"}, *named("a", "b")["fields"]]
    schema = {"fields": fields, "primaryKey": "field1"}
    sifted = table(tmp_path, PANDAS + "1,3,z\nx,4,z\n", schema=schema)
    monkeypatch.setattr(sifting.Sifter, "suspects", lambda *_: None)
    assert table(tmp_path, PANDAS + "1,3,z\nx,4,z\n", schema=schema) == sifted
    assert kinds(sifted) == ["primary-key", "type-error"]


def inferred(folder: Path, name: str, content: str | bytes) -> list[dict[str, Any]]:
    laid(folder, {}, **{name: content})
    unread: list[tuple[str, str]] = []
    resources = proposed(folder, [name], unread)
    laid(folder, {"$schema": V2, "resources": resources})
    assert judged(folder)["problems"] == []
    return resources


def types(schema: dict[str, Any]) -> list[str]:
    return [field["type"] for field in schema["fields"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PANDAS, ["integer", "integer", "string"]),
        (R, ["integer", "integer", "string"]),
        ("a,a,b\n1,2,3\n", ["integer"] * 3),
        ("a,b\n" + "1,2\n" * 500 + "x,2.5\n", ["string", "number"]),
        ("a,b\n" + "true,2020-01-01\n" * 500 + "maybe,later\n", ["string", "string"]),
        ("a,b\n" + "1,2024\n" * 99 + "2,about 1900\n", ["integer", "string"]),
    ],
)
def test_what_is_proposed_is_valid(tmp_path: Path, text: str, found: list[str]) -> None:
    [resource] = inferred(tmp_path, "t.csv", text)
    assert types(resource["schema"]) == found


def test_marks_of_missing_values_are_proposed(tmp_path: Path) -> None:
    text = "a,b,c\n" + "1,2,x\n" * 500 + "NA,2.5,NA\n3,NA,y\n"
    [resource] = inferred(tmp_path, "t.csv", text)
    assert (types(resource["schema"]), resource["schema"]["missingValues"]) == (
        ["integer", "number", "string"],
        ["", "NA"],
    )


def workbook(file: Path, **sheets: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    del book["Sheet"]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(file)


def test_sheets_without_data_are_left_out(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "word"], [1, "a"]]
    workbook(tmp_path / "book.xlsx", First=rows, Empty=[], Blank=[[None, ""]], Last=rows)
    unread: list[tuple[str, str]] = []
    resources = proposed(tmp_path, ["book.xlsx"], unread)
    assert [item["name"] for item in resources] == ["book-first", "book-last"]
    assert [reason for _, reason in unread] == [
        f"its sheet '{name}' is empty, and was left out" for name in ("Empty", "Blank")
    ]
    laid(tmp_path, {"$schema": V2, "resources": resources})
    assert judged(tmp_path)["problems"] == []
    workbook(tmp_path / "none.xlsx", First=[], Second=[])
    assert (content_fault(tmp_path / "none.xlsx"), content_fault(tmp_path / "book.xlsx")) == (
        "is empty",
        None,
    )


def test_sheets_without_data_are_left_out_of_older_workbooks(tmp_path: Path) -> None:
    for name, sheets in (
        ("book", {"First": [["id"], [1]], "Empty": [], "Blank": [[""]]}),
        ("none", {"A": []}),
    ):
        book = xlwt.Workbook()
        for title, rows in sheets.items():
            sheet = book.add_sheet(title)
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write(at, column, cell)
        book.save(tmp_path / f"{name}.xls")
    unread: list[tuple[str, str]] = []
    resources = proposed(tmp_path, ["book.xls"], unread)
    assert [(item["name"], item["dialect"]["sheetName"]) for item in resources] == [("book-first", "First")]
    assert [reason for _, reason in unread] == [
        f"its sheet '{name}' is empty, and was left out" for name in ("Empty", "Blank")
    ]
    laid(tmp_path, {"$schema": V2, "resources": resources})
    assert judged(tmp_path)["problems"] == []
    found = [content_fault(tmp_path / f"{name}.xls") for name in ("none", "book")]
    assert found == ["is empty", None]


def test_workbooks_are_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[list[Any]] = [["id", "word"], [1, "a"]]
    workbook(tmp_path / "book.xlsx", First=rows, Last=rows)
    opened: list[Any] = []
    load = openpyxl.load_workbook

    def noted(*args: Any, **more: Any) -> Any:
        opened.append(args)
        return load(*args, **more)

    monkeypatch.setattr(openpyxl, "load_workbook", noted)
    assert content_fault(tmp_path / "book.xlsx") is None
    assert proposed(tmp_path, ["book.xlsx"], [])
    assert len(opened) == 1 + 2  # each sheet for itself is frictionless's
    workbook(tmp_path / "book.xlsx", First=rows, Empty=[])
    assert len(books.filled_sheets(tmp_path / "book.xlsx")) == 2


def test_a_sheet_of_mixed_cells_has_no_one_type(tmp_path: Path) -> None:
    workbook(tmp_path / "book.xlsx", One=[["id", "size"], *([at, 1] for at in range(40)), ["x", 2.5]])
    [resource] = inferred(tmp_path, "book.xlsx", (tmp_path / "book.xlsx").read_bytes())
    assert types(resource["schema"]) == ["any", "number"]
