"""Tables in zip files: which member is read, and that it is looked at like any other file."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import kinds, table

# frictionless leaves compressed files open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RIGHT, WRONG = b"id,word\n1,one\n", b"id,word\nx,one\n"


def packed(**members: bytes) -> bytes:
    """A zip file; `__` in the name of a member is a slash, and one without content a folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            path = name.replace("__", "/").replace("_csv", ".csv").replace("MACOSX", "__MACOSX/._t.csv")
            archive.writestr(zipfile.ZipInfo(path), content)  # of no time: tests are named by it
    return file.getvalue()


def test_the_only_file_is_the_table(tmp_path: Path) -> None:
    report = table(tmp_path, packed(t_csv=RIGHT), "t.csv.zip")
    assert (report["problems"], report["recorded"]) == ([], [])
    assert kinds(table(tmp_path, packed(t_csv=WRONG), "t.csv.zip")) == ["type-error"]


@pytest.mark.parametrize(
    "members",
    [
        {"data__": b"", "data__t_csv": RIGHT},
        {"MACOSX": b"\0\1", "data__t_csv": RIGHT},
        {"data__.DS_Store": b"\0\1", "data__t_csv": RIGHT},
    ],
)
def test_what_is_no_table_beside_it_is_passed_over(tmp_path: Path, members: dict[str, bytes]) -> None:
    data = packed(**members)
    report = table(tmp_path, data, "t.csv.zip")
    assert report["problems"] == []
    # Who takes the first member would read another: so it is said which one is meant.
    assert report["recorded"] == [{"resource": "t", "member": "innerpath", "value": "data/t.csv"}]


def test_of_several_files_one_has_to_be_named(tmp_path: Path) -> None:
    data = packed(a_csv=RIGHT, b_csv=WRONG)
    [found] = table(tmp_path, data, "t.csv.zip")["problems"]
    assert (found["type"], found["file"]) == ("compression-error", "t.csv.zip")
    assert "holds 2 files" in found["message"]
    assert "name it with “innerpath”" in found["message"]
    assert "'a.csv', 'b.csv'" in found["message"]
    report = table(tmp_path, data, "t.csv.zip", innerpath="a.csv")
    assert (report["problems"], report["recorded"]) == ([], [])
    assert kinds(table(tmp_path, data, "t.csv.zip", innerpath="b.csv")) == ["type-error"]


@pytest.mark.parametrize(
    ("data", "members", "words"),
    [
        (packed(), {}, "without a file in it"),
        (packed(data__=b""), {}, "without a file in it"),
        (packed(t_csv=RIGHT), {"innerpath": "u.csv"}, "has no file 'u.csv', which “innerpath” names"),
        (b"no zip file", {}, "is no zip file that can be unpacked"),
        (packed(t_csv=RIGHT)[:60], {}, "is no zip file that can be unpacked"),
    ],
)
def test_what_cannot_be_read_of_a_zip_file(
    tmp_path: Path, data: bytes, members: dict[str, Any], words: str
) -> None:
    [found] = table(tmp_path, data, "t.csv.zip", **members)["problems"]
    assert (found["type"], found["file"]) == ("compression-error", "t.csv.zip")
    assert words in found["message"]


@pytest.mark.parametrize(
    ("word", "encoding"), [("Größe", "windows-1252"), ("Москва", "cp1251"), ("é", "utf-16")]
)
def test_the_encoding_of_a_member_is_found_and_recorded(tmp_path: Path, word: str, encoding: str) -> None:
    data = packed(t_csv=f"id,word\n1,{word}\n".encode(encoding))
    report = table(tmp_path, data, "t.csv.zip")
    assert report["problems"] == []
    assert report["recorded"] == [{"resource": "t", "member": "encoding", "value": encoding}]
    assert kinds(table(tmp_path, data, "t.csv.zip", encoding="utf-8")) == ["encoding-error"]


def test_json_in_a_zip_file_is_looked_at(tmp_path: Path) -> None:
    right = packed(**{"t.json": b'[{"word": "a", "id": 1}]'})
    assert table(tmp_path, right, "t.json.zip")["problems"] == []
    wrong = packed(**{"t.json": b'[{"word": "a", "id": "x"}]'})
    assert kinds(table(tmp_path, wrong, "t.json.zip")) == ["type-error"]
