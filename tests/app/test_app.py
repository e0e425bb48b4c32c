"""A whole server: what it needs to start, what it has then, how it ends."""

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.config import CannotStart
from couchreg.datadir import DataDir
from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM
from tests.conftest import ADMIN, ServerFactory


def login(name: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(name, password)}


LOGIN = login(*ADMIN)


async def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def test_both_doors_answer(app: App) -> None:
    assert (await get(f"{app.couch_url}/"))[1]["couchdb"] == "Welcome"
    assert (await get(f"{app.registry_url}/"))[1]["couchreg"] == "Welcome"
    assert (await get(f"{app.registry_url}/_couch/"))[1]["couchdb"] == "Welcome"


async def test_the_databases_of_a_new_server(app: App) -> None:
    names = ["_global_changes", "_replicator", "_users", "registry"]
    assert await get(f"{app.couch_url}/_all_dbs", LOGIN) == (200, names)
    assert (await get(f"{app.couch_url}/_db_updates", LOGIN))[0] == 200
    for name in names[:3]:
        assert (await get(f"{app.couch_url}/{name}"))[0] == 401


async def test_a_database_for_updates_that_was_deleted_stays_so(server: ServerFactory) -> None:
    app = await server()
    for name in ("_global_changes", "_replicator"):
        await app.store.delete(name)
    await app.stop()
    app = await server()
    assert await app.store.names() == ["_replicator", "_users", "registry"]
    assert (await get(f"{app.couch_url}/_db_updates", LOGIN))[0] == 404


async def test_everyone_reads_the_registry_and_only_admins_the_users(app: App) -> None:
    assert (await get(f"{app.couch_url}/registry"))[0] == 200
    assert (await get(f"{app.couch_url}/registry/_changes"))[0] == 200
    assert (await get(f"{app.couch_url}/_users"))[0] == 401
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{app.couch_url}/registry/gdp@1", json={}) as answer:
            assert answer.status == 401
        async with session.put(f"{app.couch_url}/registry/gdp@1", json={}, headers=LOGIN) as answer:
            assert answer.status == 201


async def test_a_wrong_password_is_refused_everywhere(app: App) -> None:
    wrong = login("admin", "wrong")
    for url in (f"{app.couch_url}/", f"{app.registry_url}/", f"{app.registry_url}/_couch/registry"):
        status, body = await get(url, wrong)
        assert (status, body["reason"]) == (401, "Name or password is incorrect.")


async def test_a_restart_keeps_documents_settings_and_admins(server: ServerFactory) -> None:
    app = await server()
    registry = await app.store.open("registry")
    await registry.update([Edit("gdp@1", None, False, {"title": "GDP"})], new_edits=True, user=SYSTEM)
    await registry.set_setting("security", {"members": {"names": ["bob"]}})
    hashed = dict(app.store.config()["admins"])
    await app.stop()
    app = await server()
    assert (await get(f"{app.couch_url}/registry/gdp@1", LOGIN))[1]["title"] == "GDP"
    assert (await get(f"{app.couch_url}/registry"))[0] == 401
    assert app.store.config()["admins"] == hashed


async def test_the_first_admin_is_made_once_and_only_its_hash_is_kept(server: ServerFactory) -> None:
    app = await server(admin=None)
    assert app.new_admin is not None
    name, password = app.new_admin
    assert (await get(f"{app.couch_url}/_all_dbs", login(name, password)))[0] == 200
    data = app.settings.data_dir
    await app.stop()
    assert password.encode() not in b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    app = await server(admin=None)
    assert app.new_admin is None
    assert (await get(f"{app.couch_url}/_all_dbs", login(name, password)))[0] == 200


async def test_the_password_of_the_admin_can_be_changed_by_a_restart(server: ServerFactory) -> None:
    await (await server()).stop()
    app = await server(admin="admin:other")
    assert (await get(f"{app.couch_url}/_all_dbs", LOGIN))[0] == 401
    assert (await get(f"{app.couch_url}/_all_dbs", login("admin", "other")))[0] == 200


async def test_a_data_directory_belongs_to_one_server_at_a_time(server: ServerFactory) -> None:
    app = await server()
    with pytest.raises(CannotStart, match=r"in use by another couchreg server\.$"):
        await server()
    await app.stop()
    await server()


def test_a_lock_that_is_about_to_go_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was killed while it started a process is there for a moment more."""
    first = DataDir(tmp_path / "data")
    monkeypatch.setattr(time, "sleep", lambda seconds: first.close())
    DataDir(tmp_path / "data").close()


@pytest.mark.parametrize(("setting", "flag"), [("port", "--port"), ("couch_port", "--couch-port")])
async def test_a_port_that_is_taken_stops_the_start(server: ServerFactory, setting: str, flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotStart) as caught:
            await server(**{setting: taken.getsockname()[1]})
        assert f"Port {taken.getsockname()[1]}" in caught.value.reason
        assert flag in caught.value.reason
    await server()  # nothing of the failed start is left


async def test_a_data_directory_that_cannot_be_written_stops_the_start(
    server: ServerFactory, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"cannot be used"):
        await server(data_dir=tmp_path / "file" / "data")


async def test_an_address_that_is_not_there_stops_the_start(server: ServerFactory) -> None:
    with pytest.raises(CannotStart, match=r"203\.0\.113\.1"):
        await server(host="203.0.113.1")


async def test_the_end_does_not_wait_for_open_feeds(app: App) -> None:
    url = f"{app.couch_url}/registry/_changes?feed=continuous&heartbeat=60000"
    async with aiohttp.ClientSession() as session, session.get(url) as feed:
        assert feed.status == 200
        async with asyncio.timeout(20):
            await app.stop()


@pytest.mark.directory_only
async def test_what_is_written_is_searchable_and_in_the_datastore(app: App) -> None:
    body = {"name": "gdp", "title": "Gross domestic product", "resources": []}
    registry = await app.store.open("registry")
    await registry.update([Edit("gdp@1", None, False, body)], new_edits=True, user=SYSTEM)
    for loop in app.followers.values():
        await loop.caught_up(await registry.update_seq())
    status, found = await get(f'{app.registry_url}/search?keys=["domestic"]')
    assert (status, [hit["name"] for hit in found["hits"]]) == (200, ["gdp"])
    assert (app.settings.data_dir / "datastore/gdp/1/datapackage.json").is_file()


@pytest.mark.directory_only
async def test_bytes_that_nothing_refers_to_are_swept_at_the_start(server: ServerFactory) -> None:
    app = await server()
    data = app.settings.data_dir
    await app.stop()
    orphan, kept = data / "datastore/_blobs/ab/ab12", data / "datastore/gdp/1/datapackage.json"
    for path in (orphan, kept, data / "spool/left"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for path in (orphan, kept):  # by a life that ended a moment ago
        os.utime(path, (time.time() - 3, time.time() - 3))
    app = await server()
    await app.sweeper.sweep()
    async with asyncio.timeout(60):
        while orphan.exists():  # the sweep of the start may have it in hand
            await asyncio.sleep(0.01)
    assert (kept.exists(), list((data / "spool").iterdir())) == (True, [])
