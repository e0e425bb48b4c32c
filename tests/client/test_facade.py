"""`couchreg.Client`, as a script or a notebook uses it."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from couchreg import Client
from couchreg.client import ClientError
from couchreg.client.errors import Missing, UsageError
from tests.client.conftest import PACKAGES, eventually, write_package

GDP = (PACKAGES / "gdp" / "data" / "gdp.csv").read_bytes()


def test_finds_and_describes(client: Client) -> None:
    assert eventually(lambda: client.search("gdp"))[0]["name"] == "gdp"
    assert client.info("gdp")["version"] == client.info("gdp@2026")["version"] == "2026"
    assert [row["version"] for row in client.versions("gdp")] == ["2026"]
    assert "gdp" in [package["name"] for package in client.packages()]


@pytest.mark.parametrize(
    "address", ["gdp/gdp", "gdp@2026/gdp.csv", "gdp@latest/data/gdp.csv", "couchreg://gdp/gdp"]
)
def test_reads_a_resource_by_its_name_with_a_suffix_or_by_its_path(client: Client, address: str) -> None:
    assert client.cat(address) == GDP
    assert client.cat(address, 10, 30) == GDP[10:30]
    assert b"".join(client.iterate(address)) == GDP
    with client.open(address) as file:
        file.seek(-100, 2)
        assert file.read() == GDP[-100:]
    with client.open(address, "r") as text:
        assert text.readline().encode() == GDP[: GDP.index(b"\n") + 1].replace(b"\r\n", b"\n")


def test_a_range_gives_the_highest_version_in_it(client: Client, tmp_path: Path) -> None:
    for version in ("1.2.0", "1.10.0", "2.0.0"):
        client.publish(write_package(tmp_path / "ranged", version, {"a.csv": f"n\n{version}\n"}))
    assert client.cat("ranged@^1/a") == b"n\n1.10.0\n"
    assert client.cat("ranged@1.x/a") == b"n\n1.10.0\n"
    assert client.cat("ranged@>=1 <1.5/a") == b"n\n1.2.0\n"
    assert client.info("ranged")["version"] == "2.0.0"
    with pytest.raises(Missing, match=r"no version \^3; it has 2\.0\.0"):
        client.info("ranged@^3")


def test_inline_data_and_parts_read_as_one(client: Client, tmp_path: Path) -> None:
    files = {"one.csv": "n\n1\n", "two.csv": "2\n"}
    resources = [
        {"name": "both", "path": ["one.csv", "two.csv"]},
        {"name": "inline", "format": "csv", "data": "n\n7\n"},
    ]
    client.publish(write_package(tmp_path / "shapes", "1", files, resources=resources))
    assert client.cat("shapes/both") == b"n\n1\n2\n"
    assert client.cat("shapes/both", 2, 5) == b"1\n2"
    assert client.cat("shapes/two.csv") == b"2\n"
    assert client.open("shapes/inline.csv").read() == b"n\n7\n"
    assert client.cat("shapes/inline", 2) == b"7\n"


def test_what_a_publisher_says_of_inline_data_is_not_believed(client: Client, tmp_path: Path) -> None:
    said = {"bytes": 2, "hash": "sha256:" + "0" * 64}
    resources = [{"name": "inline", "format": "csv", "data": "n\n7\n", **said}]
    client.publish(write_package(tmp_path / "boastful", "1", {}, resources=resources))
    assert client.open("boastful/inline").read() == b"n\n7\n"


def test_tags_deprecation_and_differences(client: Client, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        client.publish(write_package(tmp_path / "said", version, {"a.csv": f"n\n{version}\n"}))
    assert client.set_tag("said@1.0.0", "old")["old"] == "1.0.0"
    assert client.tags("said") == {"latest": "2.0.0", "old": "1.0.0"}
    assert "old" not in client.remove_tag("said", "old")
    assert client.deprecate("said@^1", "use 2") == {"1.0.0": "use 2"}
    assert client.info("said@1.0.0")["couchreg"]["deprecated"] == "use 2"
    assert client.undeprecate("said@1.0.0") == {}
    assert client.yank("said@2.0.0", "counted twice") == {"2.0.0": "counted twice"}
    assert client.info("said")["version"] == "1.0.0"
    assert client.info("said@2.0.0")["couchreg"]["yanked"] == "counted twice"
    assert client.unyank("said@2.0.0") == {}
    found = client.diff("said@1.0.0", "2.0.0")
    assert found["resources"]["changed"]["a"]["rows"]["added"] == 1


def test_a_published_version_can_be_deleted(client: Client, tmp_path: Path) -> None:
    client.publish(write_package(tmp_path / "brief", "1", {"a.csv": "n\n1\n"}))
    assert client.unpublish("brief@1") == ["1"]
    assert client.undelete("brief") == ["1"]
    assert client.cat("brief/a.csv") == b"n\n1\n"
    assert client.unpublish("brief", for_good=True) == ["1"]
    with pytest.raises(Missing, match="brought back"):
        client.undelete("brief@1")
    with pytest.raises(Missing, match="brief"):
        client.info("brief")


def test_what_is_wrong_is_said(client: Client) -> None:
    with pytest.raises(Missing, match=r"its resources: .*gdp"):
        client.cat("gdp@2026/nothing")
    with pytest.raises(UsageError, match="not a package"):
        client.cat("@1/x")
    with pytest.raises(ValueError, match="never changes"):
        client.open("gdp/gdp", "wb")


def test_works_inside_a_running_loop_and_from_many_threads(client: Client) -> None:
    async def notebook() -> str:
        return str(client.info("gdp")["name"])

    assert asyncio.run(notebook()) == "gdp"
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: client.cat("gdp/gdp"), range(24))) == {GDP}


def test_a_closed_client_says_so(client: Client) -> None:
    other = Client()
    other.close()
    other.close()


def test_a_registry_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client("http://127.0.0.1:9") as nowhere, pytest.raises(ClientError, match="No registry answers"):
        nowhere.info("gdp")


def test_a_program_that_forgets_to_close_ends_quietly() -> None:
    script = "import couchreg; print(couchreg.Client().info('gdp')['version'])"
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("2026\n", "", 0)


def test_importing_the_package_is_cheap() -> None:
    script = "import couchreg, sys; print(sorted({'aiohttp', 'fsspec', 'frictionless'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
