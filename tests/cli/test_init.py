"""`couchreg init` and `validate`: from a folder of files to a package fit to be published."""

import json
import shutil
from pathlib import Path

import openpyxl
import pandas
import pytest

from tests.cli.conftest import Couchreg

PACKAGES = Path(__file__).parents[1] / "data" / "packages"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """CSV, another dialect, Excel with two sheets, Parquet, and what is none of the package's."""
    folder = tmp_path / "My Data"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "x.csv").write_text("hidden\n")
    (folder / "Größe.csv").write_text("id,size\n1,2.5\n2,3\n", "utf-8")
    (folder / "sub" / "semi.csv").write_text("a;day\n1;2024-01-31\n2;2024-02-01\n")
    pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(folder / "p.parquet")
    book = openpyxl.Workbook()
    for title, rows in (("First", [["id"], [1]]), ("Second", [["k"], ["v"]])):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    del book["Sheet"]
    book.save(folder / "book.xlsx")
    return folder


def test_a_folder_becomes_a_package_that_can_be_published(couchreg: Couchreg, data: Path) -> None:
    done = couchreg("init", str(data))
    assert done.status == 0, done.err
    written = json.loads((data / "datapackage.json").read_text("utf-8"))
    assert (written["name"], written["version"]) == ("my-data", "0.1.0")
    resources = {resource["name"]: resource for resource in written["resources"]}
    assert set(resources) == {"grosse", "semi", "p", "book-first", "book-second"}
    types = {name: [field["type"] for field in item["schema"]["fields"]] for name, item in resources.items()}
    assert types["grosse"] == ["integer", "number"]
    assert types["semi"] == ["integer", "date"]
    assert resources["semi"]["dialect"] == {"delimiter": ";"}
    assert resources["book-second"]["dialect"] == {"sheetName": "Second"}
    assert couchreg("validate", str(data)).status == 0
    published = couchreg("publish", str(data))
    assert published.status == 0, published.err


def test_init_overwrites_nothing(couchreg: Couchreg, data: Path) -> None:
    (data / "datapackage.json").write_text("mine")
    done = couchreg("init", str(data), "--json")
    assert (done.status, done.json["error"]) == (2, "usage")
    assert (data / "datapackage.json").read_text() == "mine"


def test_init_of_some_files(couchreg: Couchreg, data: Path) -> None:
    done = couchreg("init", str(data), "p.parquet", "--name", "one", "--version", "2024", "--json")
    assert (done.json["name"], done.json["version"]) == ("one", "2024")
    assert [resource["path"] for resource in done.json["resources"]] == ["p.parquet"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no folder"),
        (["."], "no data files"),
        ([".", "../x.csv"], "leaves"),
        ([".", "--name", "A B"], "cannot be called"),
    ],
)
def test_init_says_what_is_wrong(couchreg: Couchreg, arguments: list[str], said: str) -> None:
    done = couchreg("init", *arguments)
    assert (done.status, said in done.err) == (2, True), done.err


def test_what_cannot_be_read_is_listed_and_said(couchreg: Couchreg, data: Path) -> None:
    (data / "p.parquet").write_text("not a parquet file")
    done = couchreg("init", str(data))
    assert done.status == 0
    assert "p.parquet was not inspected" in done.err


def test_validate_says_what_a_registry_would(couchreg: Couchreg, tmp_path: Path) -> None:
    done = couchreg("validate", str(PACKAGES / "co2-ppm"))
    assert done.status == 6
    assert "extra-cell (820)" in done.err
    refused = couchreg("publish", str(PACKAGES / "co2-ppm"), "--json").json["report"]
    found = couchreg("validate", str(PACKAGES / "co2-ppm"), "--json").json["report"]
    assert (found["errors"], found["counts"]) == (refused["errors"], refused["counts"])


def test_validate_compares_files_with_what_is_said_of_them(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = tmp_path / "gdp"
    shutil.copytree(PACKAGES / "gdp", folder)
    descriptor = json.loads((folder / "datapackage.json").read_text())
    descriptor["resources"][0]["bytes"] = 7
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    done = couchreg("validate", str(folder), "--json")
    assert done.status == 6
    assert done.json["report"]["counts"][0]["type"] == "byte-count"
    assert couchreg("validate", str(tmp_path)).status == 2


def test_what_pandas_writes_by_default_becomes_a_package(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    frame.to_csv(folder / "index.csv")
    pandas.concat([frame, frame], axis=1).to_csv(folder / "twice.csv", index=False)
    with pandas.ExcelWriter(folder / "book.xlsx") as book:
        frame.to_excel(book, sheet_name="Frame")
        pandas.DataFrame().to_excel(book, sheet_name="Nothing", index=False)
    done = couchreg("init", str(folder))
    assert (done.status, "its sheet 'Nothing' is empty" in done.err) == (0, True), done.err
    written = {
        item["name"]: item for item in json.loads((folder / "datapackage.json").read_text())["resources"]
    }
    names = {name: [field["name"] for field in item["schema"]["fields"]] for name, item in written.items()}
    assert names == {
        "book-frame": ["field1", "a", "b"],
        "index": ["field1", "a", "b"],
        "twice": ["a", "b", "a2", "b2"],
    }
    checked = couchreg("validate", str(folder))
    assert checked.status == 0, checked.err
    assert "not checked: labels of index: the column 1 of the table has no label" in checked.out
