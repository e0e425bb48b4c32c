"""Health and figures of a whole server, and a warning before its disk is full."""

import json
import logging
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.app.disks import Disks
from couchreg.app.overview import overview
from couchreg.errors import StorageFailure, Unavailable
from tests.app.people import Client
from tests.conftest import ServerFactory

DASHBOARD = Path(__file__).parents[2] / "couchreg" / "app" / "monitoring.json"
BOB = ("bob", "a long enough one")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as found:
        yield found


async def metrics(app: App, session: aiohttp.ClientSession, who: tuple[str, str]) -> tuple[int, str]:
    headers = {"Authorization": aiohttp.encode_basic_auth(*who)}
    async with session.get(f"{app.registry_url}/-/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_server_that_works_is_ready(app: App, session: aiohttp.ClientSession) -> None:
    ask = Client(session, app.registry_url)
    assert await ask("GET", "/-/health", who=None) == (200, {"status": "ok"})
    status, found = await ask("GET", "/-/health/ready")
    names = ["documents", "bytes", "followers", "disk", "maintenance"]
    assert (status, [part["name"] for part in found["parts"]]) == (200, names)
    assert {part["reason"] for part in found["parts"] if part["status"] == "ok"} == {None}


async def test_everybody_learns_that_it_ails_and_operators_why(
    server: ServerFactory, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await server(disk_warning=1 << 30)
    ask = Client(session, app.registry_url)

    async def broken(key: str) -> Any:
        raise StorageFailure("The disk is away.")

    monkeypatch.setattr(app.attachments.blobs, "info", broken)
    status, found = await ask("GET", "/-/health/ready", who=None)
    assert status == 503
    told = {part["name"]: part["status"] for part in found["parts"]}
    assert (told["documents"], told["bytes"], told["disk"]) == ("ok", "failing", "warning")
    assert str(app.settings.data_dir) not in json.dumps(found)
    _, found = await ask("GET", "/-/health/ready")
    reasons = {part["name"]: part["reason"] for part in found["parts"]}
    assert "away" in reasons["bytes"]
    assert re.search(rf"{app.settings.data_dir} has \d+ MiB left", reasons["disk"])


async def test_a_server_that_may_write_nothing_is_not_ready(
    app: App, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check() -> None:
        raise Unavailable("Another couchreg has taken over.")

    monkeypatch.setattr(app.processes, "check", check, raising=False)
    status, found = await Client(session, app.registry_url)("GET", "/-/health/ready")
    told = {part["name"]: part["reason"] for part in found["parts"]}
    assert (status, told["documents"]) == (503, "Another couchreg has taken over.")


async def test_a_server_in_maintenance_is_not_ready_also_where_a_login_is_needed(
    app: App, session: aiohttp.ClientSession
) -> None:
    ask = Client(session, app.couch_url)
    for key, value in (("chttpd/require_valid_user", "true"), ("couchdb/maintenance_mode", "true")):
        assert (await ask("PUT", f"/_node/_local/_config/{key}", value))[0] == 200
    ask.base = app.registry_url
    assert (await ask("GET", "/", who=None))[0] == 401
    assert (await ask("GET", "/-/health", who=None))[0] == 200
    assert (await ask("GET", "/-/health/ready", who=None))[0] == 503


async def test_figures_are_of_both_doors_and_for_operators(app: App, session: aiohttp.ClientSession) -> None:
    ask = Client(session, app.couch_url)
    doc = {"name": "bob", "type": "user", "roles": ["metrics"], "password": BOB[1]}
    await ask("PUT", "/private-name", None)
    await ask("GET", "/private-name/doc")
    ask.base = app.registry_url
    await ask("GET", "/private-name")
    await ask("GET", "/_couch/_all_dbs")
    assert (await metrics(app, session, BOB))[0] == 401
    ask.base = app.couch_url
    assert (await ask("PUT", "/_users/org.couchdb.user:bob", {**doc, "roles": []}))[0] == 201
    status, told = await metrics(app, session, BOB)
    assert (status, "Log in" in told, "may not see figures" in told) == (401, False, True)
    _, now = await ask("GET", "/_users/org.couchdb.user:bob")
    assert (await ask("PUT", "/_users/org.couchdb.user:bob", {**now, "roles": doc["roles"]}))[0] == 201
    status, told = await metrics(app, session, BOB)
    assert status == 200
    for line in (
        'couchreg_requests_total{door="couch",route="/{db}/{docid}",method="GET",status="404"} 1',
        'couchreg_requests_total{door="couch",route="/_all_dbs",method="GET",status="200"} 1',
        'couchreg_requests_total{door="registry",route="/{name}",method="GET",status="404"} 1',
        'couchreg_request_seconds_count{door="registry",route="/{name}"} 1',
        'couchreg_follower_failing{follower="search"} 0.0',
    ):
        assert line in told
    assert "private-name" not in told
    assert told.endswith("# EOF\n")


async def test_the_dashboard_draws_what_there_is(app: App, session: aiohttp.ClientSession) -> None:
    _, told = await metrics(app, session, ("admin", "secret"))
    _, told = await metrics(app, session, ("admin", "secret"))  # with the first request counted
    there = set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    drawn = set(re.findall(r"\b(?:couchreg|process)_\w+", DASHBOARD.read_text("utf-8")))
    assert len(drawn) > 10
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in drawn} - there == set()


async def test_a_disk_warns_once_and_again_when_it_has_had_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    disks = Disks({"data": tmp_path, "gone": tmp_path / "gone"}, least=1 << 20)
    real = os.statvfs(tmp_path)
    for free in (0, 0, 1 << 30, 0):
        changed = os.statvfs_result((*real[:1], 1, *real[2:4], free, *real[5:]))

        def told(path: Path, changed: os.statvfs_result = changed) -> os.statvfs_result:
            return changed if path == tmp_path else missing()

        monkeypatch.setattr(os, "statvfs", told)
        await disks.look()
    left = f"{tmp_path} has 0 MiB left: make room, or move it to a larger disk."
    assert caplog.messages == [left, f"{tmp_path} has room again", left]
    assert set(disks.rooms) == {"data"}


def missing() -> os.statvfs_result:
    raise FileNotFoundError


async def test_an_administrator_sees_what_the_server_is_at(app: App, session: aiohttp.ClientSession) -> None:
    ask = Client(session, app.registry_url)
    assert (await ask("GET", "/-/health", who=None))[0] == 200
    found = await overview(app)
    assert [one.name for one in found.databases][:1]
    assert {"registry", "_users"} <= {one.name for one in found.databases}
    assert all(one.inside == 0 for one in found.queues)
    assert (found.replications, found.more_replications, found.more_databases) == ([], 0, 0)
    assert [one.target for one in found.long] == ["/-/health"]
