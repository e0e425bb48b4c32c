"""A body that is held back: who sends it is asked again when it is there, at both doors."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client, configure, opened, stored
from tests.conftest import ADMIN

PACKAGE = {"name": "bees", "resources": [{"name": "hives", "data": [{"hive": "north"}]}]}
JSON = "application/json"
Change = Callable[[Client, str], Awaitable[None]]


class Held:
    """A request whose head has been believed, and whose body waits."""

    def __init__(self, url: str, who: str, method: str, path: str, body: bytes, kind: str) -> None:
        self._url, self._body, self.path = urlsplit(url), body, path
        head = {
            "Host": self._url.netloc,
            "Authorization": who,
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        self._head = ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def __aenter__(self) -> "Held":
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writer.write(self._head + self._body[:1])
        await self._writer.drain()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def finish(self) -> int:
        """The status that comes of it."""
        self._writer.write(self._body[1:])
        line = await self._reader.readline()
        return int(line.split()[1])


async def gone(client: Client, name: str) -> None:
    doc = await stored(client, name)
    assert (await client("DELETE", f"/_users/{doc['_id']}?rev={doc['_rev']}"))[0] == 200


async def made_anew(client: Client, name: str) -> None:
    await gone(client, name)
    await made(client, name, "somebody else's")


async def other_password(client: Client, name: str) -> None:
    doc = await stored(client, name)
    assert (await client("PUT", f"/_users/{doc['_id']}", {**doc, "password": "another"}))[0] == 201


async def other_roles(client: Client, name: str) -> None:
    doc = await stored(client, name)
    assert (await client("PUT", f"/_users/{doc['_id']}", {**doc, "roles": ["r"]}))[0] == 201


async def made(client: Client, name: str, password: str = "secret") -> str:
    """An account; its login."""
    doc = {"name": name, "type": "user", "roles": [], "password": password}
    assert (await client("PUT", f"/_users/org.couchdb.user:{name}", doc))[0] == 201
    return basic(name, password)


def basic(name: str, password: str) -> str:
    return aiohttp.encode_basic_auth(name, password)


REGISTRY: list[tuple[str, str, Any]] = [
    ("PUT", "/{0}/2.0.0", PACKAGE),
    ("PUT", "/-/user/{0}", {"password": "mine now"}),
    ("POST", "/-/tokens", {"scope": "admin"}),
    ("POST", "/owner/add", {"username": "admin", "dpkgName": "{0}"}),
    ("POST", "/owner/rm", {"username": "{0}", "dpkgName": "{0}"}),
    ("PUT", "/-/dist-tags/{0}/old", {"version": "1.0.0"}),
    ("PUT", "/-/deprecated/{0}", {"message": "no more"}),
    ("PUT", "/-/yanked/{0}/1", {"message": "no more"}),
    ("POST", "/datastore/authorize", {"metadata": {"name": "{0}", "version": "3"}, "filedata": {}}),
    ("POST", "/datastore/finalize", {"upload": "0" * 32}),
]


def of(name: str, value: Any) -> Any:
    """Paths and bodies as they are for one of the users."""
    return json.loads(json.dumps(value).replace("{0}", name))


@pytest.mark.parametrize("change", [gone, made_anew, other_password, other_roles])
async def test_at_the_registry_door(app: App, client: Client, change: Change) -> None:
    async with AsyncExitStack() as stack:
        requests: dict[str, Held] = {}
        for number, (method, path, value) in enumerate(REGISTRY):
            name = f"anna{number}"
            login = await made(client, name)
            package = {**PACKAGE, "name": name}
            async with client.session.put(
                f"{app.registry_url}/{name}/1.0.0", json=package, headers={"Authorization": login}
            ) as published:
                assert published.status == 201
            body = json.dumps(of(name, value)).encode()
            held = Held(app.registry_url, login, method, of(name, path), body, JSON)
            requests[name] = await stack.enter_async_context(held)
        await asyncio.sleep(0.5)  # until the door has decided and waits for the rest
        for name, held in requests.items():
            await change(client, name)
            before = await stored(client, name)
            assert (held.path, await held.finish()) == (held.path, 401)
            assert await stored(client, name) == before
            package = await app.registry.packages.get(name)
            assert package.members.keys() == {"name", "owners", "created"}
            assert package.owners == (name,)
            assert await app.registry.catalog.versions(name) == ["1.0.0"]


RELATED = (
    b'--cut\r\nContent-Type: application/json\r\n\r\n{"_attachments":{"a":{"follows":true,"length":1,'
    b'"content_type":"text/plain"}}}\r\n--cut\r\n\r\nx\r\n--cut--'
)
COUCH: list[tuple[str, str, Any, str]] = [
    ("PUT", "/db/doc{0}", {}, JSON),
    ("POST", "/db", {"_id": "doc{0}"}, JSON),
    ("POST", "/db/_bulk_docs", {"docs": [{"_id": "doc{0}"}]}, JSON),
    ("PUT", "/db/doc{0}/file", b"bytes", "text/plain"),
    ("PUT", "/db/doc{0}", RELATED, 'multipart/related; boundary="cut"'),
    ("PUT", "/db/_local/doc{0}", {}, JSON),
    ("POST", "/db/_all_docs", {"keys": ["there"]}, JSON),
    ("POST", "/db/_bulk_get", {"docs": [{"id": "there"}]}, JSON),
    ("POST", "/db/_changes", {}, JSON),
    ("POST", "/db/_revs_diff", {"there": ["1-a"]}, JSON),
    ("PUT", "/_users/org.couchdb.user:{0}", {"password": "mine now"}, JSON),
    ("POST", "/_users/_bulk_docs", {"docs": []}, JSON),
]


@pytest.mark.parametrize("change", [gone, made_anew, other_password, other_roles])
async def test_at_the_couch_door(app: App, client: Client, change: Change) -> None:
    await opened(client)
    await client("PUT", "/db")
    names = [f"anna{number}" for number in range(len(COUCH))]
    await client("PUT", "/db/_security", {"members": {"names": names}})
    await client("PUT", "/db/there", {})
    async with AsyncExitStack() as stack:
        requests: dict[str, Held] = {}
        for name, (method, path, value, kind) in zip(names, COUCH, strict=True):
            body = value if isinstance(value, bytes) else json.dumps(of(name, value)).encode()
            held = Held(app.couch_url, await made(client, name), method, of(name, path), body, kind)
            requests[name] = await stack.enter_async_context(held)
        await asyncio.sleep(0.5)  # until the door has decided and waits for the rest
        for name, held in requests.items():
            await change(client, name)
            before = await stored(client, name)
            assert (held.path, await held.finish()) == (held.path, 401)
            assert await stored(client, name) == before
    assert (await client("GET", "/db"))[1]["doc_count"] == 1
    assert (await client("GET", "/db/_local_docs"))[1]["rows"] == []


ADMINS: list[tuple[str, str, Any]] = [
    ("PUT", "/_node/_local/_config/admins/second", "again"),
    ("PUT", "/_node/_local/_config/chttpd/x", "y"),
    ("PUT", "/db/_security", {}),
    ("PUT", "/db/_revs_limit", 50),
    ("POST", "/db/_purge", {"there": ["1-a"]}),
    ("PUT", "/_users/org.couchdb.user:anna", {"name": "anna", "type": "user", "roles": [], "password": "x"}),
    ("PUT", "/registry/bees", {}),
    ("POST", "/_dbs_info", {"keys": ["db"]}),
]


async def test_an_admin_who_is_none_any_more(app: App, client: Client) -> None:
    await client("PUT", "/db")
    async with AsyncExitStack() as stack:
        requests: list[Held] = []
        for number, (method, path, value) in enumerate(ADMINS):
            await configure(client, **{f"admins__second{number}": "power"})
            login = basic(f"second{number}", "power")
            held = Held(app.couch_url, login, method, path, json.dumps(value).encode(), JSON)
            requests.append(await stack.enter_async_context(held))
        await asyncio.sleep(0.5)
        for number, held in enumerate(requests):
            await client("DELETE", f"/_node/_local/_config/admins/second{number}")
            assert (held.path, await held.finish()) == (held.path, 401)
    _, settings = await client("GET", "/_node/_local/_config")
    assert list(settings["admins"]) == [ADMIN[0]]
    assert "x" not in settings["chttpd"]


async def test_a_member_who_is_none_any_more(app: App, client: Client) -> None:
    await client("PUT", "/db")
    await client("PUT", "/db/_security", {"members": {"names": ["anna"]}})
    anna = await made(client, "anna")
    held = Held(app.couch_url, anna, "PUT", "/db/doc", b"{}", JSON)
    async with held:
        await asyncio.sleep(0.3)
        await client("PUT", "/db/_security", {"members": {"names": ["bob"]}})
        assert await held.finish() == 403


async def test_a_revoked_token(app: App, client: Client) -> None:
    await made(client, "anna")
    user = await app.auth.user("anna")
    assert user is not None
    text, token = await app.tokens.create(user, "publish")
    body = json.dumps(PACKAGE).encode()
    held = Held(app.registry_url, f"Bearer {text}", "PUT", "/bees/1.0.0", body, JSON)
    async with held:
        await asyncio.sleep(0.3)
        await app.tokens.revoke("anna", token.id)
        assert await held.finish() == 401


async def test_a_cookie_of_an_account_made_anew(app: App, client: Client) -> None:
    await opened(client)
    await client("PUT", "/db")
    await client("PUT", "/db/_security", {"members": {"names": ["anna"]}})
    await made(client, "anna")
    answer = await client.session.post(
        app.couch_url + "/_session", json={"name": "anna", "password": "secret"}
    )
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    held = Held(app.couch_url, f"none\r\nCookie: {cookie}", "PUT", "/db/doc", b"{}", JSON)
    async with held:
        await asyncio.sleep(0.3)
        await made_anew(client, "anna")
        assert await held.finish() == 401


async def test_who_has_not_changed_goes_on(app: App, client: Client) -> None:
    await client("PUT", "/db")
    await client("PUT", "/db/_security", {"members": {"names": ["anna"]}})
    anna = await made(client, "anna")
    await made(client, "bob")
    held = Held(app.couch_url, anna, "PUT", "/db/doc", b"{}", JSON)
    async with held:
        await asyncio.sleep(0.3)
        await gone(client, "bob")
        await app.accounts.change("anna", email="anna@example.org")
        assert await held.finish() == 201


async def test_a_hash_that_came_late_makes_no_account(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the turn to hash a password may have lost the account when it comes."""
    await opened(client)
    anna = await made(client, "anna")
    hash_password = app.passwords.hash

    async def late(password: str, **given: Any) -> Any:
        if password == "mine now":
            await gone(client, "anna")
        return await hash_password(password, **given)

    monkeypatch.setattr(app.passwords, "hash", late)
    doc = {"name": "anna", "type": "user", "roles": [], "password": "mine now"}
    headers = {"Authorization": anna}
    path = "/_users/org.couchdb.user:anna"
    assert (await client("PUT", path, doc, who=None, headers=headers))[0] == 409
    assert (await client("GET", path))[0] == 404
