"""Files that are something else than their names say, or damaged, though nobody reads them."""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking.foreign import fault_of
from couchreg.registry.checking.proposing import content_fault
from tests.registry.checking.judging import judged, laid, table

LFS = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
POINTER = "is a pointer of Git LFS and not the file itself: get that with “git lfs pull”"
PAGE = "<!-- cached -->\n<!DOCTYPE html>\n<html><head><title>404, not found</title></head></html>\n"
PATHS = (
    "t.csv",
    "t.tsv",
    "t.json",
    "t.geojson",
    "t.ndjson",
    "t.xlsx",
    "t.xls",
    "t.ods",
    "t.parquet",
    "t.csv.gz",
)


def spreadsheet(*, damaged: int = 0, content: bool = True) -> bytes:
    """An OpenDocument file of which so many bytes in the middle are gone."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        if content:
            archive.writestr("content.xml", "<office:document-content/>" * 50)
    data = bytearray(written.getvalue())
    data[200 : 200 + damaged] = b"x" * damaged
    return bytes(data)


@pytest.mark.parametrize("path", [*PATHS, "t.png", "t.zip", "t.bin"])
@pytest.mark.parametrize("schema", [{"fields": [{"name": "id"}]}, None])
def test_a_pointer_is_not_the_file(tmp_path: Path, path: str, schema: Any) -> None:
    [found] = table(tmp_path, LFS, path, schema=schema)["problems"]
    assert (found["type"], found["resource"], found["file"]) == ("source-error", "t", path)
    assert found["message"] == f"{path} {POINTER}."


def test_a_pointer_of_git_annex(tmp_path: Path) -> None:
    [found] = table(tmp_path, "/annex/objects/SHA256E-s5--1234.csv\n")["problems"]
    assert "is a pointer of git-annex" in found["message"]


def test_a_pointer_among_parts_and_in_what_is_referred_to(tmp_path: Path) -> None:
    [found] = table(tmp_path, "id,word\n1,a\n", "a.csv", path=["a.csv", "b.csv"], files={"b.csv": LFS})[
        "problems"
    ]
    assert found["file"] == "b.csv"
    members = {"image": "x.png", "resources": [{"name": "t", "data": [{"a": 1}]}]}
    report = judged(laid(tmp_path / "image", members, **{"x.png": LFS}))
    assert report["problems"] == []
    [told] = report["unchecked"]
    assert (told["member"], told["reason"]) == ("image", f"'x.png' {POINTER}")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_no_table(tmp_path: Path, path: str) -> None:
    [found] = table(tmp_path, PAGE, path, schema=None)["problems"]
    assert (found["type"], found["file"]) == ("source-error", path)
    assert "is an HTML page called '404, not found'" in found["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("404: Not Found", "is a server's answer “404: Not Found”"),
        ('{"message": "Not Found"}', "is JSON"),
        ('[\n {"id": 1}]', "is JSON"),
        ("{\\rtf1\\ansi id,word}", "is a document in Rich Text Format"),
        ('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "is an XML document"),
    ],
)
@pytest.mark.parametrize("path", ["t.csv", "t.tsv"])
def test_what_else_is_no_table(tmp_path: Path, path: str, text: str, words: str) -> None:
    [found] = table(tmp_path, text, path, schema=None)["problems"]
    assert (found["type"], found["file"], words in found["message"]) == ("source-error", path, True)


def test_a_page_in_place_of_a_picture_is_named(tmp_path: Path) -> None:
    report = table(tmp_path, PAGE, "t.png", schema=None)
    assert (report["problems"], report["skipped"]) == ([], ["t"])
    assert "is an HTML page" in report["unchecked"][0]["reason"]


def test_a_page_that_was_packed(tmp_path: Path) -> None:
    [found] = table(tmp_path, gzip.compress(PAGE.encode()), "t.csv.gz")["problems"]
    assert found["message"].startswith("What t.csv.gz has packed is an HTML page")


@pytest.mark.parametrize(
    ("path", "text"), [("t.html", PAGE), ("t.xml", '<?xml version="1.0"?>\n<a/>'), ("t.txt", PAGE)]
)
def test_pages_that_are_what_they_are_said_to_be(tmp_path: Path, path: str, text: str) -> None:
    report = table(tmp_path, text, path, schema=None)
    assert (report["problems"], report["unchecked"]) == ([], [])


@pytest.mark.parametrize(
    "text",
    ["<ticker>,<date>\nA,1\n", "version https://x\n1\n", "<a>\n1\n", "[id],{x}\n1,2\n", "{a},b\n1,2\n"],
)
def test_headers_that_look_alike(tmp_path: Path, text: str) -> None:
    assert table(tmp_path, text, schema=None)["problems"] == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (spreadsheet(damaged=100), "is the file whole?"),
        (spreadsheet()[:-30], "is the file whole?"),
        (spreadsheet(content=False), "has no content.xml"),
        (b"hello", "is the file whole?"),
        (b"", "is the file whole?"),
    ],
)
def test_a_damaged_spreadsheet_of_a_format_that_is_not_read(tmp_path: Path, data: bytes, words: str) -> None:
    [found] = table(tmp_path, data, "t.ods")["problems"]
    assert (found["type"], found["file"], words in found["message"]) == ("source-error", "t.ods", True)


def test_a_whole_one_is_named_as_not_read(tmp_path: Path) -> None:
    report = table(tmp_path, spreadsheet(), "t.ods")
    assert (report["problems"], report["skipped"]) == ([], ["t"])


def test_a_damaged_archive(tmp_path: Path) -> None:
    assert [item["file"] for item in table(tmp_path, b"PK\x03\x04", "t.zip")["problems"]] == ["t.zip"]
    assert table(tmp_path, spreadsheet(), "t.zip", schema=None)["problems"] == []


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"<!---->" * 580, "None"),
        (b"<!--" * 1000, "None"),
        (b"<?xml ?>" * 500, "is an XML document"),
        (b"<html><title" * 340, "is an HTML page"),
    ],
)
def test_what_begins_often_is_looked_at_once(begin: bytes, words: str) -> None:
    """A scanner that went back for each beginning would not end."""
    assert str(fault_of(begin, "csv")).startswith(words)


def test_what_init_says_of_them(tmp_path: Path) -> None:
    for name, text in (("a.csv", LFS), ("b.csv", PAGE), ("c.csv", "id\n1\n")):
        (tmp_path / name).write_text(text)
    assert "Git LFS" in str(content_fault(tmp_path / "a.csv"))
    assert "HTML page" in str(content_fault(tmp_path / "b.csv"))
    assert content_fault(tmp_path / "c.csv") is None
