"""`couchreg init` describes tables that are compressed; the check and the viewer take what it writes."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from couchreg.client.inferring import infer
from tests.packages import Package
from tests.registry.checking.judging import judged
from tests.served import serving

# frictionless leaves archives open, to be closed with the process that looks into them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
TEXT = "id;wört;wann\n1;é;31.12.2020\n2;ö;30.12.2020\n".encode("windows-1252")


def _named(word: str) -> str:
    """`.DS_Store` is the one file whose name has such a line."""
    return ".DS_Store" if word == "_DS_Store" else word.replace("_", ".")


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, data in files.items():
            made.writestr(_named(name), data)
    return packed.getvalue()


def described(folder: Path, **files: bytes) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The resources by their paths, and which files nothing could be seen in, with the reason."""
    for name, data in files.items():
        (folder / _named(name)).write_bytes(data)
    found = infer(folder, name="packed")
    return {item["path"]: item for item in found.added}, dict(found.unread)


async def test_compressed_tables_are_described_checked_and_seen(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    files = {"a_csv_gz": gzip.compress(TEXT), "b_tsv_gz": gzip.compress(b"id\tx\n1\t2020-01-01\n")}
    files["c_csv_zip"] = archive(_DS_Store=b"x", c_csv=b"id,x\n1,2.5\n")
    found, unread = described(folder, **files)
    assert unread == {}
    first = found["a.csv.gz"]
    assert {key: first[key] for key in ("format", "mediatype", "compression", "encoding", "dialect")} == {
        "format": "csv",
        "mediatype": "application/gzip",
        "compression": "gz",
        "encoding": "windows-1252",
        "dialect": {"delimiter": ";"},
    }
    assert first["schema"]["fields"][2] == {"name": "wann", "type": "date", "format": "%d.%m.%Y"}
    third = found["c.csv.zip"]
    assert (found["b.tsv.gz"]["format"], third["compression"], third["innerpath"]) == ("tsv", "zip", "c.csv")
    report = judged(folder)
    assert (report["valid"], report["skipped"], report["recorded"]) == (True, [], [])
    members = json.loads((folder / "datapackage.json").read_text())
    sent = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}
    async with serving(tmp_path) as serve:
        served = await serve(with_tables=True)
        assert (await served.put(Package(members, sent), "0.1.0"))[0] == 201
        tables = await served.made("packed", "0.1.0")
    assert {table["resource"]: (table["state"], table["rows"]) for table in tables} == {
        "a": ("ready", 2),
        "b": ("ready", 1),
        "c": ("ready", 1),
    }


def test_archives_and_files_that_cannot_be_unpacked(tmp_path: Path) -> None:
    found, unread = described(
        tmp_path,
        two_csv_zip=archive(a_csv=b"id\n1\n", b_csv=b"id\n1\n"),
        half_csv_gz=gzip.compress(b"id\n" * 10_000)[:30],
        none_csv_gz=b"id\n1\n",
        many_json_gz=gzip.compress(b"[]"),
    )
    assert "many.json.gz" not in found
    assert "nothing says which is the table" in unread["two.csv.zip"]
    assert "cannot be unpacked" in unread["half.csv.gz"]
    assert "cannot be unpacked" in unread["none.csv.gz"]
    assert all("schema" not in found[path] for path in unread)
