"""Data directories of every format there has been: opened, served, rebuilt; and the way to the next."""

import json
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import migrations
from couchreg.app.backup import back_up
from couchreg.app.doctor import examine
from couchreg.app.findings import WRONG
from couchreg.cli.rebuild import run
from couchreg.config import CannotStart, load
from tests.app.old_format import ANNA
from tests.app.people import Client
from tests.conftest import ServerFactory

FIXTURES = Path(__file__).parents[1] / "data"
FORMATS = [1]


def unpacked(place: Path, number: int) -> tuple[Path, str]:
    """A data directory as the couchreg of its time has left it, and the token of anna."""
    with zipfile.ZipFile(FIXTURES / f"format-{number}.zip") as packed:
        packed.extractall(place)
    return place / "data", (place / "token").read_text()


async def found(registry: str, couch: str, token: str) -> dict[str, Any]:
    """What anna and others see of it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        door, documents = Client(session, registry), Client(session, couch)
        about: dict[str, Any] = {"who": (await door("GET", "/-/whoami", who=ANNA))[1]["packages"]}
        bearer = {"Authorization": f"Bearer {token}"}
        about["token"] = (await door("GET", "/-/whoami", who=None, headers=bearer))[0]
        about["versions"] = [
            (row["version"], row["hash"], row["tags"], row["deprecated"], row["yanked"])
            for row in (await door("GET", "/-/versions/small", who=None))[1]["versions"]
        ]
        async with session.get(f"{registry}/small/1.0.0/data/words.csv") as answer:
            about["bytes"] = await answer.read()
        about["gone"] = (await door("GET", "/small/2.0.0"))[0]
        _, listed = await documents("GET", "/registry/_all_docs", None)
        about["revisions"] = {row["id"]: row["value"]["rev"] for row in listed["rows"]}
        _, about["document"] = await documents(
            "GET", "/db/doc?attachments=true", headers={"Accept": "application/json"}
        )
        about["security"] = (await documents("GET", "/db/_security"))[1]
        about["vendor"] = (await documents("GET", "/"))[1]["vendor"]["name"]
        return about


def expected(number: int) -> dict[str, Any]:
    """Written down when the fixture was made."""
    told: dict[str, Any] = json.loads((FIXTURES / f"format-{number}.json").read_text())
    return told


def plain(about: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps({**about, "bytes": about["bytes"].decode()})))


@pytest.mark.directory_only
@pytest.mark.parametrize("said", [True, False], ids=["says its format", "says nothing"])
@pytest.mark.parametrize("number", FORMATS)
async def test_it_opens_and_serves_and_can_be_rebuilt(
    server: ServerFactory, tmp_path: Path, number: int, said: bool
) -> None:
    data, token = unpacked(tmp_path, number)
    if not said:
        (data / "format").unlink()
    app = await server(admin=None, validation="off")
    assert plain(await found(app.registry_url, app.couch_url, token)) == expected(number)
    assert json.loads((data / "format").read_bytes())["format"] == migrations.FORMAT
    await app.stop()
    assert [finding for finding in examine(data) if finding.kind == WRONG] == []
    for file in (data / "databases").glob("registry@*"):
        file.unlink()
    done = await run(load({"data_dir": data}, environ={}))
    assert (done.problems, done.differing) == ([], 0)
    app = await server(admin=None, validation="off")
    assert plain(await found(app.registry_url, app.couch_url, token)) == expected(number)
    async with aiohttp.ClientSession() as session:
        assert (await Client(session, app.registry_url)("POST", "/-/undelete/small/2.0.0", who=ANNA))[
            0
        ] == 200


def test_steps_follow_each_other_and_what_was_cut_off_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "server.sqlite").touch()
    calls: list[int] = []

    def fails(data: Path) -> None:
        calls.append(2)
        if calls.count(2) == 1:
            raise OSError(28, "No space left on device", "x")

    steps = {1: lambda data: calls.append(1), 2: fails}
    with pytest.raises(CannotStart, match=r"could not be brought to format 3.*No space left"):
        migrations.bring_up(tmp_path, steps, wanted=3)
    assert migrations.read(tmp_path) == 2
    migrations.bring_up(tmp_path, steps, wanted=3)
    migrations.bring_up(tmp_path, steps, wanted=3)
    assert (calls, migrations.read(tmp_path)) == ([1, 2, 2], 3)


def test_there_is_a_way_from_every_format_and_a_fixture_of_each() -> None:
    before = range(migrations.OLDEST, migrations.FORMAT)
    assert list(migrations.STEPS) == list(before)
    assert list(range(migrations.OLDEST, migrations.FORMAT + 1)) == FORMATS


def test_a_new_directory_is_of_todays_format(tmp_path: Path) -> None:
    migrations.bring_up(tmp_path, {}, wanted=7)
    assert migrations.read(tmp_path) == 7


@pytest.mark.parametrize(
    "text", ["", "7", "[]", "{}", '{"format": 0}', '{"format": true}', '{"format": "1"}']
)
async def test_what_says_no_format_is_told(server: ServerFactory, tmp_path: Path, text: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "format").write_text(text)
    with pytest.raises(CannotStart, match="format is damaged"):
        await server()
    assert "format is damaged" in next(iter(examine(tmp_path / "data"))).reason


async def test_a_directory_of_a_later_couchreg_is_left_alone(server: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "format").write_text('{"format": 99}')
    with pytest.raises(CannotStart, match="format 99 of a later couchreg"):
        await server()
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"format", "couchreg.lock"}
    assert "later couchreg" in next(iter(examine(tmp_path / "data"))).reason
    (tmp_path / "data" / "server.sqlite").touch()
    with pytest.raises(CannotStart, match="format 99 of a later couchreg"):  # it would not hold all of it
        back_up(tmp_path / "data", tmp_path / "backup", bytes_at=None)
    assert not (tmp_path / "backup").exists()
