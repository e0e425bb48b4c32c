"""Who depends on a package, what is found in its texts, and OPTIONS: asked of a whole server."""

import asyncio
import io
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client
from tests.conftest import ADMIN


@pytest.fixture
def door(app: App, client: Client) -> Client:
    """The registry door."""
    return Client(client.session, app.registry_url)


async def publish(door: Client, name: str, version: str = "1.0.0", **members: Any) -> None:
    package = {"name": name, "resources": [{"name": "table", "data": [{"n": 1}]}], **members}
    assert (await door("PUT", f"/{name}/{version}", package))[0] == 201


async def settled(app: App) -> None:
    await app.followers["search"].caught_up(await (await app.store.open("registry")).update_seq())


async def test_dependents_are_those_whose_latest_version_depends(app: App, door: Client) -> None:
    await publish(door, "base")
    await publish(door, "one", dataDependencies={"base": "^1"}, title="One")
    await publish(door, "two", dataDependencies={"base": "^1"})
    await publish(door, "two", "2.0.0", dataDependencies={"one": "*"})
    await settled(app)
    status, found = await door("GET", "/-/dependents/base", who=None)
    row = {"name": "one", "version": "1.0.0", "title": "One", "url": f"{app.registry_url}/one/1.0.0"}
    assert (status, found) == (200, {"name": "base", "total": 1, "dependents": [row]})
    assert (await door("GET", "/-/dependents/two"))[1]["total"] == 0
    assert (await door("DELETE", "/one"))[0] == 200
    await settled(app)
    assert (await door("GET", "/-/dependents/base"))[1]["total"] == 0


async def test_a_dependency_that_nobody_could_install_is_named(app: App, door: Client) -> None:
    await publish(door, "base")
    needed = {"base": "banana", "nobody-has-this": "^1"}
    package = {
        "name": "needy",
        "resources": [{"name": "t", "data": [{"n": 1}]}],
        "dataDependencies": {**needed, "base-too": 5},
    }
    status, answer = await door("PUT", "/needy/1.0.0", package)
    assert status == 201
    named = {item["reason"].partition(":")[0]: item for item in answer["unchecked"]}
    assert named.keys() == {*needed, "base-too"}
    assert "has to be a string" in named["base-too"]["reason"]
    assert all(item["member"] == "dataDependencies" for item in named.values())
    assert (await door("GET", "/-/report/needy/1.0.0"))[1]["unchecked"] == answer["unchecked"]
    await publish(door, "content", dataDependencies={"base": "^1"})
    assert (await door("GET", "/-/report/content/1.0.0"))[1]["unchecked"] == []


async def test_readme_and_licence_are_searched(app: App, door: Client) -> None:
    form = aiohttp.FormData()
    texts = {
        "datapackage.json": '{"name": "bees", "resources": [{"name": "a", "path": "a.csv"}]}',
        "a.csv": "notfoundword\n1\n",
        "README.md": "# Bees\n\nCounted by the *apiarists* of the valley.",
        "LICENSE": "Permission is granted to beekeeperswhoever",
        "docs/readme.md": "deeperword",
    }
    for path, text in texts.items():
        form.add_field(path, text, filename=path)
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with door.session.put(f"{app.registry_url}/bees/1.0.0", data=form, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    await settled(app)
    for word, total in (("apiarist", 1), ("beekeeperswhoever", 1), ("notfoundword", 0), ("deeperword", 0)):
        _, found = await door("GET", f'/search?keys=["{word}"]', who=None)
        assert (word, found["total"]) == (word, total)


async def test_a_large_text_is_searched_in_its_beginning(app: App, door: Client) -> None:
    form = aiohttp.FormData()
    descriptor = '{"name": "bees", "resources": [{"name": "a", "data": [1]}]}'
    form.add_field("datapackage.json", descriptor, filename="datapackage.json")
    text = b"early " + b"x " * 500_000 + b"late"
    form.add_field("README", io.BytesIO(text), filename="README")
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with door.session.put(f"{app.registry_url}/bees/1.0.0", data=form, headers=headers) as answer:
        assert answer.status == 201
    await asyncio.wait_for(settled(app), 60)
    for word, total in (("early", 1), ("late", 0)):
        assert (await door("GET", f'/search?keys=["{word}"]'))[1]["total"] == total


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/gdp/2026", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/gdp/2026/data/gdp.csv", "GET, HEAD, OPTIONS"),
        ("/-/dist-tags/gdp/latest", "DELETE, OPTIONS, PUT"),
        ("/datastore/authorize", "OPTIONS, POST"),
        ("/adduser/anna", "OPTIONS, PUT"),
    ],
)
async def test_options(app: App, client: Client, path: str, methods: str) -> None:
    asked = {"Origin": "http://page.example", "Access-Control-Request-Method": "PUT"}
    async with client.session.options(app.registry_url + path, headers=asked) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert set(methods.split(", ")) <= set(answer.headers["Allow"].split(", "))
        assert answer.headers["Access-Control-Allow-Methods"] == answer.headers["Allow"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
