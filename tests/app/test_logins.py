"""Proving who one is at the couch door: the ways that are off, odd or seldom."""

import hashlib
import hmac
import time
from base64 import b32encode, b64encode
from pathlib import Path

import aiohttp
import jwt
import pytest

from couchreg.app import App
from couchreg.auth.passwords.totp import Totp
from couchreg.auth.users.accounts import Login
from couchreg.model.user import User
from tests.app.people import BOB, ID, Client, configure, opened, stored
from tests.conftest import ServerFactory

ALL_HANDLERS = ", ".join(
    f"{{chttpd_auth, {name}_authentication_handler}}" for name in ("proxy", "jwt", "cookie", "default")
)


def simple(password: str, salt: str) -> str:
    """The hash that old clients send."""
    return hashlib.sha1((password + salt).encode()).hexdigest()


# -- hashes


async def test_a_simple_hash_becomes_better_at_the_first_login(app: App, client: Client) -> None:
    await app.accounts.create("ann", Login(salt="abc", password_sha=simple("pw", "abc")))
    assert (await stored(client, "ann"))["password_scheme"] == "simple"
    assert (await client("GET", "/_session", who=("ann", "no")))[0] == 401
    assert (await stored(client, "ann"))["password_scheme"] == "simple"
    app.auth.upgrades.pause = 0
    for _ in range(2):
        assert (await client("GET", "/_session", who=("ann", "pw")))[0] == 200
        await app.auth.upgrades.settled()
    doc = await stored(client, "ann")
    assert (doc["password_scheme"], doc["iterations"], doc["salt"]) == ("pbkdf2", 1000, "abc")
    assert "password_sha" not in doc
    assert (await client("GET", "/_session", who=("ann", "no")))[0] == 401


async def test_an_upgrade_keeps_the_sessions(app: App, client: Client, bob: tuple[str, str]) -> None:
    app.auth.upgrades.pause = 0
    await client("POST", "/_session", {"name": "bob", "password": "pw"}, who=None)
    cookie = {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}
    await configure(client, chttpd_auth__pbkdf2_prf="sha512", chttpd_auth__iterations="77")
    assert (await client("GET", "/_session", who=bob))[0] == 200
    await app.auth.upgrades.settled()
    doc = await stored(client, "bob")
    assert (doc["pbkdf2_prf"], doc["iterations"], len(doc["derived_key"])) == ("sha512", 77, 128)
    _, session = await client("GET", "/_session", who=None, headers=cookie)
    assert session["userCtx"]["name"] == "bob"


async def test_who_logs_in_to_change_the_password_gets_there_first(
    app: App, client: Client, bob: tuple[str, str]
) -> None:
    """With a new salt, and not with that of the hash that was to be replaced."""
    await opened(client)
    before = await stored(client, "bob")
    await configure(client, chttpd_auth__iterations="77")
    assert (await client("POST", "/_session", {"name": "bob", "password": "pw"}, who=None))[0] == 200
    cookie = {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}
    changed = {**before, "password": "other"}
    assert (await client("PUT", f"/_users/{ID}", changed, who=None, headers=cookie))[0] == 201
    await app.auth.upgrades.settled()
    after = await stored(client, "bob")
    assert (after["iterations"], after["_rev"][:2]) == (77, "2-")
    assert after["salt"] != before["salt"]
    assert after["derived_key"] != before["derived_key"]
    assert (await client("GET", "/_session", who=("bob", "other")))[0] == 200


async def test_a_server_that_ends_waits_for_no_upgrade(server: ServerFactory) -> None:
    app = await server()
    app.auth.upgrades.pause = 3600
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(session, app.couch_url)
        await client("PUT", f"/_users/{ID}", BOB)
        await configure(client, chttpd_auth__iterations="77")
        assert (await client("GET", "/_session", who=("bob", "pw")))[0] == 200
    await app.stop()


async def test_hashes_stay_where_upgrades_are_off(client: Client, bob: tuple[str, str]) -> None:
    await configure(client, chttpd_auth__iterations="77", chttpd_auth__upgrade_hash_on_auth="false")
    assert (await client("GET", "/_session", who=bob))[0] == 200
    assert (await stored(client, "bob"))["iterations"] == 1000


async def test_hashes_beyond_the_limits_are_not_verified(client: Client, bob: tuple[str, str]) -> None:
    await configure(client, chttpd_auth__min_iterations="2000")
    assert (await client("GET", "/_session", who=bob))[0] == 403


async def test_a_user_in_conflict_does_not_log_in(client: Client, bob: tuple[str, str]) -> None:
    doc = await stored(client, "bob")
    other = {**doc, "_rev": "1-abc", "password": "other"}
    await client("POST", "/_users/_bulk_docs", {"docs": [other], "new_edits": False})
    for password in ("pw", "other"):
        status, answer = await client("GET", "/_session", who=("bob", password))
        assert (status, "conflicts must be resolved" in answer["reason"]) == (401, True)
    await configure(client, chttpd_auth__allow_conflicted_user_docs="true")
    statuses = [(await client("GET", "/_session", who=("bob", one)))[0] for one in ("pw", "other")]
    assert sorted(statuses) == [200, 401]


# -- sessions


async def test_a_second_factor(client: Client) -> None:
    key = b"0123456789abcdefghij"
    doc = {**BOB, "totp": {"key": b32encode(key).decode()}}
    assert (await client("PUT", f"/_users/{ID}", doc))[0] == 201
    assert (await client("GET", "/", who=("bob", "pw")))[0] == 401
    login = {"name": "bob", "password": "pw"}
    assert (await client("POST", "/_session", login, who=None))[0] == 401
    number = Totp(key, "sha1", 6).number(int(time.time()) // 30)
    assert (await client("POST", "/_session", {**login, "token": number}, who=None))[0] == 200
    wrong = str((int(number) + 1) % 1_000_000).zfill(6)
    assert (await client("POST", "/_session", {**login, "token": wrong}, who=None))[0] == 401


def test_the_numbers_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B."""
    totp = Totp(b"12345678901234567890", "sha1", 8)
    assert [totp.number(moment // 30) for moment in (59, 1111111109, 20000000000)] == [
        "94287082",
        "07081804",
        "65353130",
    ]


async def test_a_name_is_given_once(client: Client) -> None:
    login = {"name": "a", "username": "b", "password": "x"}
    assert (await client("POST", "/_session", login, who=None))[0] == 400
    assert (await client("GET", "/_session?basic=true", who=None))[0] == 401


async def test_cookies_are_for_https_where_it_is_spoken(server: ServerFactory) -> None:
    app = await server(trusted_proxies="127.0.0.1")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(session, app.couch_url)
        await client("PUT", f"/_users/{ID}", BOB)
        login = {"name": "bob", "password": "pw"}
        await client("POST", "/_session", login, who=None)
        assert "Secure" not in client.headers["Set-Cookie"]
        await client("POST", "/_session", login, who=None, headers={"X-Forwarded-Proto": "https"})
        assert "; Secure; HttpOnly" in client.headers["Set-Cookie"]


async def test_without_a_secret_no_cookie_is_good(client: Client, bob: tuple[str, str]) -> None:
    await client("POST", "/_session", {"name": "bob", "password": "pw"}, who=None)
    cookie = {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}
    await client("DELETE", "/_node/_local/_config/chttpd_auth/secret")
    _, session = await client("GET", "/_session", who=None, headers=cookie)
    assert session["userCtx"]["name"] is None
    assert (await client("POST", "/_session", {"name": "bob", "password": "pw"}, who=None))[0] == 500


async def test_everybody_may_have_to_log_in(client: Client) -> None:
    await configure(client, chttpd__require_valid_user="true")
    assert (await client("GET", "/", who=None))[0] == 401
    assert (await client("GET", "/_up", who=None))[0] == 401
    assert (await client("POST", "/_session", {"name": "admin", "password": "secret"}, who=None))[0] == 200
    await configure(client, chttpd__require_valid_user_except_for_up="true")
    assert (await client("GET", "/_up", who=None))[0] == 200
    assert (await client("GET", "/registry", who=None))[0] == 401


# -- the handlers that are off by default


async def test_proxy_and_jwt_are_off(client: Client) -> None:
    await configure(client, jwt_keys__hmac_default="x")
    token = jwt.encode({"sub": "eve", "_couchdb.roles": ["_admin"], "exp": 4e9}, b"k" * 32)
    for headers in ({"X-Auth-CouchDB-UserName": "eve"}, {"Authorization": f"Bearer {token}"}):
        status, session = await client("GET", "/_session", who=None, headers=headers)
        assert (status, session["userCtx"]["name"]) == (200, None)
        assert session["info"]["authentication_handlers"] == ["cookie", "default"]


async def test_who_is_disabled_is_nobody_whatever_vouches_for_them(
    client: Client, bob: tuple[str, str]
) -> None:
    await configure(client, chttpd__authentication_handlers=ALL_HANDLERS)
    await client("PUT", "/_node/_local/_config/jwt_keys/hmac:_default", b64encode(b"k" * 32).decode())
    signed = jwt.encode({"sub": "bob", "exp": 4e9}, b"k" * 32)
    await client("POST", "/_session", {"name": "bob", "password": "pw"}, who=None)
    ways = {
        "jwt": {"Authorization": f"Bearer {signed}"},
        "proxy": {"X-Auth-CouchDB-UserName": "bob", "X-Auth-CouchDB-Roles": "x"},
        "cookie": {"Cookie": client.headers["Set-Cookie"].partition(";")[0]},
    }
    await configure(client, chttpd_auth__proxy_use_secret="false")
    document = await stored(client, "bob")
    for disabled in (False, True, False):
        document = {**document, "disabled": disabled, "_rev": (await stored(client, "bob"))["_rev"]}
        assert (await client("PUT", f"/_users/{ID}", document))[0] == 201
        for way, headers in ways.items():
            status, found = await client("GET", "/_session", who=None, headers=headers)
            name = found.get("userCtx", {}).get("name")
            assert (way, name) == (way, None if disabled else "bob"), (status, found)


async def test_jwt(client: Client) -> None:
    await configure(client, chttpd__authentication_handlers=ALL_HANDLERS)
    await client("PUT", "/_node/_local/_config/jwt_keys/hmac:_default", b64encode(b"k" * 32).decode())
    claims = {"sub": "eve", "_couchdb.roles": ["r"], "exp": 4_000_000_000}
    bearer = {"Authorization": f"Bearer {jwt.encode(claims, b'k' * 32)}"}
    _, session = await client("GET", "/_session", who=None, headers=bearer)
    assert session["userCtx"] == {"name": "eve", "roles": ["r"]}
    assert session["info"]["authenticated"] == "jwt"
    expired = {"Authorization": f"Bearer {jwt.encode({**claims, 'exp': 1}, b'k' * 32)}"}
    assert (await client("GET", "/", who=None, headers=expired))[0] == 401
    _, session = await client("GET", "/_session")
    assert session["info"]["authenticated"] == "default"


async def test_a_proxy_that_proves_itself(client: Client) -> None:
    await configure(
        client,
        chttpd__authentication_handlers=ALL_HANDLERS,
        chttpd_auth__proxy_use_secret="true",
        chttpd_auth__secret="s",
    )
    named = {"X-Auth-CouchDB-UserName": "eve", "X-Auth-CouchDB-Roles": "a, b"}
    for digest in ("sha256", "sha1"):
        token = hmac.digest(b"s", b"eve", digest).hex()
        headers = {**named, "X-Auth-CouchDB-Token": token}
        _, session = await client("GET", "/_session", who=None, headers=headers)
        assert session["userCtx"] == {"name": "eve", "roles": ["a", "b"]}
        assert session["info"]["authenticated"] == "proxy"
    for token in ("", "00", "é", hmac.digest(b"s", b"ann", "sha256").hex()):
        headers = {**named, "X-Auth-CouchDB-Token": token}
        _, session = await client("GET", "/_session", who=None, headers=headers)
        assert session["userCtx"]["name"] is None


async def test_a_proxy_that_has_no_need_to(client: Client) -> None:
    """Without a secret whoever reaches the port is believed, and only where the handler is on."""
    named = {"X-Auth-CouchDB-UserName": "eve", "X-Auth-CouchDB-Roles": "a, b"}
    _, session = await client("GET", "/_session", who=None, headers=named)
    assert session["userCtx"]["name"] is None
    await configure(client, chttpd__authentication_handlers=ALL_HANDLERS)
    for token in ({}, {"X-Auth-CouchDB-Token": "00"}):
        _, session = await client("GET", "/_session", who=None, headers={**named, **token})
        assert session["userCtx"] == {"name": "eve", "roles": ["a", "b"]}
        assert session["info"]["authenticated"] == "proxy"
    assert (await client("PUT", "/made-by-eve", who=None, headers=named))[0] == 401
    await configure(client, chttpd_auth__proxy_use_secret="true")
    _, session = await client("GET", "/_session", who=None, headers=named)
    assert session["userCtx"]["name"] is None


async def test_handlers_that_nobody_knows_leave_a_way_in(client: Client) -> None:
    for odd in ("nonsense", "{chttpd_auth, null_authentication_handler}", "{"):
        await configure(client, chttpd__authentication_handlers=odd)
        assert (await client("GET", "/_all_dbs"))[0] == 200
        assert (await client("GET", "/_all_dbs", who=None))[0] == 401


async def test_no_role_from_elsewhere_makes_an_owner(app: App, client: Client) -> None:
    seen: list[User] = []

    async def remember(user: User) -> User:
        seen.append(user)
        return user

    app.couch.services.with_owned = remember
    await client("PUT", f"/_users/{ID}", {**BOB, "roles": ["owner:gdp", "r"]})
    await client("GET", "/registry", who=("bob", "pw"))
    assert seen == [User("bob", ("r",))]


async def test_who_is_logged_in_at_the_pages_stays_so_over_a_restart(
    server: ServerFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = tmp_path / "data" / "logins.json"
    app = await server()
    await app.accounts.create("anna", Login("pw"))
    stays, leaves = [await app.visits.begin("anna", "pw", "127.0.0.1") for _ in range(2)]
    app.visits.end(leaves)
    assert not kept.exists()
    await app.stop()
    assert kept.stat().st_mode & 0o777 == 0o600
    data = kept.read_bytes()
    app = await server()
    assert not kept.exists()  # a server that is killed leaves none
    found = [await app.visits.identify(value) for value in (stays, leaves)]
    assert [one.user.name if one else None for one in found] == ["anna", None]
    await app.stop()
    kept.write_bytes(data[:-5])
    app = await server()
    assert "so people log in again" in caplog.text
    assert await app.visits.identify(stays) is None
