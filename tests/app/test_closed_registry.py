"""A registry that is not everybody's: both doors obey the members of `registry` and `require_valid_user`."""

import re
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.http.registry.routes import ROUTES
from tests.app.people import Client, configure
from tests.conftest import ADMIN

PACKAGE = {"name": "bees", "resources": [{"name": "hives", "data": [{"hive": "north"}]}]}
READS = [
    '/search?keys=["bees"]',
    "/-/search?q=bees",
    "/?profile=dcat-ap",
    "/bees",
    "/bees/1.0.0",
    "/bees?clone=true",
    "/bees/1.0.0/hives",
    "/bees/1.0.0/datapackage.json",
    "/bees/1.0.0/hives?meta=true",
    "/nothing",
    "/owner/ls/bees",
    "/-/packages",
    "/-/versions/bees",
    "/-/dist-tags/bees",
    "/-/deprecated/bees",
    "/-/yanked/bees",
    "/-/dependencies/bees/1.0.0",
    "/-/report/bees/1.0.0",
    "/-/diff/bees/1.0.0/1.0.0",
    "/-/downloads/bees",
    "/-/followers",
    "/-/replicas",
]
WRITES: list[tuple[str, str, Any]] = [
    ("PUT", "/wasps/1.0.0", {**PACKAGE, "name": "wasps"}),
    ("PUT", "/bees/2.0.0", PACKAGE),
    ("DELETE", "/bees/1.0.0", None),
    ("DELETE", "/bees", None),
    ("POST", "/owner/add", {"username": "anna", "dpkgName": "bees"}),
    ("POST", "/owner/rm", {"username": "admin", "dpkgName": "bees"}),
    ("PUT", "/-/dist-tags/bees/old", {"version": "1.0.0"}),
    ("DELETE", "/-/dist-tags/bees/old", None),
    ("PUT", "/-/deprecated/bees", {"message": "x"}),
    ("PUT", "/-/yanked/bees/1", {"message": "x"}),
    ("POST", "/datastore/authorize", {"metadata": {"name": "wasps", "version": "1"}, "filedata": {}}),
    ("POST", "/datastore/finalize", {"upload": "0" * 32}),
]


# What is of use to people who may not read `registry`; its pages are asked for below.
OF_NO_PACKAGE = {
    ("GET", "/"),
    ("GET", "/-/openapi.json"),
    ("GET", "/-/opensearch.xml"),
    ("GET", "/robots.txt"),
    ("GET", "/-/health"),
    ("GET", "/-/health/ready"),
    ("GET", "/-/metrics"),
    ("GET", "/-/users"),
    ("GET", "/-/static/{path}"),
    ("PUT", "/adduser/{user}"),
    ("GET", "/-/whoami"),
    ("GET", "/-/oidc/audience"),
    ("POST", "/-/oidc/token"),
    ("GET", "/-/user/{user}"),
    ("PUT", "/-/user/{user}"),
    ("DELETE", "/-/user/{user}"),
    ("POST", "/-/tokens"),
    ("GET", "/-/tokens"),
    ("DELETE", "/-/tokens/{id}"),
    *(
        (method, f"/-/{page}")
        for page in ("login", "register", "account", "admin")
        for method in ("GET", "POST")
    ),
    ("GET", "/-/offline"),  # shows what the browser has, which the server does not know
    ("POST", "/-/logout"),
}
# Where everybody has to log in: how one does, how the server does, and addresses that prove themselves.
OPEN_TO_ALL = {
    ("GET", "/-/health"),
    ("GET", "/-/health/ready"),
    ("GET", "/-/static/{path}"),
    ("GET", "/-/login"),
    ("POST", "/-/login"),
    ("POST", "/-/logout"),
    ("GET", "/-/oidc/audience"),
    ("POST", "/-/oidc/token"),
    ("PUT", "/-/uploads/{id}/{number}"),
    ("OPTIONS", "/-/uploads/{id}/{number}"),
}
FILL = {"name": "bees", "version": "1.0.0", "old": "1.0.0", "new": "1.0.0"}


PAGES = ["/", "/bees", "/bees/1.0.0", "/-/search?q=bees", "/-/table/bees/1.0.0/hives", "/-/sql?q=select+1"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def door(app: App, client: Client) -> Client:
    """The registry door."""
    return Client(client.session, app.registry_url)


async def account(client: Client, name: str, *roles: str) -> tuple[str, str]:
    doc = {"name": name, "type": "user", "roles": list(roles), "password": "pw"}
    assert (await client("PUT", f"/_users/org.couchdb.user:{name}", doc))[0] == 201
    return name, "pw"


async def members(client: Client, **who: list[str]) -> None:
    security = {"admins": {"roles": ["_admin"]}, "members": who}
    assert (await client("PUT", "/registry/_security", security))[0] == 200


async def test_pages_tell_nobody_else_of_it(client: Client, door: Client) -> None:
    assert (await door("PUT", "/bees/1.0.0", PACKAGE))[0] == 201
    await members(client, roles=["reader"])
    for path in PAGES:
        asked = {"headers": BROWSER, "allow_redirects": False}
        async with client.session.get(door.base + path, **asked) as response:  # type: ignore[arg-type]
            assert (path, response.status) == (path, 303)
            assert response.headers["Location"].startswith(door.base + "/-/login?next=")
            assert "hive" not in await response.text()
        known = {**BROWSER, "Authorization": aiohttp.encode_basic_auth(*ADMIN)}
        async with client.session.get(door.base + path, headers=known) as response:
            assert (path, response.status) in ((path, 200), (PAGES[4], 404))
            assert response.headers["Cache-Control"] in ("private, no-cache", "no-store")


async def test_only_members_read_and_write(client: Client, door: Client) -> None:
    anna, bob = await account(client, "anna"), await account(client, "bob", "reader")
    assert (await door("PUT", "/bees/1.0.0", PACKAGE))[0] == 201
    await members(client, roles=["reader"])
    for path in READS:
        assert (path, (await door("GET", path, who=None))[0]) == (path, 401)
        assert (path, (await door("GET", path, who=anna))[0]) == (path, 403)
        assert (path, (await door("GET", path, who=bob))[0]) in ((path, 200), ("/nothing", 404))
        assert (await door("GET", path))[0] in (200, 404)
    for method, path, value in WRITES:
        assert (path, (await door(method, path, value, who=anna))[0]) == (path, 403)
    assert (await client("GET", "/registry", who=None))[0] == 401
    assert (await client("GET", "/registry", who=anna))[0] == 403
    assert (await client("GET", "/registry", who=bob))[0] == 200


def test_few_routes_are_for_those_who_may_not_read_the_registry() -> None:
    assert {(route.method, route.path) for route in ROUTES if not route.in_registry} == OF_NO_PACKAGE
    signed = {(route.method, route.path) for route in ROUTES if route.signed}
    assert signed == {("PUT", "/-/uploads/{id}/{number}"), ("OPTIONS", "/-/uploads/{id}/{number}")}


async def test_all_other_routes_are_closed(client: Client, door: Client) -> None:
    anna = await account(client, "anna")
    assert (await door("PUT", "/bees/1.0.0", PACKAGE))[0] == 201
    await members(client, roles=["reader"])
    for route in ROUTES:
        if not route.in_registry or route.signed:
            continue
        path = re.sub(r"\{(\w+)[^}]*\}", lambda part: FILL.get(part[1], "x"), route.path)
        for kind in ({}, BROWSER):
            for who, status in ((None, 401), (anna, 403)):
                login = {"Authorization": aiohttp.encode_basic_auth(*who)} if who else {}
                # A browser is led to where one logs in, if a login there would do.
                led = not who and kind is BROWSER and route.takes_cookie and route.method in ("GET", "POST")
                async with client.session.request(
                    route.method, door.base + path, headers={**kind, **login}, allow_redirects=False
                ) as answer:
                    expected = 303 if led else status
                    assert (route.method, path, answer.status) == (route.method, path, expected)
                    assert "hive" not in await answer.text()


async def test_owners_of_packages_are_members_where_that_is_said(client: Client, door: Client) -> None:
    anna = await account(client, "anna")
    assert (await door("PUT", "/bees/1.0.0", PACKAGE, who=anna))[0] == 201
    await members(client, roles=["owner:bees"])
    assert (await door("GET", "/bees", who=anna))[0] == 200
    assert (await client("GET", "/registry", who=anna))[0] == 200
    bob = await account(client, "bob", "owner:bees")  # a role that nobody can give
    assert (await door("GET", "/bees", who=bob))[0] == 403
    assert (await client("GET", "/registry", who=bob))[0] == 403


async def test_accounts_and_the_greeting_are_no_part_of_it(client: Client, door: Client) -> None:
    anna = await account(client, "anna")
    await members(client, names=["nobody"])
    assert (await door("GET", "/", who=None))[0] == 200
    assert (await door("GET", "/-/openapi.json", who=None))[0] == 200
    assert (await door("GET", "/-/whoami", who=anna))[0] == 200
    made, token = await door("POST", "/-/tokens", {"scope": "read"}, who=anna)
    assert made == 201
    bearer = {"Authorization": f"Bearer {token['token']}"}
    assert (await door("GET", "/-/whoami", who=None, headers=bearer))[0] == 200
    assert (await door("GET", "/bees", who=None, headers=bearer))[0] == 403
    assert (await door("PUT", "/adduser/carl", {"name": "carl", "password": "pw"}, who=None))[0] == 201


@pytest.mark.parametrize(
    "setting",
    [
        "chttpd__require_valid_user",
        "chttpd_auth__require_valid_user",
        "chttpd__require_valid_user_except_for_up",
    ],
)
async def test_where_everybody_has_to_log_in(client: Client, door: Client, setting: str) -> None:
    anna = await account(client, "anna")
    assert (await door("PUT", "/bees/1.0.0", PACKAGE))[0] == 201
    await configure(client, **{setting: "true"})
    for path in (*READS, "/", "/-/openapi.json", "/-/whoami"):
        status, _ = await door("GET", path, who=None)
        assert (path, status) == (path, 401)
        assert "WWW-Authenticate" in door.headers
        assert (path, (await door("GET", path, who=anna))[0]) in ((path, 200), ("/nothing", 404))
    assert (await door("PUT", "/adduser/carl", {"name": "carl", "password": "pw"}, who=None))[0] == 401
    status, _ = await door("OPTIONS", "/-/uploads/x/1", who=None)
    assert status == 204
    assert (await client("GET", "/registry", who=None))[0] == 401


async def test_few_routes_are_open_where_everybody_has_to_log_in(client: Client, door: Client) -> None:
    """To make an account is none of them: whoever could would be let in by it."""
    await configure(client, chttpd__require_valid_user="true")
    found = set()
    for route in ROUTES:
        path = re.sub(r"\{(\w+)[^}]*\}", lambda part: FILL.get(part[1], "x"), route.path)
        async with client.session.request(route.method, door.base + path, allow_redirects=False) as answer:
            if answer.status != 401:
                found.add((route.method, route.path))
    assert found == OPEN_TO_ALL
    async with client.session.get(door.base + "/-/login") as answer:
        assert answer.status == 200
        assert "/-/register" not in await answer.text()
    eve = {"name": "eve", "password": "a long one", "again": "a long one"}
    for kind, status in ((None, 401), (BROWSER, 303)):
        async with client.session.post(
            door.base + "/-/register", data=eve, headers=kind, allow_redirects=False
        ) as answer:
            assert answer.status == status
    assert (await client("GET", "/_users/org.couchdb.user:eve"))[0] == 404


async def test_a_registry_made_anew_is_as_open_as_at_first(client: Client, door: Client) -> None:
    await client("DELETE", "/registry")
    assert (await client("PUT", "/registry"))[0] == 201
    assert (await door("PUT", "/bees/1.0.0", PACKAGE))[0] == 201
    assert (await door("GET", "/bees", who=None))[0] == 200
