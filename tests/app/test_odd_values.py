"""Numbers and forms that nobody sends by mistake: a 400 or what they mean, never a 500."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from couchreg.app import App
from tests.app.people import Client, configure
from tests.conftest import ServerFactory

BIG = "9" * 5000  # more digits than Python's int() and str() take


def bearer(header: dict[str, Any], claims: dict[str, Any]) -> dict[str, str]:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return {"Authorization": f"Bearer {parts[0]}.{parts[1]}.AAAA"}


@pytest.fixture
async def odd(client: Client, caplog: pytest.LogCaptureFixture) -> Any:
    """Send text as JSON; a 500, or a traceback in the log, fails the test."""

    async def send(method: str, url: str, text: str | None = None, **headers: str) -> tuple[int, str]:
        sent = {"Content-Type": "application/json", **headers}
        async with client.session.request(method, url, data=text, headers=sent) as answer:
            body = await answer.text()
        assert answer.status != 500, (method, url[:200], body[:300])
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR], url[:200]
        return answer.status, body

    return send


USER = (
    '{"name":"bob","type":"user","roles":[],"password_scheme":"pbkdf2","salt":"x","derived_key":"aa",'
    '"iterations":%s,"totp":{"key":"AAAA","algorithm":%s,"digits":%s}}'
)


async def test_users(app: App, client: Client, odd: Any) -> None:
    for number in (BIG, "-1", "1e7", "10.5", "true"):
        path = f"{app.couch_url}/_users/org.couchdb.user:bob"
        admin = {"Authorization": client_login()}
        status, text = await odd("PUT", path, USER % (number, BIG, BIG), **admin)
        if status == 201:
            assert (await client("GET", "/_session", who=("bob", "x")))[0] == 401
            await client("DELETE", f"/_users/org.couchdb.user:bob?rev={json.loads(text)['rev']}")


def client_login() -> str:
    return "Basic " + base64.b64encode(b"admin:secret").decode()


async def test_forms_of_many_fields(app: App, odd: Any) -> None:
    form = "&".join(f"field{number}=x" for number in range(101))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await odd("POST", f"{app.couch_url}/_session", form, **kind))[0] == 400


async def test_tokens_of_odd_members(app: App, client: Client, odd: Any) -> None:
    handlers = "{chttpd_auth, jwt_authentication_handler}, {chttpd_auth, default_authentication_handler}"
    await configure(client, chttpd__authentication_handlers=handlers)
    await client("PUT", "/_node/_local/_config/jwt_keys/hmac:_default", "c2VjcmV0")
    for value in ([], {}, None, 1, True, ["HS256"], 10**400):
        for header in ({"alg": value}, {"alg": "HS256", "kid": value}, {"alg": "HS256", "typ": value}):
            claims = {"exp": value, "sub": value, "_couchdb.roles": value}
            assert (await odd("GET", f"{app.couch_url}/_session", **bearer(header, claims)))[0] in (400, 401)


SETTINGS = (
    "couchdb/max_document_id_length",
    "couchdb/max_document_size",
    "couchdb/max_attachment_size",
    "purge/max_revisions_number",
    "attachments/compression_level",
    "chttpd_auth/iterations",
    "chttpd_auth/timeout",
    "uuids/max_count",
    "cluster/q",
)


@pytest.mark.parametrize("value", [BIG, "²", "٣", "-1", "1e5", ""])
async def test_settings(app: App, client: Client, odd: Any, value: str) -> None:
    await client("PUT", "/db")
    login = {"Authorization": client_login()}
    for setting in SETTINGS:
        await client("PUT", f"/_node/_local/_config/{setting}", value)
        await odd("PUT", f"{app.couch_url}/db/doc", "{}", **login)
        await odd("PUT", f"{app.couch_url}/db/file/f", "bytes", **{**login, "Content-Type": "text/plain"})
        await odd("POST", f"{app.couch_url}/db/_purge", '{"x":["1-a"]}', **login)
        await odd("GET", f"{app.couch_url}/db", **login)
        await odd("GET", f"{app.couch_url}/_uuids?count=2", **login)
        await client("DELETE", f"/_node/_local/_config/{setting}")


@pytest.mark.parametrize(
    ("value", "status"), [("-1", 413), ("0", 413), ("4", 413), ("5", 201), ("abc", 201), ("infinity", 201)]
)
async def test_the_size_of_attachments(app: App, client: Client, odd: Any, value: str, status: int) -> None:
    await client("PUT", "/db")
    await client("PUT", "/_node/_local/_config/couchdb/max_attachment_size", value)
    login = {"Authorization": client_login(), "Content-Type": "text/plain"}
    assert (await odd("PUT", f"{app.couch_url}/db/file/f", "bytes", **login))[0] == status


async def test_packages(server: ServerFactory, tmp_path: Path, odd: Any) -> None:
    app = await server(validation="off", data_dir=tmp_path / "other")
    login = {"Authorization": client_login()}
    descriptor = '{"name":"bees","resources":[{"name":"hives","data":[{"h":%s}],"bytes":%s,"hash":%s}]}'
    for number, text in enumerate((descriptor % (BIG, BIG, '"x"'), descriptor % ("1", "5", BIG))):
        await odd("PUT", f"{app.registry_url}/bees/1.0.{number}", text, **login)
    named = f'{{"name":{BIG},"version":{BIG},"resources":[{{"name":"hives","data":[1]}}]}}'
    assert (await odd("PUT", f"{app.registry_url}/bees/2.0.0", named, **login))[0] == 422
    for path in ("", "/1.0.0/hives", "?profile=dcat-ap", "?profile=croissant", "/latest?range=^1"):
        await odd("GET", f"{app.registry_url}/bees{path}")
    related = (
        '--x\r\nContent-Type: application/json\r\n\r\n{"name":"ants","resources":[],'
        f'"_attachments":{{"a.csv":{{"follows":true,"length":{BIG}}}}}}}\r\n--x\r\n\r\nx\r\n--x--'
    )
    kind = {"Content-Type": "multipart/related; boundary=x"}
    assert (await odd("PUT", f"{app.registry_url}/ants/1.0.0", related, **login, **kind))[0] == 400
    for path in (f"/bees/latest?range=^{BIG}", f"/bees/{BIG}", f"/-/downloads/bees?from={BIG}-01-01"):
        assert (await odd("GET", app.registry_url + path))[0] in (400, 404)
    assert (
        await odd("POST", f"{app.registry_url}/-/tokens", f'{{"scope":"read","lifetime":{BIG}}}', **login)
    )[0] == 400


async def test_versions_with_odd_numbers_are_compared(app: App, odd: Any) -> None:
    login = {"Authorization": client_login()}
    for number, value in enumerate(("1", BIG)):
        text = f'{{"name":"bees","resources":[{{"name":"hives","data":[{{"h":{value}}}]}}]}}'
        assert (await odd("PUT", f"{app.registry_url}/bees/1.0.{number}", text, **login))[0] in (201, 422)
    await odd("GET", f"{app.registry_url}/-/diff/bees/1.0.0/1.0.1")
