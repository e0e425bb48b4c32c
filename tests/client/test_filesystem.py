"""`couchreg://` in the programs that people open data with."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import fsspec
import pandas
import pytest
from frictionless import Package

from couchreg import Client
from tests.client.conftest import PACKAGES, write_package

FILE = PACKAGES / "gdp" / "data" / "gdp.csv"
GDP = FILE.read_bytes()


@pytest.mark.parametrize(
    "url", ["couchreg://gdp@2026/gdp.csv", "couchreg://gdp/gdp", "couchreg://gdp/data/gdp.csv"]
)
def test_pandas_reads_a_table(url: str) -> None:
    pandas.testing.assert_frame_equal(pandas.read_csv(url), pandas.read_csv(FILE))


def test_pandas_reads_some_columns_of_a_parquet_file(client: Client, tmp_path: Path) -> None:
    table = pandas.read_csv(FILE)
    (tmp_path / "columns").mkdir()
    table.to_parquet(tmp_path / "columns" / "gdp.parquet")
    resources = [{"name": "gdp", "path": "gdp.parquet"}]
    client.publish(write_package(tmp_path / "columns", "1", {}, resources=resources))
    column = list(table.columns)[:1]
    found = pandas.read_parquet("couchreg://columns@1/gdp.parquet", columns=column)
    pandas.testing.assert_frame_equal(found, table[column])


def test_duckdb_reads_a_parquet_file(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "squares"
    folder.mkdir()
    table = pandas.DataFrame({"n": [1, 2, 3], "square": [1, 4, 9]})
    table.to_parquet(folder / "squares.parquet")
    resources = [{"name": "squares", "path": "squares.parquet"}]
    client.publish(write_package(folder, "1", {}, resources=resources))
    connection = duckdb.connect()
    connection.register_filesystem(fsspec.filesystem("couchreg"))
    asked = "select sum(square) from read_parquet('couchreg://squares@1/squares.parquet')"
    assert connection.sql(asked).fetchall() == [(14,)]


def test_a_file_is_as_old_as_its_version(client: Client) -> None:
    system = fsspec.filesystem("couchreg")
    [version] = client.versions("gdp")
    told = datetime.fromisoformat(version["published"])
    assert system.modified("gdp@2026/gdp.csv") == system.created("gdp/data/gdp.csv") == told
    with pytest.raises(FileNotFoundError):
        system.modified("gdp@2026")
    with pytest.raises(FileNotFoundError):
        system.modified("gdp@2026/nothing.csv")


def test_duckdb_queries_a_table() -> None:
    connection = duckdb.connect()
    connection.register_filesystem(fsspec.filesystem("couchreg"))
    query = "select count(*) from read_csv('couchreg://gdp@2026/gdp.csv')"
    rows = (len(pandas.read_csv(FILE)),)
    assert connection.execute(query).fetchone() == rows
    assert connection.execute(query.replace("gdp.csv", "data/g*.csv")).fetchone() == rows
    connection.close()


def test_frictionless_opens_a_package(client: Client) -> None:
    found = client.package("gdp@2026")
    assert isinstance(found, Package)
    assert len(found.get_resource("gdp").read_rows()) == len(pandas.read_csv(FILE))


def test_walks_packages_as_folders() -> None:
    system = fsspec.filesystem("couchreg")
    assert "gdp" in system.ls("", detail=False)
    inside = set(system.ls("couchreg://gdp@2026", detail=False))
    assert inside >= {"gdp@2026/datapackage.json", "gdp@2026/data"}
    files = ["gdp@2026/data/gdp.csv", "gdp@2026/data/top-economies.csv"]
    assert system.ls("gdp@2026/data", detail=False) == files
    assert system.glob("couchreg://gdp@2026/**/*.csv") == files
    assert system.find("gdp@2026/data") == files
    assert system.isdir("gdp")
    assert system.isdir("gdp/data")
    assert system.isfile("gdp/gdp")
    assert not system.exists("gdp/nothing")
    assert not system.exists("no-such-package")


def test_tells_size_and_hash() -> None:
    found = fsspec.filesystem("couchreg").info("couchreg://gdp/gdp.csv")
    assert (found["size"], found["type"], found["version"]) == (len(GDP), "file", "2026")
    assert found["sha256"] == fsspec.filesystem("couchreg").ukey("gdp@2026/data/gdp.csv")


def test_reads_ranges() -> None:
    system = fsspec.filesystem("couchreg")
    assert system.cat_file("gdp/gdp", 5, 50) == GDP[5:50]
    assert system.cat_file("gdp/gdp", -50) == GDP[-50:]
    with fsspec.open("couchreg://gdp@2026/gdp", block_size=1000) as file:
        file.seek(100_000)
        assert file.read(3000) == GDP[100_000:103_000]
    assert system.read_block("gdp/gdp", 0, 10) == GDP[:10]


def test_copies_a_version_into_a_folder(tmp_path: Path) -> None:
    fsspec.filesystem("couchreg").get("gdp@2026", str(tmp_path / "gdp"), recursive=True)
    assert (tmp_path / "gdp" / "data" / "gdp.csv").read_bytes() == GDP


def test_nothing_is_written() -> None:
    with pytest.raises(PermissionError, match="never changes"):
        fsspec.open("couchreg://gdp@2026/gdp.csv", "wb").open()
    with pytest.raises(FileNotFoundError, match="nothing"):
        fsspec.open("couchreg://gdp@2026/nothing").open()


def test_another_registry_can_be_named(live: object) -> None:
    options = {"registry": "http://127.0.0.1:9"}
    with pytest.raises(Exception, match="No registry answers"):
        pandas.read_csv("couchreg://gdp/gdp", storage_options=options)


def test_frictionless_learns_couchreg_addresses() -> None:
    script = """
import couchreg.client.frictionless
from frictionless import Package, Resource
package = Package("couchreg://gdp@2026")
print(package.resource_names, len(package.get_resource("gdp").read_rows()))
print(len(Resource("couchreg://gdp@2026/gdp.csv").read_rows()), Resource("couchreg://gdp/gdp.csv").format)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    rows = len(pandas.read_csv(FILE))
    assert done.stdout == f"['top-economies', 'gdp'] {rows}\n{rows} csv\n", done.stderr
