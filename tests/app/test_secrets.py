"""No secret comes out: not in answers, logs, documents, the settings that are shown, files or `ps`."""

import asyncio
import json
import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.model.user import User
from tests.app.people import Client
from tests.conftest import ServerFactory
from tests.processes import running

ADMIN, OLD, NEW, GUESS = "admins-word", "first-word", "second-word", "guessed-word"
SESSION_KEY, JWT_KEY = "key-of-sessions", b"key-of-web-tokens-32-bytes-long!"
SERVER_WORD = "typed-as-an-admin"


class Listening(Client):
    """A client that keeps all that it is told."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        super().__init__(session, base)
        self.heard: list[str] = []

    async def __call__(self, *args: Any, **more: Any) -> tuple[int, Any]:
        status, answer = await super().__call__(*args, **more)
        self.heard.append(json.dumps(answer) + str(dict(self.headers)))
        return status, answer


@pytest.fixture
def form() -> str:
    return "json"


@pytest.fixture
async def world(server: ServerFactory, caplog: pytest.LogCaptureFixture, tmp_path: Path, form: str) -> Any:
    caplog.set_level(logging.DEBUG)
    logs = {"access_log_file": tmp_path / "access.log", "audit_log_file": tmp_path / "audit.log"}
    app = await server(admin=f"admin:{ADMIN}", log_level="debug", access_log=form, **logs)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield app, Listening(session, app.couch_url)


@pytest.mark.parametrize("form", ["short", "json"])
async def test_nothing_says_a_secret(
    world: tuple[App, Listening], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    app, client = world
    token = await _everything(app, client)
    await app.stop()
    assert (tmp_path / "access.log").read_text().count("/_session") > 5
    assert (tmp_path / "audit.log").read_text().count("login.refused") > 5
    told = "".join(client.heard) + caplog.text
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    shown = {ADMIN, OLD, NEW, GUESS, SERVER_WORD, token.rpartition("_")[2]}
    assert [secret for secret in shown if secret in told] == []
    assert [secret for secret in shown if secret.encode() in files] == []
    keys = {SESSION_KEY, JWT_KEY.decode(), b64encode(JWT_KEY).decode()}
    assert [key for key in keys if key in told] == []


async def _everything(app: App, client: Listening) -> str:
    """The ways of a password, a token and the keys through the server; the token."""
    admin = ("admin", ADMIN)
    for key, value in {
        "chttpd_auth/secret": SESSION_KEY,
        "admins/boss": SERVER_WORD,
        "jwt_keys/hmac:_default": b64encode(JWT_KEY).decode(),
        "chttpd_auth_lockout/threshold": "3",
        "chttpd/authentication_handlers": "{chttpd_auth, jwt_authentication_handler}, "
        "{chttpd_auth, cookie_authentication_handler}, "
        "{chttpd_auth, default_authentication_handler}",
    }.items():
        assert (await client("PUT", f"/_node/_local/_config/{key}", value, who=admin))[0] == 200
    await app.accounts.create("ann", Login(OLD), email="ann@example.org")
    bob = {"name": "bob", "type": "user", "roles": [], "password": OLD}
    await client("PUT", "/_users/org.couchdb.user:bob", bob, who=admin)
    await _logins(client)
    await app.accounts.change("ann", login=Login(NEW))
    await client("GET", "/", who=("ann", NEW))
    await client("PUT", "/_users/org.couchdb.user:bob", {**bob, "password": 7}, who=admin)
    await client("PUT", "/_users/org.couchdb.user:eve", {**bob, "password": NEW}, who=admin)
    await client("POST", "/_users/_bulk_docs", {"docs": [{**bob, "_id": "x", "password": NEW}]}, who=admin)
    text, _ = await app.tokens.create(User("ann"), "publish")
    for bearer in (text, text[:-1], jwt.encode({"sub": "ann", "exp": 4_000_000_000}, JWT_KEY)):
        for base in (app.couch_url, app.registry_url):
            client.base = base
            await client("GET", "/", who=None, headers={"Authorization": f"Bearer {bearer}"})
    client.base = app.couch_url
    for path in (
        "/_node/_local/_config",
        "/_node/_local/_config/admins",
        "/_node/_local/_config/jwt_keys",
        "/_users/_all_docs?include_docs=true",
        "/_users/_changes?include_docs=true",
    ):
        assert (await client("GET", path, who=admin))[0] == 200
    return text


async def _logins(client: Listening) -> None:
    """Right ones, wrong ones, and too many of these."""
    for password in (OLD, GUESS, GUESS, GUESS, GUESS):
        await client("GET", "/", who=("ann", password))
        await client("POST", "/_session", {"name": "bob", "password": password}, who=None)
        client.heard.pop()  # the cookie is for who has logged in
    await client("POST", "/_session", {"name": ["x"], "password": GUESS}, who=None)
    await client("POST", f"/_session?next=//{GUESS[:3]}.example", {"name": "bob", "password": OLD}, who=None)
    await client("GET", "/", who=None, headers={"Authorization": "Basic !" + GUESS})
    await client("GET", f"/?password={GUESS}&token={OLD}", who=None)
    await _as_to_a_proxy(client.base)


async def _as_to_a_proxy(base: str) -> None:
    """A request for a whole address, with a login in it."""
    host = base.rpartition("/")[2]
    reader, writer = await asyncio.open_connection(*host.rsplit(":", 1))
    line = f"GET http://bob:{OLD}@{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    writer.write(line.encode())
    assert b"Welcome" in await reader.read()
    writer.close()
    await writer.wait_closed()


def test_nothing_says_the_first_admins_password(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        command = Path(f"/proc/{server.process.pid}/cmdline")
        if command.exists():
            assert server.admin[1].encode() not in command.read_bytes()
        assert server.admin[1] not in server.log.read_text()


async def test_hashes_are_for_admins_and_oneself(world: tuple[App, Listening]) -> None:
    app, client = world
    admin = ("admin", ADMIN)
    await app.accounts.create("ann", Login(OLD), email="ann@example.org")
    await app.accounts.create("bob", Login(NEW))
    _, doc = await client("GET", "/_users/org.couchdb.user:ann", who=admin)
    client.heard.clear()
    for path in ("/_users/org.couchdb.user:ann", "/_users/_all_docs", "/_session"):
        await client("GET", path, who=("bob", NEW))
    for secret in (doc["derived_key"], doc["salt"], doc["email"]):
        assert secret not in "".join(client.heard)
