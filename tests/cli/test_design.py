"""`couchreg design`: folders and databases."""

from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from tests.cli.conftest import Couchreg, run
from tests.processes import Server


@pytest.fixture
async def database(live: Server, tmp_path: Path) -> str:
    """The address of a new database."""
    name = quote(f"designs/{tmp_path.name.replace('_', '-')}".lower(), safe="")
    url = f"{live.couch_url}/{name}"
    async with aiohttp.ClientSession() as session:
        address = URL(live.couch_url_with_login + "/" + name, encoded=True)
        async with session.put(address) as made:
            assert made.status == 201, await made.text()
        async with session.post(address, json={"_id": "a", "n": 1}) as made:
            assert made.status == 201
    return url


def put(folder: Path, source: str = "function (doc) { emit(doc.n, null); }") -> None:
    (folder / "views/v").mkdir(parents=True, exist_ok=True)
    (folder / "views/v/map.js").write_text(source + "\n")
    (folder / "_attachments").mkdir(exist_ok=True)
    (folder / "_attachments/page.html").write_text("<p>" * 500)


def test_push_pull_and_ls(couchreg: Couchreg, database: str, tmp_path: Path) -> None:
    put(tmp_path / "all/one")
    put(tmp_path / "all/two", "function (doc) { emit(1); }")
    ran = couchreg("design", "push", "all", database)
    assert (ran.status, ran.out.split()) == (0, ["created", "_design/one", "created", "_design/two"]), ran.err
    put(tmp_path / "all/one", "function (doc) { emit(2); }")
    put(tmp_path / "all/three")
    assert couchreg("design", "push", "all/two", f"{database}/_design/other").status == 0
    listed = couchreg("design", "ls", "all", database, "--json").json
    assert {row["id"]: row["state"] for row in listed} == {
        "_design/one": "differs",
        "_design/two": "same",
        "_design/three": "new",
        "_design/other": "absent",
    }
    assert couchreg("design", "push", "all", database).out.split()[::2] == ["updated", "created", "same"]
    assert couchreg("design", "pull", "copy", database).status == 0
    assert [row["state"] for row in couchreg("design", "ls", "copy", database, "--json").json] == ["same"] * 4
    source = (tmp_path / "copy/one/views/v/map.js").read_text()
    assert source == "function (doc) { emit(2); }\n"
    again = couchreg("design", "pull", "copy", database)
    assert (again.status, "is not empty" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("push", "nowhere", "URL"), 2, "cannot be read"),
        (("pull", "x", "URL/_design/none"), 3, "missing"),
        (("ls", "x", "http://127.0.0.1:1"), 2, "is not the address of a database"),
        (("push", "bad", "URL"), 2, "Compilation of the map function"),
    ],
)
def test_what_goes_wrong_is_said(
    couchreg: Couchreg, database: str, tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    put(tmp_path / "bad/one", "no function")
    ran = couchreg("design", *[argument.replace("URL", database) for argument in arguments])
    assert (ran.status, said in ran.err, "secret" in ran.err) == (status, True, False), ran.err


def test_who_may_not_write_is_told(database: str, tmp_path: Path) -> None:
    put(tmp_path / "all/one")
    ran = run("design", "push", "all", database, cwd=tmp_path)
    assert ran.status == 4, ran.err
