"""Settings at run time, CORS among them."""

import pytest

from tests.http.couch.conftest import Couch

CONFIG = "//_node/_local/_config"
ORIGIN = "http://app.example"


async def test_settings_are_kept_and_shown(couch: Couch) -> None:
    assert (await couch("GET", f"{CONFIG}/mine")).json == {}
    assert (await couch("PUT", f"{CONFIG}/mine/key", "one")).json == ""
    assert (await couch("PUT", f"{CONFIG}/mine/key", "two")).json == "one"
    assert (await couch("GET", f"{CONFIG}/mine/key")).json == "two"
    assert (await couch("GET", CONFIG)).json["mine"] == {"key": "two"}
    assert (await couch("DELETE", f"{CONFIG}/mine/key")).json == "two"
    gone = await couch("GET", f"{CONFIG}/mine/key")
    assert (gone.status, gone.json["reason"]) == (404, "unknown_config_value")
    assert (await couch("POST", f"{CONFIG}/_reload")).json == {"ok": True}


async def test_what_the_server_was_started_with_is_shown(couch: Couch) -> None:
    shown = (await couch("GET", CONFIG)).json
    assert shown["chttpd"] == {"bind_address": "127.0.0.1", "decode_plus_to_space": "true", "port": "1234"}
    assert shown["couchdb"]["database_dir"] == "/data"
    await couch("PUT", f"{CONFIG}/couchdb/database_dir", "/other")
    assert (await couch("GET", f"{CONFIG}/couchdb/database_dir")).json == "/other"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("section", ["daemons", "feature_flags", "httpd_global_handlers", "query_servers"])
async def test_what_runs_the_server_is_not_changed_from_outside(
    couch: Couch, section: str, method: str
) -> None:
    reply = await couch(method, f"{CONFIG}/{section}/x", "y")
    assert (reply.status, reply.json["error"]) == (403, "forbidden")
    assert (await couch("GET", f"{CONFIG}/{section}")).json == {}


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [("a[/b", "x", "section"), ("a/b%5D", "x", "key"), ("a/b%0Ac", "x", "key"), ("a/b", "x\ny", "value")],
)
async def test_a_setting_is_one_line(couch: Couch, path: str, value: str, what: str) -> None:
    reply = await couch("PUT", f"{CONFIG}/{path}", value)
    assert (reply.status, reply.json["reason"]) == (400, f"Invalid configuration {what}")


async def test_blanks_around_a_setting_do_not_count(couch: Couch) -> None:
    await couch("PUT", f"{CONFIG}/mine/key", " a\tb \n")
    assert (await couch("GET", f"{CONFIG}/mine/key")).json == "a\tb"


async def test_a_setting_is_a_string(couch: Couch) -> None:
    reply = await couch("PUT", f"{CONFIG}/mine/key", data=b"5")
    assert (reply.status, reply.json["reason"]) == (400, "a JSON string expected")


async def test_settings_are_for_admins(couch: Couch) -> None:
    for method, path in [("GET", CONFIG), ("PUT", f"{CONFIG}/a/b"), ("DELETE", f"{CONFIG}/a/b")]:
        assert (await couch(method, path, headers={"Authorization": "ann"})).status == 401


async def test_passwords_and_keys_are_never_shown(couch: Couch) -> None:
    await couch("PUT", f"{CONFIG}/chttpd_auth/iterations", "10")
    await couch("PUT", f"{CONFIG}/admins/ann", "clear text")
    await couch("PUT", f"{CONFIG}/chttpd_auth/secret", "signing key")
    shown = (await couch("GET", CONFIG)).body
    assert b"clear text" not in shown
    assert b"signing key" not in shown
    assert (await couch("GET", f"{CONFIG}/admins/ann")).json.startswith("-pbkdf2")
    assert couch.store.config()["chttpd_auth"]["secret"] == "signing key"


async def test_the_last_admin_stays(couch: Couch) -> None:
    await couch("PUT", f"{CONFIG}/chttpd_auth/iterations", "10")
    await couch("PUT", f"{CONFIG}/admins/ann", "pw")
    await couch("PUT", f"{CONFIG}/admins/bob", "pw")
    assert (await couch("DELETE", f"{CONFIG}/admins/bob")).status == 200
    assert (await couch("DELETE", f"{CONFIG}/admins/ann")).status == 403


async def allow(couch: Couch, **settings: str) -> None:
    await couch("PUT", f"{CONFIG}/chttpd/enable_cors", "true")
    for key, value in settings.items():
        await couch("PUT", f"{CONFIG}/cors/{key}", value)


async def test_there_is_no_cors_unless_enabled(couch: Couch) -> None:
    assert "Access-Control-Allow-Origin" not in (await couch("GET", "", headers={"Origin": ORIGIN})).headers


@pytest.mark.parametrize("path", ["", "/missing", "/_all_docs", "/_changes?feed=longpoll&timeout=1"])
async def test_an_allowed_origin_may_read(couch: Couch, path: str) -> None:
    await allow(couch, origins=f"http://else.example, {ORIGIN}", credentials="true")
    reply = await couch("GET", path, headers={"Origin": ORIGIN})
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert reply.headers["Access-Control-Allow-Credentials"] == "true"
    assert "etag" in reply.headers["Access-Control-Expose-Headers"]
    other = await couch("GET", path, headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_any_origin_comes_without_credentials(couch: Couch) -> None:
    await allow(couch, origins=f"*, {ORIGIN}", credentials="true")
    evil = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        reply = await couch(method, "", headers=evil)
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in reply.headers
    listed = await couch("GET", "", headers={"Origin": ORIGIN})
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert listed.headers["Access-Control-Allow-Credentials"] == "true"
    await couch("DELETE", f"{CONFIG}/cors/credentials")
    assert (await couch("GET", "", headers=evil)).headers["Access-Control-Allow-Origin"] == evil["Origin"]


async def preflight(couch: Couch, origin: str, method: str, headers: str = "") -> int:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Authorization": "nobody"}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return (await couch("OPTIONS", "//locked/a", headers=asked)).status


async def test_preflights_are_answered_without_a_login(couch: Couch) -> None:
    await couch("PUT", "//locked")
    await allow(couch, origins=ORIGIN, methods="GET, PUT", headers="X-Custom")
    assert await preflight(couch, ORIGIN, "PUT") == 204
    assert await preflight(couch, ORIGIN, "PUT", "x-custom") == 204
    assert await preflight(couch, ORIGIN, "DELETE") == 401
    assert await preflight(couch, ORIGIN, "PUT", "X-Other") == 401
    assert await preflight(couch, "http://evil.example", "GET") == 401


async def test_every_origin_can_be_allowed(couch: Couch) -> None:
    await allow(couch, origins="*")
    reply = await couch("OPTIONS", "", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "COPY"})
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert reply.headers["Access-Control-Max-Age"] == "600"
    assert "COPY" in reply.headers["Access-Control-Allow-Methods"]
