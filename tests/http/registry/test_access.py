"""Who may do what at the registry door: every route for every kind of client.

A route without its line in the table fails.
"""

import json
import re
from typing import Any

import aiohttp
import pytest

from couchreg.auth.users.accounts import Login
from couchreg.http.registry.door import operation
from couchreg.http.registry.routes import ROUTES
from tests.packages import related, small
from tests.served import ADMIN, ANNA, BOB, PASSWORD, Serve, Served, basic

# The package is anna's. `scoped` is her token for everything, but for other packages.
CLIENTS = ["nobody", "bob", "anna", "admin", "read", "publish", "scoped", "full"]
STRANGERS = ["wrong", "unknown", "expired", "revoked", "garbled"]  # 401 wherever they come
FORMS = ("login", "logout", "register", "account", "admin", "owners/{name}")
EVERYONE = "200 200 200 200 200 200 200 200"

VIEWER = [
    "is-valid",
    "splits",
    "info",
    "size",
    "parquet",
    "first-rows",
    "rows",
    "filter",
    "search",
    "statistics",
]
CUBES = [
    "",
    "/cubes",
    *(f"/cubes/{{cube}}/{part}" for part in ("model", "facts", "members/{ref}", "aggregate")),
]
EXPECTED = {
    "GET /": EVERYONE,
    "GET /search": EVERYONE,
    "GET /-/search": EVERYONE,
    "GET /-/v1/search": EVERYONE,
    "GET /-/search.atom": EVERYONE,
    "GET /-/versions.atom": EVERYONE,
    "GET /-/opensearch.xml": EVERYONE,
    "GET /sitemap.xml": EVERYONE,
    "GET /robots.txt": EVERYONE,
    "GET /-/packages": EVERYONE,
    "GET /-/versions/{name}": EVERYONE,
    "GET /-/report/{name}/{version}": "404 404 404 404 404 404 404 404",  # nothing was checked
    "GET /-/openapi.json": EVERYONE,
    "GET /-/dist-tags/{name}": EVERYONE,
    "GET /-/deprecated/{name}": EVERYONE,
    "GET /-/yanked/{name}": EVERYONE,
    "GET /-/dependencies/{name}/{version}": EVERYONE,
    "GET /-/dependents/{name}": EVERYONE,
    "GET /-/diff/{name}/{old}/{new}": EVERYONE,
    "GET /-/downloads/{name}": EVERYONE,
    "GET /-/followers": EVERYONE,
    "GET /-/replicas": EVERYONE,
    "GET /-/health": EVERYONE,
    "GET /-/health/ready": EVERYONE,
    "GET /-/users": "401 401 401 200 401 401 401 401",
    "GET /-/metrics": "401 401 401 200 401 401 401 401",
    # No graphs are made here.
    "GET /-/sparql": "404 404 404 404 404 404 404 404",
    "POST /-/sparql": "404 404 404 404 404 404 404 404",
    "GET /-/fragments": "404 404 404 404 404 404 404 404",
    "GET /-/sql": EVERYONE,
    "POST /-/sql": EVERYONE,
    "GET /-/sql.json": EVERYONE,
    **{f"GET /-/viewer/{endpoint}": EVERYONE for endpoint in VIEWER},
    **{f"GET /api/3{path}": EVERYONE for path in CUBES},
    "GET /-/table/{name}/{version}/{path}": EVERYONE,
    "GET /-/static/{path}": "404 404 404 404 404 404 404 404",  # there is no such file
    "GET /-/badge/{name}": EVERYONE,
    "GET /-/offline": "200 200 200 200 200 200 200 200",
    "GET /-/parquet/{name}/{version}": EVERYONE,
    "GET /-/parquet/{name}/{version}/{path}": EVERYONE,
    # Pages for people; a form without the token of its page is refused.
    "GET /-/login": "200 303 303 303 303 303 303 303",
    "GET /-/register": EVERYONE,
    "GET /-/account": "401 200 200 200 403 403 403 200",
    "GET /-/owners/{name}": "401 403 200 200 403 403 403 200",
    "POST /-/owners/{name}": "401 403 403 403 403 403 403 403",
    "GET /-/admin": "401 401 401 200 401 401 401 401",
    "POST /-/admin": "401 401 401 403 401 401 401 401",
    "GET /-/publish": "401 200 200 200 403 200 200 200",
    "POST /-/publish": "401 403 403 403 403 403 403 403",
    "GET /-/publish/{id}": "401 404 404 404 403 404 404 404",
    "POST /-/publish/{id}": "401 404 404 404 403 403 404 404",
    "POST /-/login": "403 403 403 403 403 403 403 403",
    "POST /-/logout": "403 403 403 403 403 403 403 403",
    "POST /-/register": "403 403 403 403 403 403 403 403",
    "POST /-/account": "401 403 403 403 403 403 403 403",
    "GET /{name}": EVERYONE,
    "GET /{name}/{version}": EVERYONE,
    "GET /{name}/{version}/{path}": EVERYONE,
    "GET /owner/ls/{name}": EVERYONE,
    "GET /-/package/{name}/visibility": EVERYONE,
    "GET /-/package/{name}/collaborators": EVERYONE,
    "GET /-/access": "401 200 200 200 200 200 200 200",
    "POST /-/package/{name}/access": "401 403 200 200 403 403 403 200",
    "PUT /-/package/{name}/collaborators/{who}": "401 403 200 200 403 403 403 200",
    "DELETE /-/package/{name}/collaborators/{who}": "401 403 200 200 403 403 403 200",
    "GET /-/groups": "401 200 200 200 200 200 200 200",
    "GET /-/groups/{group}": "401 404 200 200 200 200 200 200",
    "PUT /-/groups/{group}": "401 409 409 409 403 403 403 409",  # it is there
    "DELETE /-/groups/{group}": "401 404 200 200 403 403 403 200",
    "PUT /-/groups/{group}/members/{user}": "401 404 200 200 403 403 403 200",
    "DELETE /-/groups/{group}/members/{user}": "401 404 403 403 403 403 403 403",  # the last owner
    # Nobody's identity tokens are taken.
    "GET /-/oidc/audience": "404 404 404 404 404 404 404 404",
    "POST /-/oidc/token": "404 404 404 404 403 403 403 404",
    "GET /-/trust/{name}": "401 403 404 404 404 404 404 404",
    "POST /-/trust/{name}": "401 403 404 404 403 403 403 404",
    "DELETE /-/trust/{name}/{id}": "401 403 404 404 403 403 403 404",
    #                                  nobody bob anna admin read publish scoped full
    "PUT /adduser/{user}": "201 201 201 201 201 201 201 201",
    "GET /-/whoami": "401 200 200 200 200 200 200 200",
    "GET /-/user/{user}": "401 403 200 200 200 200 200 200",
    "PUT /-/user/{user}": "401 403 200 200 403 403 403 403",
    "DELETE /-/user/{user}": "401 403 200 200 403 403 403 200",
    "POST /-/tokens": "401 201 201 201 403 403 403 201",
    "GET /-/tokens": "401 200 200 200 403 403 403 200",
    "DELETE /-/tokens/{id}": "401 404 200 404 200 403 403 200",
    "POST /datastore/authorize": "401 403 200 200 403 200 403 200",
    "POST /datastore/finalize": "401 404 404 404 403 404 404 404",  # there is no such upload
    "PUT /-/uploads/{id}/{number}": "403 403 403 403 403 403 403 403",  # the address is not signed
    "OPTIONS /-/uploads/{id}/{number}": "204 204 204 204 204 204 204 204",
    "POST /-/publishing": "401 403 201 201 403 200 403 200",
    "GET /-/publishing": "401 200 200 200 403 200 200 200",
    "GET /-/publishing/{id}": "401 404 404 404 403 404 404 404",  # there is none, as for somebody else's
    "PUT /-/publishing/{id}/{path}": "401 404 404 404 403 404 404 404",
    "POST /-/publishing/{id}/{path}": "401 404 404 404 403 404 404 404",
    "POST /-/publishing/{id}": "401 404 404 404 403 404 404 404",
    "DELETE /-/publishing/{id}": "401 404 404 404 403 404 404 404",
    "POST /owner/add": "401 403 200 200 403 403 403 200",
    "POST /owner/rm": "401 403 200 200 403 403 403 200",
    "PUT /-/dist-tags/{name}/{tag}": "401 403 200 200 403 200 403 200",
    "DELETE /-/dist-tags/{name}/{tag}": "401 403 200 200 403 200 403 200",
    "PUT /-/deprecated/{name}": "401 403 200 200 403 200 403 200",
    "DELETE /-/deprecated/{name}": "401 403 200 200 403 200 403 200",
    "PUT /-/deprecated/{name}/{version}": "401 403 200 200 403 200 403 200",
    "DELETE /-/deprecated/{name}/{version}": "401 403 200 200 403 200 403 200",
    "PUT /-/yanked/{name}/{version}": "401 403 200 200 403 200 403 200",
    "DELETE /-/yanked/{name}/{version}": "401 403 404 404 403 404 403 404",  # nothing is yanked
    # Nothing has been deleted.
    "POST /-/undelete/{name}": "401 403 404 404 403 404 403 404",
    "POST /-/undelete/{name}/{version}": "401 403 409 409 403 409 403 409",
    "PUT /{name}/{version}": "401 403 200 200 403 200 403 200",
    "DELETE /{name}/{version}": "401 403 200 200 403 200 403 200",
    "DELETE /{name}": "401 403 200 200 403 200 403 200",
}
VERSIONS = {"version": "1", "old": "1", "new": "1"}
PLACES = {"number": "0", "name": "small", **VERSIONS, "path": "words", "user": "anna", "tag": "stable"}
PLACES |= {"who": "bob", "group": "team", "cube": "small:words", "ref": "word"}
QUERIES = {
    **{f"GET /-/viewer/{endpoint}": {"dataset": "small@1"} for endpoint in VIEWER},
    "GET /-/viewer/filter": {"dataset": "small@1", "where": "id>1"},
    "GET /-/viewer/search": {"dataset": "small@1", "query": "one"},
    "GET /-/sql": {"q": "SELECT * FROM small.words"},
    "GET /-/sql.json": {"sql": "SELECT * FROM small.words"},
    "GET /search": {"keys": '["word"]'},
}


class Stage:
    """A registry with one package of two owners, and everybody's credentials."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.tokens: dict[str, str] = {}
        self.read_id = ""
        self.made = 0

    async def set(self) -> None:
        """Put everything back to where it was."""
        people = self.served.people
        if not await people.accounts.exists("anna"):
            await people.accounts.create("anna", Login(PASSWORD))
        await people.accounts.change("anna", login=Login(PASSWORD))
        await people.tokens.revoke_all("anna")
        user = await people.auth.user("anna")
        assert user is not None
        wanted: dict[str, dict[str, Any]] = {
            "read": {"scope": "read"},
            "publish": {"scope": "publish", "packages": ["sm*"]},
            "scoped": {"scope": "admin", "packages": ["other"]},
            "full": {"scope": "admin"},
            "expired": {"scope": "admin", "lifetime": 60},
            "revoked": {"scope": "admin"},
        }
        for name, options in wanted.items():
            text, token = await people.tokens.create(user, **options)
            self.tokens[name] = f"Bearer {text}"
            if name == "read":
                self.read_id = token.id
            if name == "revoked":
                await people.tokens.revoke("anna", token.id)
        people.now[0] += 61
        await self.served.put(small(), "1", auth=ADMIN)
        await self.served.put(small(), "1", auth=ANNA)
        admin = await people.auth.user("admin")
        assert admin is not None
        owners = self.served.registry.owners
        for name in ("anna", "carl"):
            await owners.add("small", name, admin)
        if "bob" in await owners.of("small"):
            await owners.remove("small", "bob", admin)
        said = {
            "dist-tags/small/stable": {"version": "1"},
            "deprecated/small": {"message": "m"},
            "deprecated/small/1": {"message": "m"},
            "package/small/collaborators/bob": {"permissions": "read-only"},
        }
        if not any(group.name == "team" for group in self.served.groups.listed(admin)):
            await self.served.groups.create("team", user)
        await self.served.ask("DELETE", "/-/yanked/small/1", auth=ADMIN)  # a tag leads nowhere yanked
        for path, body in said.items():
            assert (await self.served.ask("PUT", f"/-/{path}", auth=ADMIN, json=body))[0] == 200

    def authorization(self, client: str) -> str | None:
        known = {
            "nobody": None,
            "bob": BOB,
            "anna": ANNA,
            "admin": ADMIN,
            "wrong": basic("anna", "wrong"),
            "unknown": basic("nemo", PASSWORD),
            "garbled": "Bearer couchreg_x",
        }
        return known[client] if client in known else self.tokens[client]

    def sent(self, key: str) -> dict[str, Any]:
        """The query and the body of a request that is all right."""
        if key == "PUT /{name}/{version}":
            body, headers = related(small())
            return {"data": body, "headers": headers}
        self.made += 1
        bodies: dict[str, Any] = {
            "PUT /adduser/{user}": {"password": "p"},
            "PUT /-/user/{user}": {"password": "another"},
            "POST /-/tokens": {"scope": "read"},
            "POST /owner/add": {"username": "bob", "dpkgName": "small"},
            "POST /datastore/finalize": {"upload": "0" * 32},
            "POST /datastore/authorize": {
                "metadata": {"name": "small", "version": "2"},
                "filedata": {"datapackage.json": {"length": 1, "md5": "0" * 32}},
            },
            "POST /owner/rm": {"username": "carl", "dpkgName": "small"},
            "POST /-/publishing": {
                "name": "small",
                "version": "2",
                "files": {},
                "descriptor": '{"name": "small", "resources": [{"name": "r", "data": []}]}',
            },
            "POST /-/oidc/token": {"token": "a.b.c"},
            "POST /-/trust/{name}": {"issuer": "https://a.example", "claims": {"sub": "b"}},
            "POST /-/sql": {"q": "SELECT * FROM small.words"},
            "POST /-/package/{name}/access": {"access": "public"},
            "PUT /-/package/{name}/collaborators/{who}": {"permissions": "read-only"},
            "PUT /-/groups/{group}/members/{user}": {"owner": True},
            "PUT /-/dist-tags/{name}/{tag}": {"version": "1"},
            "PUT /-/deprecated/{name}": {"message": "m"},
            "PUT /-/deprecated/{name}/{version}": {"message": "m"},
            "PUT /-/yanked/{name}/{version}": {"message": "m"},
        }
        sent: dict[str, Any] = {"json": bodies[key]} if key in bodies else {}
        if key == "POST /-/publish":
            form = aiohttp.FormData()
            form.add_field("files", b"a", filename="a.csv")
            return {"data": form}
        if key.startswith("POST /-/") and key.removeprefix("POST /-/") in FORMS:
            sent = {"data": {"name": "anna", "password": PASSWORD}}
        return {**sent, "params": QUERIES.get(key, {})}

    def path(self, key: str) -> str:
        places = {**PLACES, "id": self.read_id}
        if "/-/parquet/" in key:
            places["path"] = "words.parquet"
        if key == "PUT /adduser/{user}":
            places["user"] = f"new-{self.made}"
        return re.sub(r"\{(\w+)\}", lambda found: places[found[1]], key.partition(" ")[2])

    async def status(self, key: str, client: str) -> int:
        sent = self.sent(key)
        headers = {**sent.pop("headers", {})}
        authorization = self.authorization(client)
        if authorization:
            headers["Authorization"] = authorization
        method, url = key.partition(" ")[0], self.served.url + self.path(key)
        async with self.served.client.request(
            method, url, headers=headers, allow_redirects=False, **sent
        ) as response:
            body = await response.read()
            if response.status >= 400:
                assert set(json.loads(body)) >= {"error", "reason"}
            assert (response.status == 401) == ("WWW-Authenticate" in response.headers)
            return response.status


@pytest.fixture
async def stage(serve: Serve) -> Stage:
    stage = Stage(await serve(validation="off", with_tables=True))
    await stage.set()
    await stage.served.made("small", "1")
    return stage


def test_every_route_has_its_line_and_is_built() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(EXPECTED)
    assert all(callable(operation(route.operation)) for route in ROUTES)


async def test_who_may_do_what(stage: Stage) -> None:
    wrong = []
    for key, line in EXPECTED.items():
        for client, wanted in zip(CLIENTS, line.split(), strict=True):
            found = await stage.status(key, client)
            if found != int(wanted):
                wrong.append(f"{key} as {client}: {found} instead of {wanted}")
            if found < 300 and not key.startswith("GET"):
                await stage.set()
    assert wrong == []


async def test_wrong_credentials_get_nothing_from_any_route(stage: Stage) -> None:
    stage.served.people.auth._lockout.check = lambda *_: None  # type: ignore[method-assign]
    for key in EXPECTED:
        for client in STRANGERS:
            assert (key, client, await stage.status(key, client)) == (key, client, 401)


def test_an_operation_is_named_as_it_stands() -> None:
    for name in {route.operation for route in ROUTES}:
        assert operation(name).__module__ == f"couchreg.http.registry.{name.rpartition('.')[0]}"
