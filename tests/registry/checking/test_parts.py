"""Tables in several files: what is checked is what is served, one file after the other."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.packages import Package
from tests.registry.checking.judging import FIELDS, kinds, table
from tests.served import Served

# frictionless leaves compressed files open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


SKIPPING = {"dialect": {"skipBlankRows": True}}
QUOTED = {"dialect": {"quoteChar": "'"}}
BARRED = {"dialect": {"lineTerminator": "|"}}
REMARKED = {"dialect": {"commentChar": "#"}}


def parts(folder: Path, *texts: bytes, suffix: str = "csv", **members: Any) -> dict[str, Any]:
    files = {f"{letter}.{suffix}": text for letter, text in zip("abcd", texts, strict=False)}
    return table(folder, b"", path=list(files), files=files, **members)


@pytest.mark.parametrize(
    ("texts", "members"),
    [
        ([b"id,word\n1,one\n", b"2,two\n"], {}),
        ([b"id,word\r\n1,one\r\n", b"2,two\r\n", b"3,three"], {}),
        ([b"id,word\r1,one\r", b"2,two\r"], {}),
        ([b"id;word\n1;one\n", b"2;two\n"], {"dialect": {"delimiter": ";"}}),
        ([b"1,one\n", b"2,two\n"], {"dialect": {"header": False}}),
        ([b"# all about it\nid,word\n1,one\n", b"# more\n2,two\n"], {"dialect": {"commentChar": "#"}}),
        ([b"id,word\n", b"", b"1,one\n"], {}),
        ([b"id,word|1,one|", b"2,two|"], {"dialect": {"lineTerminator": "|"}}),
        (["id,word\n1,Größe\n".encode("cp1252"), b"2,two\n"], {"encoding": "cp1252"}),
        ([b"", b"id,word\n1,one\n", b"2,two\n"], {}),
    ],
)
def test_parts_that_make_a_table(tmp_path: Path, texts: list[bytes], members: dict[str, Any]) -> None:
    assert parts(tmp_path, *texts, **members)["problems"] == []


def test_compressed_parts_make_a_table(tmp_path: Path) -> None:
    texts = [gzip.compress(b"id,word\n1,one\n"), gzip.compress(b"x,two\n")]
    [found] = parts(tmp_path, *texts, suffix="csv.gz")["problems"]
    assert (found["type"], found["row"], found["file"], found["line"]) == ("type-error", 3, "b.csv.gz", 1)


@pytest.mark.parametrize(
    ("texts", "members", "kind", "file"),
    [
        ([b"id,word\n1,one\n", b"id,word\n2,two\n"], {}, "repeated-header", "b.csv"),
        ([b"", b"id,word\n1,one\n", b"id,word\n2,two\n"], {}, "repeated-header", "c.csv"),
        ([b"id,word\n1,one\n", b"\nid,word\n2,two\n"], SKIPPING, "repeated-header", "b.csv"),
        ([b"'id','word'\n1,one\n", b"id,word\n2,two\n"], QUOTED, "repeated-header", "b.csv"),
        ([b"id,word|1,one|", b"id,word|2,two|"], BARRED, "repeated-header", "b.csv"),
        ([b"# one\nid,word\n1,one\n", b"# two\nid,word\n"], REMARKED, "repeated-header", "b.csv"),
        (
            [text.encode("utf-16-le") for text in ("id,word\n1,one\n", "id,word\n2,two\n")],
            {"encoding": "utf-16-le"},
            "repeated-header",
            "b.csv",
        ),
        ([b"id,word\n1,one\n", gzip.compress(b"2,two\n", mtime=0)], {}, "compression-error", "b.csv"),
        ([b"id,word\r\n1,one\r\n", b'"id", word\r\n2,two\r\n'], {}, "repeated-header", "b.csv"),
        ([b"id;word\n1;one\n", b"id;word\n"], {"dialect": {"delimiter": ";"}}, "repeated-header", "b.csv"),
        ([b"id;word\n1;one\n", b"id;word\n"], {}, "repeated-header", "b.csv"),
        ([b"\xef\xbb\xbfid,word\n1,one\n", b"id,word\n"], {}, "repeated-header", "b.csv"),
        ([b"a,b\none,1\n", b"b,a\n2,two\n"], {"schema": None}, "repeated-header", "b.csv"),
        ([b"a,b\none,1\n", b" A,B \ntwo,2\n"], {"schema": None}, "repeated-header", "b.csv"),
        ([b"id,word\n1,one", b"2,two\n"], {}, "missing-line-break", "a.csv"),
        ([b"id,word\n1,one\n", b"2,two", b"3,three\n"], {}, "missing-line-break", "b.csv"),
        ([b"1,one", b"2,two"], {"dialect": {"header": False}}, "missing-line-break", "a.csv"),
        ([b"id,word\n1,one\n", b"\xef\xbb\xbf2,two\n"], {}, "source-error", "b.csv"),
        ([b"id,word\n1,one\n", b"x,two\n"], {}, "type-error", "b.csv"),
        ([b"1,one\n", b"x,two\n"], {"dialect": {"header": False}}, "type-error", "b.csv"),
    ],
)
def test_parts_that_do_not(
    tmp_path: Path, texts: list[bytes], members: dict[str, Any], kind: str, file: str
) -> None:
    report = parts(tmp_path, *texts, **members)
    assert kinds(report) == [kind]
    assert report["problems"][0]["file"] == file


@pytest.mark.parametrize(
    ("texts", "members", "line"),
    [
        ([b"id,word\n1,one", b"2,two\n"], {}, 2),
        ([b"id,word\r\n1,one\r\n2,two", b"3,three"], {}, 3),
        ([b"id,word|1,one|2,two", b"3,three|"], BARRED, 3),
    ],
)
def test_the_line_that_has_no_end(
    tmp_path: Path, texts: list[bytes], members: dict[str, Any], line: int
) -> None:
    [found] = parts(tmp_path, *texts, **members)["problems"]
    assert (found["type"], found["file"], found["line"]) == ("missing-line-break", "a.csv", line)


@pytest.mark.parametrize(
    ("suffix", "texts", "is_whole"),
    [
        ("pdf", [b"%PDF-1.4 a", b"%PDF-1.4 b"], True),
        ("bin", [b"%PDF-1.4 a", b"%PDF-1.4 b"], True),
        ("dat", [b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n"], True),
        ("svg", [b"<svg/>", b"<svg/>"], True),
        ("dat", [b"PK\x03\x04 one half", b"and the other"], False),
        ("txt", [b"one\n", b"two\n"], False),
    ],
)
def test_documents_of_which_each_is_whole(
    tmp_path: Path, suffix: str, texts: list[bytes], is_whole: bool
) -> None:
    report = parts(tmp_path, *texts, suffix=suffix, schema=None)
    assert kinds(report) == (["format-error"] if is_whole else [])
    if is_whole:
        assert "cannot be put together to one: make a resource of each" in report["problems"][0]["message"]


@pytest.mark.parametrize("suffix", ["xlsx", "json", "csv.zip"])
def test_formats_whose_files_cannot_be_put_together(tmp_path: Path, suffix: str) -> None:
    report = parts(tmp_path, b"x", b"y", suffix=suffix, type="table")
    assert kinds(report) in (["format-error"], ["compression-error"])
    assert "cannot be put together" in report["problems"][0]["message"]


def test_files_by_another_word_are_looked_at_too(tmp_path: Path) -> None:
    texts = {"a.csv": b"id,word\n1,one\n", "b.csv": b"id,word\n2,two\n"}
    report = table(tmp_path, b"", "a.csv", extrapaths=["b.csv"], files=texts)
    assert kinds(report) == ["repeated-header"]
    texts["b.csv"] = b"2,two\n"
    assert table(tmp_path, b"", "a.csv", extrapaths=["b.csv"], files=texts)["problems"] == []
    assert kinds(table(tmp_path, b"", "a.csv", extrapaths=["b.csv"], files={**texts, "b.csv": b"x,y\n"})) == [
        "type-error"
    ]


@pytest.mark.parametrize("paths", [["a.csv", "b.csv.gz"], ["b.csv.gz", "a.csv"]])
def test_files_of_different_compressions_are_no_table(tmp_path: Path, paths: list[str]) -> None:
    files = {"a.csv": b"id,word\n1,one\n", "b.csv.gz": gzip.compress(b"id,word\n2,two\n")}
    [found] = table(tmp_path, b"", path=paths, files=files, schema=None)["problems"]
    assert (found["type"], found["file"]) == ("compression-error", paths[1])
    assert "they have one compression" in found["message"]


@pytest.mark.parametrize(
    ("texts", "members", "line"),
    [
        ([b"id,word\r1,one\r", b"2,two\r3,three\rx,four\r"], {}, 3),
        ([b"id,word\r\n1,one\r\n", b"2,two\r\nx,three\r\n"], {}, 2),
        ([b"id,word|1,one|", b"2,two|x,three|"], BARRED, 2),
    ],
)
def test_lines_are_those_of_the_part(
    tmp_path: Path, texts: list[bytes], members: dict[str, Any], line: int
) -> None:
    [found] = parts(tmp_path, *texts, **members)["problems"]
    assert (found["type"], found["file"], found["line"]) == ("type-error", "b.csv", line)


async def test_the_served_bytes_are_those_that_were_checked(served: Served) -> None:
    files = {"a.csv": b"id,word\n1,one\n", "b.csv": b"2,two\n"}
    resource = {"name": "t", "path": list(files), "schema": {"fields": FIELDS}}
    assert (await served.put(Package({"name": "parts", "resources": [resource]}, files), "1"))[0] == 201
    assert (await served.fetch("/parts/1/t"))[2] == b"id,word\n1,one\n2,two\n"
    files["b.csv"] = b"two,2\n"
    assert (await served.put(Package({"name": "parts", "resources": [resource]}, files), "2"))[0] == 422
