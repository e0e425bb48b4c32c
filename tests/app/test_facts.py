"""What a server says of itself to CouchDB's clients: its settings, and its address behind a proxy."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from couchreg.app import App
from tests.app.people import Client
from tests.conftest import ServerFactory

CONFIG = "/_node/_local/_config"


async def test_settings_tell_where_the_server_listens_and_keeps_things(client: Client, app: App) -> None:
    _, shown = await client("GET", CONFIG)
    assert shown["chttpd"]["port"] == str(urlsplit(app.couch_url).port)
    assert Path(shown["couchdb"]["database_dir"]).is_dir()
    assert shown["couchdb"]["uuid"] == (await client("GET", "/"))[1]["uuid"]
    secret = app.store.config()["chttpd_auth"]["secret"]
    assert secret not in json.dumps(shown)


async def located(client: Client, name: str, headers: dict[str, str]) -> str:
    assert (await client("PUT", f"/{name}", headers=headers))[0] == 201
    return str(client.headers["Location"])


async def test_a_proxy_on_this_machine_may_say_how_it_was_reached(client: Client) -> None:
    told = {"X-Forwarded-Host": "couch.example", "X-Forwarded-Proto": "https"}
    assert await located(client, "one", told) == "https://couch.example/one"
    for key, name in (("x_forwarded_host", "X-Host"), ("x_forwarded_ssl", "X-Tls")):
        await client("PUT", f"{CONFIG}/chttpd/{key}", name)
    told = {"X-Host": "other.example", "X-Tls": "on", "X-Forwarded-Host": "couch.example"}
    assert await located(client, "two", told) == "https://other.example/two"


async def test_others_are_believed_only_where_they_are_named(server: ServerFactory) -> None:
    app = await server(trusted_proxies="127.0.0.2")
    async with aiohttp.ClientSession() as session:
        client = Client(session, app.couch_url)
        address = urlsplit(app.couch_url).netloc
        assert await located(client, "one", {"X-Forwarded-Host": "evil.example"}) == f"http://{address}/one"


async def test_a_setting_may_end_with_the_server(server: ServerFactory) -> None:
    app = await server()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(session, app.couch_url)
        passing = {"X-Couch-Persist": "false"}
        await client("PUT", f"{CONFIG}/vendor/name", "kept")
        assert await client("PUT", f"{CONFIG}/vendor/name", "mine", headers=passing) == (200, "kept")
        assert (await client("GET", "/"))[1]["vendor"]["name"] == "mine"
        await client("PUT", f"{CONFIG}/admins/eve", "of eve", headers=passing)
        assert (await client("GET", CONFIG, who=("eve", "of eve")))[0] == 200
        assert (await client("DELETE", f"{CONFIG}/admins/admin", who=("eve", "of eve")))[0] == 403
        assert (await client("POST", f"{CONFIG}/_reload"))[0] == 200
        assert (await client("GET", f"{CONFIG}/vendor/name"))[1] == "kept"
        assert (await client("GET", CONFIG, who=("eve", "of eve")))[0] == 401
        await client("PUT", f"{CONFIG}/vendor/name", "mine", headers=passing)
    await app.stop()
    app = await server()
    assert app.store.config()["vendor"] == {"name": "kept"}
