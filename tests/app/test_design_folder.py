"""Design documents that a server keeps from a folder, and those that come along."""

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from couchreg.app import App, build, designs
from couchreg.auth.users.design import auth_design
from couchreg.config import CannotStart
from couchreg.designdocs import folders
from couchreg.designdocs.loading import DesignFolder
from couchreg.errors import NotFound

MAP = "function (doc) { emit(doc.n, null); }\n"


def put(folder: Path, source: str = MAP) -> None:
    (folder / "views/v").mkdir(parents=True, exist_ok=True)
    (folder / "views/v/map.js").write_text(source)
    (folder / "_attachments").mkdir(exist_ok=True)
    (folder / "_attachments/index.html").write_text("<p>" * 500)


def kept(app: App, folder: Path) -> DesignFolder:
    return DesignFolder(folder, app.store, app.attachments, app.views, left=designs.LEFT)


async def stored(app: App, database: str = "registry", name: str = "d") -> Any:
    return await (await app.store.open(database)).revision(f"_design/{name}")


async def test_a_folder_is_loaded_and_loaded_again_when_it_changes(app: App, tmp_path: Path) -> None:
    put(tmp_path / "registry/d")
    put(tmp_path / "later/d")
    loader = kept(app, tmp_path)
    await loader.look()
    first = await stored(app)
    assert first.body["views"]["v"]["map"] == MAP.strip()
    assert [record.name for record in first.attachments] == ["index.html"]
    await loader.look()
    await kept(app, tmp_path).look()
    assert (await stored(app)).rev == first.rev
    await app.store.create("later")
    await loader.look()
    assert (await stored(app, "later")).body == first.body
    put(tmp_path / "registry/d", "function (doc) { emit(doc.m, null); }")
    await loader.look()
    second = await stored(app)
    assert second.rev.startswith("2-")
    index, _ = await app.views.index(await app.store.open("registry"), second)
    assert await index.seq() != "0"  # it was built before anybody asked


async def test_what_is_broken_is_told_and_the_old_one_stays(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "registry/d")
    loader = kept(app, tmp_path)
    await loader.look()
    first = await stored(app)
    put(tmp_path / "registry/d", "no function")
    put(tmp_path / "registry/e")
    (tmp_path / "registry/f").mkdir()
    (tmp_path / "registry/f/a.json").write_text("{")
    with caplog.at_level(logging.ERROR):
        await loader.look()
    assert "_design/d of registry is not loaded" in caplog.text
    assert "a.json is not JSON" in caplog.text
    assert (await stored(app)).rev == first.rev
    assert await stored(app, name="e")


async def test_the_rules_of_users_are_left_to_who_keeps_them(app: App, tmp_path: Path) -> None:
    shutil.copytree(designs.SHIPPED, tmp_path / "all")
    (tmp_path / "all/_users/_auth/language").write_text("other")
    before = (await stored(app, "_users", "_auth")).rev
    await kept(app, tmp_path / "all").look()
    assert (await stored(app, "_users", "_auth")).rev == before
    assert (await stored(app, name="registry")).body["views"]["by_keyword"]


async def test_a_server_keeps_what_its_setting_says(app: App, tmp_path: Path) -> None:
    settings = replace(app.settings, data_dir=tmp_path / "another", design_docs=str(tmp_path / "none"))
    with pytest.raises(CannotStart, match="--design-docs"):
        await build(settings).start()
    shipped = build(replace(settings, design_docs="shipped"))
    await shipped.start()
    try:
        async with asyncio.timeout(30):
            while not await is_there(shipped):
                await asyncio.sleep(0.05)
    finally:
        await shipped.stop()


async def is_there(app: App) -> bool:
    try:
        return bool(await stored(app, name="registry"))
    except NotFound:
        return False


def test_rules_are_held_where_the_server_holds_them() -> None:
    config: dict[str, dict[str, str]] = {}
    held = designs.holds(lambda: config)
    users = auth_design()["validate_doc_update"]
    packages = folders.read(designs.SHIPPED / "registry/registry").members["validate_doc_update"]
    assert held("_users", users)
    assert held("registry", packages)
    assert not held("registry", users)
    assert not held("mirror", packages)
    assert not held("registry", packages + " ")
    config["chttpd_auth"] = {"authentication_db": "people"}
    assert held("people", users)
    assert not held("_users", users)
