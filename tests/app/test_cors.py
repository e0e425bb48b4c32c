"""Pages of other origins at both doors: what a browser asks before it lets one in."""

import aiohttp
import pytest

from couchreg.config import SettingsError, load
from tests.app.people import Client, configure
from tests.conftest import ServerFactory

APP, OTHER = "https://app.example.org", "https://evil.example.org"


def asked(origin: str, method: str = "PUT", headers: str = "authorization, content-type") -> dict[str, str]:
    """What a browser sends before the request itself."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def preflight(client: Client, path: str, headers: dict[str, str]) -> dict[str, str]:
    """The CORS headers of the answer, none of a refusal."""
    async with client.session.options(client.base + path, headers=headers) as answer:
        found = {name.lower(): value for name, value in answer.headers.items()}
    return {name: value for name, value in found.items() if name.startswith("access-control-")}


async def test_a_page_that_is_named_uses_the_couch_door_with_a_login(server: ServerFactory) -> None:
    app = await server(cors=f"{APP}, http://localhost:3000")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        for base in (app.couch_url, f"{app.registry_url}/_couch"):
            client = Client(session, base)
            told = await preflight(client, "/db", asked(APP))
            assert told["access-control-allow-origin"] == APP
            assert told["access-control-allow-credentials"] == "true"
            assert "PUT" in told["access-control-allow-methods"]
            assert told["access-control-allow-headers"] == "authorization, content-type"
            assert await preflight(client, "/db", asked(OTHER)) == {}
            refused = await preflight(client, "/db", asked(APP, headers="x-unheard-of"))
            assert not {"access-control-allow-methods", "access-control-allow-headers"} & refused.keys()
            for origin, allowed in ((APP, APP), (OTHER, None)):
                assert (await client("GET", "/_session", headers={"Origin": origin}))[0] == 200
                assert client.headers.get("Access-Control-Allow-Origin") == allowed
                assert "Origin" in client.headers.get("Vary", "")  # a cache does not give one to the other


async def test_what_couchdb_has_for_it_goes_before(server: ServerFactory) -> None:
    app = await server(cors=APP)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(session, app.couch_url)
        assert (await client("GET", "/_node/_local/_config/cors"))[1]["origins"] == APP
        await configure(client, cors__origins=OTHER)
        assert await preflight(client, "/db", asked(APP)) == {}
        assert (await preflight(client, "/db", asked(OTHER)))["access-control-allow-origin"] == OTHER
        await client("DELETE", "/_node/_local/_config/cors/origins")
        assert (await preflight(client, "/db", asked(APP)))["access-control-allow-origin"] == APP
        await configure(client, chttpd__enable_cors="false")
        assert await preflight(client, "/db", asked(APP)) == {}


async def test_all_pages_come_without_cookies(server: ServerFactory) -> None:
    app = await server(cors="*")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        told = await preflight(Client(session, app.couch_url), "/db", asked(OTHER))
    assert told["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in told


async def test_without_the_setting_the_couch_door_is_closed_to_pages_and_the_registry_door_open(
    server: ServerFactory,
) -> None:
    app = await server()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        assert await preflight(Client(session, app.couch_url), "/db", asked(APP)) == {}
        told = await preflight(Client(session, app.registry_url), "/small/1", asked(APP))
    assert told["access-control-allow-origin"] == "*"
    assert {"authorization", "content-type"} <= {
        name.strip().lower() for name in told["access-control-allow-headers"].split(",")
    }
    assert "PUT" in told["access-control-allow-methods"]


@pytest.mark.parametrize(
    "wrong", ["app.example.org", "https://app.example.org/path", "ftp://x", "https://a@b", "https://"]
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="no origin"):
        load({"cors": wrong}, environ={})
