"""The `registry` database deleted and made again under a running server."""

import aiohttp

from couchreg.app import App
from tests.conftest import ADMIN

PACKAGE = {"name": "bees", "resources": [{"name": "hives", "data": [{"hive": "north"}]}]}


async def test_the_registry_goes_on_in_a_database_made_anew(app: App) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    package, database = f"{app.registry_url}/bees/1.0.0", f"{app.couch_url}/registry"
    async with aiohttp.ClientSession(headers=headers) as session:
        assert (await session.put(package, json=PACKAGE)).status == 201
        assert (await session.delete(database)).status == 200
        assert (await session.get(package)).status == 404
        assert (await session.put(package, json=PACKAGE)).status == 404
        assert (await session.put(database)).status == 201
        assert (await session.get(package)).status == 404
        assert (await session.put(package, json=PACKAGE)).status == 201
        assert (await session.get(package)).status == 200
        assert (await session.delete(package)).status == 200


async def test_nobody_owns_packages_of_the_database_before(app: App) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    database, whoami = f"{app.couch_url}/registry", f"{app.registry_url}/-/whoami"
    async with aiohttp.ClientSession(headers=headers) as session:
        for name in ("ants", "bees"):
            sent = await session.put(f"{app.registry_url}/{name}/1.0.0", json={**PACKAGE, "name": name})
            assert sent.status == 201
        assert (await (await session.get(whoami)).json())["packages"] == ["ants", "bees"]
        await session.delete(database)
        await session.put(database)
        assert (await (await session.get(whoami)).json())["packages"] == []
        assert (await session.put(f"{app.registry_url}/wasps/1.0.0", json={**PACKAGE, "name": "wasps"})).ok
        assert (await (await session.get(whoami)).json())["packages"] == ["wasps"]
