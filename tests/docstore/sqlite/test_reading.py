"""A second process's view of the databases, here of another store in the same one."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.docstore.base import Range
from couchreg.docstore.sqlite import SqliteStore
from couchreg.docstore.sqlite.reading import ReadStore
from couchreg.errors import NotFound, Unavailable
from tests.docstore import writing as written
from tests.docstore.writing import edit, put_one


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def reading(writing: SqliteStore, tmp_path: Path) -> AsyncIterator[ReadStore]:
    store = ReadStore(tmp_path)
    yield store
    await store.close()


async def put(store: SqliteStore, doc_id: str, rev: str | None = None) -> str:
    return await put_one(await store.open("db"), edit(doc_id, rev))


async def test_what_was_committed_is_known(writing: SqliteStore, reading: ReadStore) -> None:
    with pytest.raises(NotFound):
        await reading.open("db")
    database = await writing.create("db")
    reading.fresh()
    read = await reading.open("db")
    assert reading.uuid == writing.uuid
    assert await reading.names() == ["db"]
    rev = None
    for number in range(1, 6):
        rev = await put(writing, "a", rev)
        assert await read.update_seq() == await database.update_seq()
        assert (await read.revision("a")).rev == rev
        assert (await (await reading.open("db")).info()).update_seq.number == number
    assert await read.setting("security") is None
    await database.set_setting("security", {"members": {"names": ["anna"]}})
    assert await (await reading.open("db")).setting("security") == {"members": {"names": ["anna"]}}
    await database.compact()
    rows = [row.id async for part in read.all_docs(Range(), bodies=False) for row in part]
    assert rows == ["a"]
    notes = await reading.notes("db")
    await (await writing.notes("db")).write("about", {"x": 1})
    assert await notes.read("about") == {"x": 1}


async def test_databases_come_and_go(writing: SqliteStore, reading: ReadStore, tmp_path: Path) -> None:
    for _ in range(3):
        await writing.create("db")
        await put(writing, "a")
        reading.fresh()
        read = await reading.open("db")
        assert (await read.revision("a")).id == "a"
        await writing.delete("db")
        reading.fresh()
        with pytest.raises(NotFound):
            await reading.open("db")
        with pytest.raises(NotFound):
            await read.update_seq()
        open_files = [
            os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if _is_there(one)
        ]
        assert [name for name in open_files if str(tmp_path) in name and "(deleted)" in name] == []


def _is_there(handle: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{handle}")


async def test_the_configuration_is_as_it_is_stored(writing: SqliteStore, reading: ReadStore) -> None:
    assert reading.config() == await writing.read_config()
    await writing.set_config("chttpd", "require_valid_user", "true")
    reading.fresh()
    assert reading.config()["chttpd"]["require_valid_user"] == "true"
    await writing.set_config("chttpd", "require_valid_user", None)
    await reading.refresh_config()
    assert "chttpd" not in await reading.read_config()


async def test_nothing_is_written(writing: SqliteStore, reading: ReadStore, tmp_path: Path) -> None:
    await writing.create("db")
    await writing.create("_users")
    rev = await put(writing, "a")
    reading.fresh()
    read = await reading.open("db")
    seq = await read.update_seq()
    for change in (
        lambda: written.put(read, edit("a", rev)),
        lambda: read.update_local("_local/x", {}),
        lambda: read.set_setting("security", {}),
        lambda: read.purge({"a": [rev]}),
        lambda: read.compact(),
        lambda: reading.create("other"),
        lambda: reading.delete("db"),
        lambda: reading.set_config("a", "b", "c"),
        lambda: reading.open("_users"),  # whose documents are not everybody's
        lambda: read.wait(seq),
    ):
        with pytest.raises(Unavailable):
            await change()
    assert (await (await writing.open("db")).revision("a")).rev == rev
    log = next((tmp_path / "databases").glob("db@*.db-wal"))
    size = log.stat().st_size
    assert size
    (await writing.open("db"))._files.rest()  # the last that has it open is the reader
    await reading.close()
    assert log.stat().st_size == size
