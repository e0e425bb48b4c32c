"""Who asked what, and who changed what, as an operator finds it in the files."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client
from tests.conftest import ADMIN, ServerFactory
from tests.packages import related, small
from tests.processes import running

JSON = {"Content-Type": "application/json"}
ANNA, BOSS = ("anna", "a long enough one"), ADMIN


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def access(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


async def changes(app: App, client: Client) -> None:
    """Each change there is a word for, in the order of `WORDS`."""
    registry, couch = app.registry_url, app.couch_url

    async def ask(url: str, method: str, path: str, value: Any = None, who: Any = ANNA) -> Any:
        client.base = url
        status, answer = await client(method, path, value, who=who)
        assert status < 300, answer
        return answer

    for name in ("anna", "bob"):
        await ask(registry, "PUT", f"/adduser/{name}", {"name": name, "password": ANNA[1]}, None)
    body, headers = related(small())
    headers["Authorization"] = aiohttp.encode_basic_auth(*ANNA)
    headers["X-Request-ID"] = "by-anna"
    async with client.session.put(f"{registry}/small/1", data=body, headers=headers) as answer:
        assert (answer.status, answer.headers["X-Request-ID"]) == (201, "by-anna")
    await ask(registry, "PUT", "/-/dist-tags/small/good", {"version": "1"})
    await ask(registry, "DELETE", "/-/dist-tags/small/good")
    await ask(registry, "PUT", "/-/deprecated/small/1", {"message": "old"})
    await ask(registry, "DELETE", "/-/deprecated/small/1")
    await ask(registry, "PUT", "/-/yanked/small/1", {"message": "old"})
    await ask(registry, "DELETE", "/-/yanked/small/1")
    for verb in ("add", "rm"):
        await ask(registry, "POST", f"/owner/{verb}", {"username": "bob", "dpkgName": "small"})
    for access in ("restricted", "public"):
        await ask(registry, "POST", "/-/package/small/access", {"access": access})
    await ask(registry, "PUT", "/-/package/small/collaborators/bob", {"permissions": "read-only"})
    await ask(registry, "DELETE", "/-/package/small/collaborators/bob")
    await ask(registry, "PUT", "/-/groups/keepers", {})
    await ask(registry, "PUT", "/-/groups/keepers/members/bob", {})
    await ask(registry, "DELETE", "/-/groups/keepers/members/bob")
    await ask(registry, "DELETE", "/-/groups/keepers")
    token = (await ask(registry, "POST", "/-/tokens", {"scope": "read"}))["id"]
    await ask(registry, "DELETE", f"/-/tokens/{token}")
    await ask(registry, "DELETE", "/small/1")
    await ask(registry, "POST", "/-/undelete/small/1")
    await ask(registry, "DELETE", "/small?for-good=true")
    await ask(couch, "PUT", "/_node/_local/_config/log/x", "secret", BOSS)
    await ask(couch, "DELETE", "/_node/_local/_config/log/x", None, BOSS)
    await ask(couch, "PUT", "/db", None, BOSS)
    await ask(couch, "PUT", "/db/_security", {}, BOSS)
    await ask(couch, "DELETE", "/db", None, BOSS)
    await ask(couch, "PUT", "/registry/other", {"name": "other"}, BOSS)
    await ask(couch, "POST", "/registry/_bulk_docs", {"docs": [{"_id": "a"}, {"_id": "other"}]}, BOSS)
    await ask(registry, "PUT", "/-/user/bob", {"password": "another long one"}, BOSS)
    await ask(registry, "PUT", "/-/user/bob", {"disabled": True}, BOSS)
    await ask(registry, "DELETE", "/-/user/bob", None, BOSS)
    client.base = registry
    assert (await client("GET", "/", who=("anna", "wrong")))[0] == 401
    assert (await client("GET", "/", who=None, headers={"Authorization": "Bearer wrong"}))[0] == 401


WORDS = """account.create account.create publish tag.set tag.remove deprecate undeprecate yank unyank
owner.add owner.remove access.restrict access.publish access.grant access.revoke
group.create group.put group.remove group.delete token.create token.revoke unpublish
undelete unpublish setting.change setting.remove database.create security.change database.delete
document.write document.write account.change account.change account.delete
login.refused token.refused"""


async def test_the_trail_says_who_changed_what(server: ServerFactory, audit: Path) -> None:
    app = await server(audit_log_file=audit)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await changes(app, Client(session, ""))
    await app.stop()
    found = lines(audit)
    assert [line["action"] for line in found] == WORDS.split()
    assert all(line["address"] == "127.0.0.1" and len(line["request"]) > 5 for line in found)
    who = [line.get("user") for line in found]
    assert who == [None, None, *["anna"] * 22, *["admin"] * 10, None, None]
    published, bulk = found[2], found[30]
    assert (published["package"], published["version"], published["request"]) == ("small", "1", "by-anna")
    assert bulk["ids"] == ["a"]  # the other one was refused
    assert [line.get("disabled") for line in found if line["action"] == "account.change"] == [None, True]
    assert found[-2]["name"] == "anna"


async def test_each_request_has_a_line_that_names_it(server: ServerFactory, access: Path) -> None:
    app = await server(access_log="json", access_log_file=access, audit_log="off")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client, names = Client(session, app.registry_url), []
        for path in ("/-/packages?limit=1", "/_couch/_all_dbs", "/a/b/c", "/_couch/registry/_all_docs"):
            await client("GET", path)
            names.append(client.headers.get("X-Request-ID") or client.headers["X-Couch-Request-ID"])
        client.base = app.couch_url
        await client("GET", "/registry/none?rev=1-x")
        names.append(client.headers["X-Couch-Request-ID"])
    await app.stop()
    found = lines(access)
    assert [line["request"] for line in found] == names
    routes = ["/-/packages", "/_all_dbs", "/{name}/{version}/{path}", "/{db}/_all_docs", "/{db}/{docid}"]
    assert [line["route"] for line in found] == routes
    assert [line["door"] for line in found] == ["registry", "couch", "registry", "couch", "couch"]
    assert [line["status"] for line in found] == [200, 200, 404, 200, 404]
    assert all(line["user"] == "admin" and line["bytes"] > 100 for line in found)
    assert found[0]["path"] == "/-/packages"
    assert any(line["seconds"] * 1000 % 1 for line in found)  # not in whole milliseconds


async def test_what_is_no_request_has_a_line_too(server: ServerFactory, access: Path) -> None:
    app = await server(access_log="short", access_log_file=access)
    request = urllib.request.Request(app.registry_url, headers={"X-Long": "x" * 20_000})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        await asyncio.to_thread(urllib.request.urlopen, request)
    await app.stop()
    [line] = access.read_text().splitlines()
    assert line.split()[-3] == "400"


def test_a_signal_opens_the_files_anew(tmp_path: Path, access: Path, audit: Path) -> None:
    flags = ["--access-log", "short", "--access-log-file", str(access), "--audit-log-file", str(audit)]
    with running(tmp_path / "data", *flags) as server:
        for count in (1, 2):
            urllib.request.urlopen(server.registry_url).close()
            while not access.exists() or len(access.read_text().splitlines()) != 1:
                time.sleep(0.01)
            if count == 1:
                access.rename(tmp_path / "access.1")
                server.process.send_signal(signal.SIGHUP)
                while not access.exists():
                    time.sleep(0.01)
    assert (tmp_path / "access.1").read_text() != access.read_text()


async def test_a_file_that_cannot_be_written_stops_the_start(server: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "audit.log").mkdir()
    with pytest.raises(Exception, match=r"audit\.log cannot be written: Is a directory\."):
        await server(audit_log_file=tmp_path / "audit.log")
