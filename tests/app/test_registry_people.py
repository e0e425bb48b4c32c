"""A person at both doors of a whole server: registered, publishing, sharing, deleting."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.client.transport import Credentials
from tests.conftest import ServerFactory
from tests.packages import related, small

ANNA, BOB, ADMIN = (Credentials(*pair) for pair in (("anna", "a"), ("bob", "b"), ("admin", "secret")))


async def ask(
    url: str, method: str, path: str, who: Credentials | None = None, **sent: Any
) -> tuple[int, Any]:
    headers = {**sent.pop("headers", {}), **(who.header() if who else {})}
    async with aiohttp.request(method, url + path, headers=headers, **sent) as response:
        return response.status, await response.json(content_type=None)


async def put(app: App, path: str, who: Credentials) -> int:
    body, headers = related(small())
    return (await ask(app.registry_url, "PUT", path, who, data=body, headers=headers))[0]


async def test_passwords_have_a_least_length_here_and_tokens_an_end(server: ServerFactory) -> None:
    app = await server(password_length=8)
    short = Credentials("carl", "seven77")
    body = {"name": "carl", "password": short.password}
    status, told = await ask(app.registry_url, "PUT", "/adduser/carl", json=body)
    assert (status, told["reason"]) == (400, "A password must have at least 8 characters.")
    doc = {"name": "carl", "type": "user", "roles": [], "password": short.password}
    path = "/_users/org.couchdb.user:carl"
    assert (await ask(app.couch_url, "PUT", path, ADMIN, json=doc))[0] == 201  # as with CouchDB
    assert (await ask(app.registry_url, "PUT", "/-/user/carl", short, json={"password": "no"}))[0] == 400
    ends = []
    for more in ({}, {"lifetime": None}, {"lifetime": 60}):
        made = await ask(app.registry_url, "POST", "/-/tokens", short, json={"scope": "read", **more})
        ends.append(made[1]["expires"])
    days = (datetime.fromisoformat(ends[0]) - datetime.now(UTC)).days
    assert (days in (364, 365), ends[1], ends[2] < ends[0]) == (True, None, True)


async def register(app: App, who: Credentials) -> None:
    body = {"name": who.user, "password": who.password, "email": f"{who.user}@example.org"}
    assert (await ask(app.registry_url, "PUT", f"/adduser/{who.user}", json=body))[0] == 201


def files(app: App) -> set[str]:
    """What lies in the datastore, but for the records of it."""
    folder = Path(app.settings.data_dir) / "datastore"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(("_registry/", "_datastore/"))}


async def test_one_account_is_good_for_both_doors(server: ServerFactory) -> None:
    app = await server(validation="off")
    await register(app, ANNA)
    assert await put(app, "/small/1", ANNA) == 201
    _, session = await ask(app.couch_url, "GET", "/_session", ANNA)
    assert session["userCtx"]["name"] == "anna"
    document = "/_users/org.couchdb.user:anna"
    assert (await ask(app.couch_url, "GET", document, ADMIN))[1]["email"] == "anna@example.org"
    assert (await ask(app.couch_url, "GET", document))[0] == 401
    status, _ = await ask(app.couch_url, "PUT", "/registry/small@2", ANNA, json={})
    assert status == 403  # packages are published through the registry


async def test_tokens_are_for_the_registry_door_only(server: ServerFactory) -> None:
    app = await server()
    await register(app, ANNA)
    _, made = await ask(app.registry_url, "POST", "/-/tokens", ANNA, json={"scope": "admin"})
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert (await ask(app.registry_url, "GET", "/-/whoami", headers=bearer))[0] == 200
    assert (await ask(app.couch_url, "GET", "/_session", headers=bearer))[0] == 401
    assert (await ask(app.registry_url, "GET", "/_couch/_session", headers=bearer))[0] == 401


async def test_accounts_tokens_and_owners_outlive_a_restart(server: ServerFactory) -> None:
    app = await server(validation="off")
    await register(app, ANNA)
    await register(app, BOB)
    assert await put(app, "/small/1", ANNA) == 201
    body = {"username": "bob", "dpkgName": "small"}
    assert (await ask(app.registry_url, "POST", "/owner/add", ANNA, json=body))[0] == 200
    _, made = await ask(app.registry_url, "POST", "/-/tokens", BOB, json={"scope": "publish"})
    await app.stop()
    app = await server(validation="off")
    assert await put(app, "/small/2", BOB) == 201
    bearer = {"Authorization": f"Bearer {made['token']}"}
    _, about = await ask(app.registry_url, "GET", "/-/whoami", headers=bearer)
    assert (about["name"], about["roles"]) == ("bob", ["owner:small"])


@pytest.mark.directory_only
async def test_deleting_takes_files_descriptor_and_search_entry_away(server: ServerFactory) -> None:
    app = await server(validation="off")
    await register(app, ANNA)
    for version in ("1", "2"):
        assert await put(app, f"/small/{version}", ANNA) == 201
    assert (await ask(app.registry_url, "DELETE", "/small/2", ANNA))[0] == 200
    assert {"small/1/datapackage.json", "small/1/data/words.csv"} < files(app)
    assert not [path for path in files(app) if path.startswith("small/2")]
    search = '/search?keys=["small"]'
    await app.followers["search"].caught_up(await (await app.store.open("registry")).update_seq())
    assert (await ask(app.registry_url, "GET", search))[1]["hits"][0]["version"] == "1"
    assert (await ask(app.registry_url, "DELETE", "/small?for-good=true", ANNA))[0] == 200
    assert files(app) == set()
    await app.followers["search"].caught_up(await (await app.store.open("registry")).update_seq())
    assert (await ask(app.registry_url, "GET", search))[1]["total"] == 0
    assert await (await app.store.open("registry")).check() == []


async def test_a_mirror_learns_of_the_deletion(server: ServerFactory) -> None:
    app = await server(validation="off")
    await register(app, ANNA)
    await put(app, "/small/1", ANNA)
    await ask(app.registry_url, "DELETE", "/small/1", ANNA)
    _, feed = await ask(app.couch_url, "GET", "/registry/_changes?include_docs=true")
    [row] = [row for row in feed["results"] if row["id"] == "small@1"]
    assert row["deleted"] is True
    assert list(row["doc"]["couchreg"]["hashes"]) == ["data/words.csv"]
