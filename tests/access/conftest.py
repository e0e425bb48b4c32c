"""A whole server with a public package and three restricted ones of anna's, one of which bob may read."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from tests.conftest import ServerFactory
from tests.packages import Package, related

PASSWORD = "a long enough one"
ANNA, BOB = aiohttp.encode_basic_auth("anna", PASSWORD), aiohttp.encode_basic_auth("bob", PASSWORD)
ADMIN = aiohttp.encode_basic_auth("admin", "secret")
HIDDEN, SHARED = ("zzqhidden", "zzqburied"), "zzqshared"
ABSENT = "zzqmissing"[:9]  # as long as the others, and of no package


def secret(name: str) -> Package:
    """A package in which everything has a word of its own."""
    word = f"w{name}w"
    fields = [{"name": f"field{word}", "type": "string", "description": f"about {word}"}]
    path = f"data/file{word}.csv"
    resource = {"name": f"res{word}", "path": path, "title": f"Resource {word}", "schema": {"fields": fields}}
    members = {
        "name": name,
        "title": f"Title {word}",
        "description": f"Text {word}",
        "keywords": [f"key{word}"],
        "licenses": [{"name": "CC0-1.0"}],
        "dataDependencies": {"open": "^1"},
        "resources": [resource],
    }
    return Package(members, {path: f"field{word}\ncell{word}\n".encode()})


def needles(name: str) -> list[str]:
    """What tells of a package: its name, words, and hashes. Capitals do not matter."""
    [data] = secret(name).files.values()
    digest = hashlib.sha256(data).hexdigest()
    return [name, digest, digest[:16]]


class Door:
    """A client of both doors that may be anybody."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.session = session

    async def raw(
        self, method: str, path: str, auth: str | None, *, couch: bool = False, **sent: Any
    ) -> tuple[int, dict[str, str], str]:
        base = self.app.couch_url if couch else self.app.registry_url
        headers = {**sent.pop("headers", {}), **({"Authorization": auth} if auth else {})}
        async with self.session.request(
            method, base + path, headers=headers, allow_redirects=False, **sent
        ) as answer:
            return answer.status, dict(answer.headers), (await answer.read()).decode("utf-8", "replace")

    async def ask(self, method: str, path: str, auth: str | None = ADMIN, **sent: Any) -> tuple[int, Any]:
        status, _, text = await self.raw(method, path, auth, **sent)
        return status, json.loads(text) if text else None

    async def publish(self, package: Package, version: str = "1.0.0", auth: str = ANNA) -> tuple[int, Any]:
        body, headers = related(package)
        return await self.ask("PUT", f"/{package.name}/{version}", auth, data=body, headers=headers)

    async def restrict(self, name: str, auth: str = ANNA, access: str = "restricted") -> None:
        found = await self.ask("POST", f"/-/package/{name}/access", auth, json={"access": access})
        assert (found[0], found[1]["access"]) == (200, access), found

    async def grant(self, name: str, who: str, right: str = "read-only", auth: str = ANNA) -> None:
        path = f"/-/package/{name}/collaborators/{who}"
        found = await self.ask("PUT", path, auth, json={"permissions": right})
        assert found[0] == 200, found

    async def settled(self) -> None:
        """Everything that follows the packages knows of all of them."""
        seq = await (await self.app.store.open("registry")).update_seq()
        async with asyncio.timeout(120):
            for loop in list(self.app.followers.values()):
                await loop.caught_up(seq)


@pytest.fixture
async def door(server: ServerFactory) -> AsyncIterator[Door]:
    """Without a package."""
    app = await server(validation="off")
    async for one in opened(app):
        yield one


async def opened(app: App) -> AsyncIterator[Door]:
    for name in ("anna", "bob"):
        await app.accounts.create(name, Login(PASSWORD))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Door(app, session)


async def filled(door: Door) -> None:
    """The packages: restricted ones both ways, before there is a version, and afterwards."""
    package = secret("open")
    package.members["dataDependencies"] = {}
    assert (await door.publish(package))[0] == 201
    for name in (*HIDDEN, SHARED):
        if name != HIDDEN[1]:
            await door.restrict(name)
        assert (await door.publish(secret(name)))[0] == 201
        if name == HIDDEN[1]:
            await door.settled()
            await door.restrict(name)
    await door.grant(SHARED, "bob")
