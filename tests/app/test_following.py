"""`couchreg follow search`: another machine's index of a registry, through deaths of both."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.app.following import FileNotes, FollowingApp, WantedFollower
from couchreg.config import CannotStart
from couchreg.replication import followed
from tests.app.people import Client
from tests.app.test_dependents import publish
from tests.conftest import ADMIN, ServerFactory
from tests.forking import Forked, Streams
from tests.processes import environment

LONG = 120.0  # seconds that a busy machine may take


@pytest.fixture
def door(app: App, client: Client) -> Client:
    return Client(client.session, app.registry_url)


@asynccontextmanager
async def following(source: str, data_dir: Path, **more: Any) -> AsyncIterator[FollowingApp]:
    made = FollowingApp(WantedFollower(source, data_dir, port=0, **more))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def until(asked: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Asked again until the answer is the one that is waited for."""
    deadline = time.monotonic() + LONG
    while (found := await asked()) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


def names(session: aiohttp.ClientSession, url: str, query: str) -> Callable[[], Awaitable[list[str]]]:
    async def ask() -> list[str]:
        async with session.get(f"{url}/-/search?{query}") as answer:
            if answer.status == 503:
                return ["not yet"]
            assert answer.status == 200, await answer.text()
            return [hit["url"] for hit in (await answer.json())["hits"]]

    return ask


async def told(session: aiohttp.ClientSession, url: str, path: str) -> tuple[int, Any]:
    async with session.get(url + path) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("engine", ["fts5", "whoosh"])
async def test_what_is_published_there_is_found_here(
    app: App, door: Client, tmp_path: Path, engine: str
) -> None:
    await publish(door, "hives", title="Hives of the valley", keywords=["bees"])
    await publish(door, "hives", "1.1.0", title="Hives of two valleys", keywords=["bees"])
    async with following(app.registry_url, tmp_path / "far", engine=engine) as far:
        bees = names(door.session, far.url, "q=bees")
        hives = f"{app.registry_url}/hives/1.1.0"
        await until(bees, [hives])
        await publish(door, "honey", title="Honey of bees", licenses=[{"name": "CC0-1.0"}])
        await until(
            names(door.session, far.url, "q=bees&license=CC0-1.0"), [f"{app.registry_url}/honey/1.0.0"]
        )
        assert (await door("DELETE", "/honey"))[0] == 200
        await until(bees, [hives])
        _, answer = await told(door.session, far.url, "/-/search?q=vallys")
        assert answer["suggestion"] == "valleys"
        assert answer["lag"]["heard"] < LONG

        async def is_current() -> Any:
            lag = (await told(door.session, far.url, "/-/search?q=bees"))[1]["lag"]
            return lag["seq"] >= lag["update_seq"] > 0

        await until(is_current, True)
        _, answer = await told(door.session, far.url, "/-/followers")
        assert answer["source"] == app.registry_url
        assert answer["followers"][0]["problems"] == 0

        async def state() -> Any:
            return (await told(door.session, far.url, "/_up"))[0]

        await until(state, 200)
        assert (await told(door.session, far.url, "/-/search?sort=downloads"))[0] == 501
        assert (await told(door.session, far.url, "/-/search?limit=x"))[0] == 400
        assert (await told(door.session, far.url, "/gdp"))[0] == 404


async def test_every_version_is_listed_however_many_there_are(
    app: App, door: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "LISTED", 2)
    for number in range(5):
        await publish(door, "hives", f"1.{number}.0", title=f"Hives of year{number}")
    async with following(app.registry_url, tmp_path / "far") as far:
        await until(names(door.session, far.url, "q=year4"), [f"{app.registry_url}/hives/1.4.0"])
        assert await names(door.session, far.url, "q=year1")() == []


async def test_texts_are_read_and_what_is_purged_is_forgotten(
    app: App, door: Client, client: Client, tmp_path: Path
) -> None:
    rev = (await client("PUT", "/registry/gdp@1", {"name": "gdp", "title": "GDP"}))[1]["rev"]
    readme = {"README.md": {"content_type": "text/markdown", "data": "YWFyZHZhcmtz"}}  # aardvarks
    body = {"name": "b", "title": "B", "_attachments": readme}
    assert (await client("PUT", "/registry/b@1", body))[0] == 201
    async with following(f"{app.couch_url}/registry", tmp_path / "far", links="https://x.org/") as far:
        await until(names(door.session, far.url, "q=aardvarks"), ["https://x.org/b/1"])
        await until(names(door.session, far.url, "q=gdp"), ["https://x.org/gdp/1"])
        assert (await client("POST", "/registry/_purge", {"gdp@1": [rev]}))[0] == 201
        assert (await client("PUT", "/registry/c@1", {"name": "c", "title": "C"}))[0] == 201
        await until(names(door.session, far.url, "q=gdp"), [])
        await until(names(door.session, far.url, "q=c"), ["https://x.org/c/1"])


async def test_a_closed_registry_is_read_with_a_login(
    app: App, door: Client, client: Client, tmp_path: Path
) -> None:
    await publish(door, "hives", title="Hives")
    members = {"members": {"names": ["anna"], "roles": []}, "admins": {"roles": ["_admin"]}}
    assert (await client("PUT", "/registry/_security", members))[0] == 200
    async with following(app.registry_url, tmp_path / "far", login=ADMIN) as far:
        await until(names(door.session, far.url, "q=hives"), [f"{app.registry_url}/hives/1.0.0"])
    async with following(app.registry_url, tmp_path / "nobody") as far:

        async def state() -> Any:
            return (await told(door.session, far.url, "/_up"))[0]

        await until(state, 503)
        _, answer = await told(door.session, far.url, "/-/followers")
        assert answer["followers"][0]["documents"] == []
    assert ADMIN[1] not in (tmp_path / "far").joinpath("following.json").name


async def test_it_goes_on_when_the_registry_comes_back(server: ServerFactory, tmp_path: Path) -> None:
    app = await server()
    async with aiohttp.ClientSession() as session:
        door = Client(session, app.registry_url)
        await publish(door, "hives", title="Hives")
        port = int(app.registry_url.rpartition(":")[2])
        async with following(app.registry_url, tmp_path / "far") as far:
            await until(names(session, far.url, "q=hives"), [f"{app.registry_url}/hives/1.0.0"])
            await app.stop()
            await until(names(session, far.url, "q=hives"), [f"http://127.0.0.1:{port}/hives/1.0.0"])
            again = await server(port=port)
            await publish(Client(session, again.registry_url), "honey", title="Honey")
            await until(names(session, far.url, "q=honey"), [f"http://127.0.0.1:{port}/honey/1.0.0"])


async def test_it_is_killed_and_goes_on_where_it_was(app: App, door: Client, tmp_path: Path) -> None:
    """The program itself; the second one finds the index, and reads what came meanwhile alone."""
    await publish(door, "hives", title="Hives")
    process, url = await started(app, tmp_path)
    await until(names(door.session, url, "q=hives"), [f"{app.registry_url}/hives/1.0.0"])
    _, before = await told(door.session, url, "/-/followers")
    process.kill()
    process.wait()
    await publish(door, "honey", title="Honey")
    process, url = await started(app, tmp_path)
    try:
        await until(names(door.session, url, "q=honey"), [f"{app.registry_url}/honey/1.0.0"])
        await until(names(door.session, url, "q=hives"), [f"{app.registry_url}/hives/1.0.0"])
        _, after = await told(door.session, url, "/-/followers")
        assert after["followers"][0]["seq"] > before["followers"][0]["seq"]
        assert "begins again" not in (tmp_path / "err").read_text()
    finally:
        process.terminate()
        assert process.wait(LONG) == 0


async def started(app: App, folder: Path) -> tuple[Forked, str]:
    output = folder / "out"
    output.unlink(missing_ok=True)
    arguments = ["follow", "search", "--from", app.registry_url, "--data-dir", str(folder / "far")]
    streams = Streams(os.devnull, str(output), str(folder / "err"))
    process = Forked([*arguments, "--port", "0"], streams, environment())
    deadline = time.monotonic() + LONG
    while not output.exists() or "Ready" not in output.read_text():
        assert process.poll() is None, (folder / "err").read_text()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return process, output.read_text().split()[1].removesuffix("/-/search")


@pytest.mark.parametrize("source", ["registry.example.org", "ftp://example.org", "http://"])
async def test_what_is_no_address_is_said_at_once(source: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="--from"):
        async with following(source, tmp_path / "far"):
            pass


async def test_a_registry_s_own_directory_is_left_alone(app: App, tmp_path: Path) -> None:
    await app.stop()
    with pytest.raises(CannotStart, match="choose another"):
        async with following(app.registry_url, tmp_path / "data"):
            pass


async def test_notes_outlive_a_restart_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    notes = FileNotes(path)
    assert await notes.read("problems-search") is None
    await notes.write("problems-search", {"uncounted": 1})
    await notes.write("other", 5)
    assert await FileNotes(path).read("problems-search") == {"uncounted": 1}
    await notes.write("other", None)
    assert await notes.names("") == ["problems-search"]
    assert json.loads(path.read_text()) == {"problems-search": {"uncounted": 1}}
    path.write_bytes(b"{")
    assert await notes.read("problems-search") is None
