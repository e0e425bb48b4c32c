"""Equal bytes lie once on the disk, whatever versions and packages have them; each file stands for itself."""

import asyncio
import base64
import json
import os
from pathlib import Path

import aiohttp
import pytest

from couchreg.app import App
from couchreg.docstore.maintenance.audit import Audit
from tests.conftest import ADMIN

LOGIN = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
DATA = b"id,word\n1,one\n" + b"2,two\n" * 1000
pytestmark = pytest.mark.directory_only


async def publish(app: App, name: str, version: str, files: dict[str, bytes]) -> None:
    resources = [{"name": f"r{number}", "path": path} for number, path in enumerate(files)]
    form = aiohttp.FormData()
    form.add_field(
        "datapackage.json", json.dumps({"name": name, "resources": resources}).encode(), filename="d"
    )
    for path, data in files.items():
        form.add_field(path, data, filename=path)
    async with (
        aiohttp.ClientSession(headers=LOGIN) as session,
        session.put(f"{app.registry_url}/{name}/{version}", data=form) as response,
    ):
        assert response.status == 201, await response.text()
    await app.followers["contents"].caught_up(await app.registry.database.update_seq())


async def ask(app: App, method: str, path: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(headers=LOGIN) as session,
        session.request(method, app.registry_url + path) as response,
    ):
        return response.status, await response.read()


def place(app: App, path: str) -> Path:
    return app.settings.data_dir / "datastore" / path


def inode(app: App, path: str) -> int:
    return os.stat(place(app, path)).st_ino


async def sound(app: App) -> None:
    found = await Audit(app.store, app.attachments, "registry").check(deep=True)
    assert (found.missing, found.different) == ([], [])


async def test_versions_and_packages_share_what_is_equal(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA, "data/other.csv": b"id\n1\n"})
    await publish(app, "gdp", "2", {"data/t.csv": DATA, "data/other.csv": b"id\n2\n"})
    await publish(app, "bees", "1", {"elsewhere.csv": DATA, "twice.csv": DATA})
    same = {inode(app, path) for path in ("gdp/1/data/t.csv", "gdp/2/data/t.csv", "bees/1/elsewhere.csv")}
    assert same == {inode(app, "bees/1/twice.csv")}
    assert inode(app, "gdp/1/data/other.csv") != inode(app, "gdp/2/data/other.csv")
    await sound(app)


async def test_a_version_that_goes_hurts_no_other(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA})
    await publish(app, "gdp", "2", {"data/t.csv": DATA})
    assert (await ask(app, "DELETE", "/gdp/1"))[0] == 200
    assert not place(app, "gdp/1").exists()
    assert await ask(app, "GET", "/gdp/2/data/t.csv") == (200, DATA)
    await publish(app, "gdp", "3", {"data/t.csv": DATA})
    assert inode(app, "gdp/3/data/t.csv") == inode(app, "gdp/2/data/t.csv")
    await app.sweeper.sweep()
    await Audit(app.store, app.attachments, "registry").gc(0)
    assert await ask(app, "GET", "/gdp/3/data/t.csv") == (200, DATA)
    await sound(app)


async def test_what_is_remembered_of_bytes_that_are_gone_is_not_believed(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA})
    await publish(app, "gdp", "2", {"data/t.csv": b"id\n9\n"})
    assert (await ask(app, "DELETE", "/gdp/1"))[0] == 200
    await publish(app, "bees", "1", {"data/t.csv": DATA})
    assert await ask(app, "GET", "/bees/1/data/t.csv") == (200, DATA)
    await sound(app)


async def test_a_file_that_was_lost_is_stored_again(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA})
    place(app, "gdp/1/data/t.csv").unlink()
    await publish(app, "gdp", "2", {"data/t.csv": DATA})
    assert await ask(app, "GET", "/gdp/2/data/t.csv") == (200, DATA)


async def test_what_arrives_by_replication_is_linked_too(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA})
    file = {"content_type": "text/csv", "data": base64.b64encode(DATA).decode(), "revpos": 1}
    doc = {
        "_id": "gdp@2",
        "_rev": "1-" + "a" * 32,
        "_attachments": {"data/t.csv": file},
        "name": "gdp",
        "resources": [{"name": "t", "path": "data/t.csv"}],
    }
    async with (
        aiohttp.ClientSession(headers=LOGIN) as session,
        session.post(
            f"{app.couch_url}/registry/_bulk_docs", json={"docs": [doc], "new_edits": False}
        ) as response,
    ):
        assert response.status == 201, await response.text()
    assert inode(app, "gdp/2/data/t.csv") == inode(app, "gdp/1/data/t.csv")
    assert await ask(app, "GET", "/gdp/2/data/t.csv") == (200, DATA)


async def test_many_at_once_share_with_the_first(app: App) -> None:
    await publish(app, "gdp", "1", {"data/t.csv": DATA})
    await asyncio.gather(*[publish(app, f"p{number}", "1", {"t.csv": DATA}) for number in range(6)])
    assert {inode(app, f"p{number}/1/t.csv") for number in range(6)} == {inode(app, "gdp/1/data/t.csv")}
