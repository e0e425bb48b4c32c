"""Packages that are not for everybody, replicated: with a login comes what that login may read."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.conftest import ADMIN
from tests.packages import small
from tests.replication.conftest import Peer
from tests.replication.test_mirror import as_, current, get, mirroring, publish, registry, replica

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB = ("bob", "b")
Do = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def people(servers: tuple[Peer, Peer]) -> None:
    user = {"name": "bob", "password": "b", "roles": [], "type": "user"}
    await servers[0].ok("PUT", "/_users/org.couchdb.user:bob", user)


async def do(peer: Peer, method: str, path: str, value: Any = None) -> None:
    async with peer.session.request(method, registry(peer) + path, json=value, headers=as_(ADMIN)) as found:
        assert found.status < 300, await found.text()


async def restrict(peer: Peer, name: str, *readers: str) -> None:
    await do(peer, "POST", f"/-/package/{name}/access", {"access": "restricted"})
    for who in readers:
        path = f"/-/package/{name}/collaborators/{who}"
        await do(peer, "PUT", path, {"permissions": "read-only"})


async def ids(peer: Peer, db: str, prefix: str) -> set[str]:
    rows = (await peer.ok("GET", f"/{db}/_all_docs"))["rows"]
    return {row["id"] for row in rows if row["id"].startswith(prefix)}


@pytest.mark.parametrize("who", [BOB, None])
async def test_a_replication_brings_what_its_login_may_read(
    here: Peer, there: Peer, who: tuple[str, str] | None
) -> None:
    own = "bob" if who else "none"
    for name in ("open", "shared", "secret"):
        assert (await publish(here, small(f"{own}-{name}"), "1"))[0] == 201
    await restrict(here, f"{own}-shared", "bob")
    await restrict(here, f"{own}-secret")
    source: dict[str, Any] = {"url": f"{here.url}/registry"}
    if who is not None:
        source["auth"] = {"basic": {"username": who[0], "password": who[1]}}
    target = there.end(f"copy-{own}")

    async def replicated() -> set[str]:
        status, done = await there.replicate(source, target, create_target=True)
        assert (status, done["ok"]) == (200, True)
        return await ids(there, f"copy-{own}", own)

    expected = {f"{own}-open", f"{own}-open@1"}
    expected |= {f"{own}-shared", f"{own}-shared@1"} if who else set()
    assert await replicated() == expected
    # What somebody comes to see later had its place in the changes long before.
    await do(here, "POST", f"/-/package/{own}-secret/access", {"access": "public"})
    assert await replicated() == expected | {f"{own}-secret", f"{own}-secret@1"}


async def test_who_comes_into_a_group_gets_its_packages(here: Peer, there: Peer) -> None:
    await do(here, "PUT", "/-/groups/curators")
    assert (await publish(here, small("grouped"), "1"))[0] == 201
    await restrict(here, "grouped", "group:curators")
    source = {"url": f"{here.url}/registry", "auth": {"basic": {"username": "bob", "password": "b"}}}
    for members, expected in (((), set[str]()), (("bob",), {"grouped", "grouped@1"})):
        for member in members:
            await do(here, "PUT", f"/-/groups/curators/members/{member}", {})
        status, _ = await there.replicate(source, there.end("grouped"), create_target=True)
        assert status == 200
        assert await ids(there, "grouped", "grouped") == expected


async def test_a_mirror_closes_what_its_source_has_closed(here: Peer, tmp_path: Path) -> None:
    for name in ("kept-open", "kept-shared", "kept-secret"):
        assert (await publish(here, small(name), "1"))[0] == 201
    await restrict(here, "kept-shared", "bob")
    await restrict(here, "kept-secret")
    url = registry(here).replace("://", "://bob:b@")
    async with mirroring(tmp_path / "m", url, "kept-*") as mirror:
        await mirror.ok(
            "PUT",
            "/_users/org.couchdb.user:bob",
            {"name": "bob", "password": "b", "roles": [], "type": "user"},
        )
        await replica(mirror, current)
        assert [(await get(mirror, f"/kept-{one}/1"))[0] for one in ("open", "shared", "secret")] == [
            200,
            404,
            404,
        ]
        assert (await get(mirror, "/kept-shared/1", BOB))[0] == 200
        assert (await get(mirror, "/kept-secret/1", ADMIN))[0] == 404  # it never came
        shown = json.loads((await get(mirror, "/-/packages"))[1])
        assert [one["name"] for one in shown["packages"]] == ["kept-open"]
        await do(here, "POST", "/-/package/kept-shared/access", {"access": "public"})
        await replica(mirror, lambda row: row["written"] >= 5 and current(row))
        assert (await get(mirror, "/kept-shared/1"))[0] == 200


async def test_an_owner_sends_versions_of_a_restricted_package(here: Peer, there: Peer) -> None:
    """And somebody else, who may not know of it, is told what they would be told of any other's."""
    assert (await publish(here, small("sent"), "1", BOB))[0] == 201
    assert (await publish(there, small("sent"), "1"))[0] == 201
    async with aiohttp.ClientSession() as http:
        url = f"{registry(here)}/-/package/sent/access"
        assert (await http.post(url, headers=as_(BOB), json={"access": "restricted"})).status == 200
    _, document = await here("GET", "/registry/sent", who=BOB)
    changed = {**document, "_rev": f"9-{'a' * 32}", "owners": ["bob"]}
    _, rows = await here(
        "POST", "/registry/_bulk_docs", {"docs": [changed], "new_edits": False}, who=("x", "y")
    )
    assert rows["error"] == "unauthorized"
    silent = {key: value for key, value in document.items() if key != "access"}
    history = {"start": 2, "ids": ["b" * 32, document["_rev"].partition("-")[2]]}
    for body, expected in ((silent, ["forbidden"]), (document, [])):
        sent = {**body, "_rev": f"2-{'b' * 32}" if body is silent else f"3-{'c' * 32}"}
        start = int(document["_rev"].partition("-")[0])
        sent["_rev"] = f"{start + 1}-{'b' * 32}"
        sent["_revisions"] = {**history, "start": start + 1}
        _, rows = await here("POST", "/registry/_bulk_docs", {"docs": [sent], "new_edits": False}, who=BOB)
        assert [row["error"] for row in rows] == expected
