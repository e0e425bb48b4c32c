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
        ([b"id,word\r\n1,one\r\n", b'"id", word\r\n2,two\r\n'], {}, "repeated-header", "b.csv"),
        ([b"id;word\n1;one\n", b"id;word\n"], {"dialect": {"delimiter": ";"}}, "repeated-header", "b.csv"),
        ([b"id;word\n1;one\n", b"id;word\n"], {}, "repeated-header", "b.csv"),
        ([b"\xef\xbb\xbfid,word\n1,one\n", b"id,word\n"], {}, "repeated-header", "b.csv"),
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


@pytest.mark.parametrize("suffix", ["xlsx", "json", "csv.zip"])
def test_formats_whose_files_cannot_be_put_together(tmp_path: Path, suffix: str) -> None:
    report = parts(tmp_path, b"x", b"y", suffix=suffix, type="table")
    assert kinds(report) in (["format-error"], ["compression-error"])
    assert "cannot be put together" in report["problems"][0]["message"]


async def test_the_served_bytes_are_those_that_were_checked(served: Served) -> None:
    files = {"a.csv": b"id,word\n1,one\n", "b.csv": b"2,two\n"}
    resource = {"name": "t", "path": list(files), "schema": {"fields": FIELDS}}
    assert (await served.put(Package({"name": "parts", "resources": [resource]}, files), "1"))[0] == 201
    assert (await served.fetch("/parts/1/t"))[2] == b"id,word\n1,one\n2,two\n"
    files["b.csv"] = b"two,2\n"
    assert (await served.put(Package({"name": "parts", "resources": [resource]}, files), "2"))[0] == 422
