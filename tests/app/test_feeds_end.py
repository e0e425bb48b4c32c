"""A live feed ends when whoever reads it has lost their account, or what they may see."""

import asyncio

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client, configure, opened
from tests.app.test_held_back import Change, basic, gone, made, made_anew, other_password


async def no_member(client: Client, name: str) -> None:
    assert (await client("PUT", "/db/_security", {"members": {"names": ["bob"]}}))[0] == 200


@pytest.mark.parametrize("change", [gone, made_anew, other_password, no_member])
@pytest.mark.parametrize("feed", ["continuous", "longpoll", "eventsource"])
async def test_of_changes(app: App, client: Client, feed: str, change: Change) -> None:
    await opened(client)
    await client("PUT", "/db")
    await client("PUT", "/db/_security", {"members": {"names": ["anna"]}})
    headers = {"Authorization": await made(client, "anna")}
    url = f"{app.couch_url}/db/_changes?feed={feed}&since=now&heartbeat=1000"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        assert response.status == 200
        await change(client, "anna")
        assert (await client("PUT", "/db/secret", {}))[0] == 201
        async with asyncio.timeout(60):
            assert b"secret" not in await response.read()


async def test_of_databases(app: App, client: Client) -> None:
    await configure(client, admins__second="power")
    url = f"{app.couch_url}/_db_updates?feed=continuous&since=now&heartbeat=1000"
    headers = {"Authorization": basic("second", "power")}
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        assert response.status == 200
        await client("DELETE", "/_node/_local/_config/admins/second")
        assert (await client("PUT", "/secret"))[0] == 201
        async with asyncio.timeout(60):
            assert b"secret" not in await response.read()
