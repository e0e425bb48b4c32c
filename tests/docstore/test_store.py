"""The databases of a server: their lives, what survives a restart, settings, events, care."""

import asyncio
from pathlib import Path

import apsw
import pytest

from couchreg.docstore.base import BEGINNING, Database, Seq, Store
from couchreg.docstore.sqlite import events
from couchreg.errors import FileExists, NotFound
from tests.docstore.conftest import OpenStore
from tests.docstore.writing import changes, edit, ids, put, put_one

NAMES = ["a/b", "a", "_users", "a$()+-_0/", "x" * 238, "a" + "/" * 237]


async def test_databases_of_any_name_survive_a_restart(open_store: OpenStore) -> None:
    store = open_store()
    for name in NAMES:
        await put_one(await store.create(name), edit("a", name=name))
    uuid = store.uuid
    await store.close()
    again = open_store()
    assert await again.names() == sorted(NAMES)
    assert again.uuid == uuid
    for name in NAMES:
        assert (await (await again.open(name)).update_seq()).number == 1
        assert name in (await (await again.open(name)).revision("a")).members.decode()


async def test_a_name_is_given_once(store: Store) -> None:
    results = await asyncio.gather(store.create("x"), store.create("x"), return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Exception)] == [FileExists]
    with pytest.raises(FileExists):
        await store.create("x")


async def test_a_deleted_database_is_gone_for_good(store: Store) -> None:
    db = await store.create("x")
    await put_one(db, edit("a", v=1))
    seq = await db.update_seq()
    await store.delete("x")
    for late in (db.revision("a"), db.info(), put_one(db, edit("b")), db.setting("security")):
        with pytest.raises(NotFound, match="Database does not exist"):
            await late
    with pytest.raises(NotFound):
        await store.open("x")
    with pytest.raises(NotFound):
        await store.delete("x")
    again = await store.create("x")
    assert (await again.update_seq()).incarnation != seq.incarnation
    assert await ids(again) == []


async def test_a_listing_under_way_hears_of_the_deletion(store: Store) -> None:
    db = await store.create("x")
    await put(db, *[edit(f"d{n}") for n in range(2500)])
    chunks = db.changes(BEGINNING)
    await anext(chunks)
    await store.delete("x")
    with pytest.raises(NotFound):
        await anext(chunks)


async def test_settings_survive_a_restart(open_store: OpenStore) -> None:
    store = open_store()
    db = await store.create("x")
    assert await db.setting("security") is None
    await db.set_setting("security", {"members": {"names": ["é"]}})
    await store.set_config("couchdb", "max_document_size", "100")
    await store.set_config("gone", "key", "value")
    await store.set_config("gone", "key", None)
    await store.close()
    again = open_store()
    assert await (await again.open("x")).setting("security") == {"members": {"names": ["é"]}}
    assert await again.read_config() == {"couchdb": {"max_document_size": "100"}}


async def happened(store: Store, since: Seq) -> list[tuple[str, str]]:
    return [(event.name, event.type) for event in (await store.events(since)).results]


async def test_events_tell_of_each_database_what_was_last_done_and_when(open_store: OpenStore) -> None:
    store = open_store()
    first, second = await store.create("a"), await store.create("b")
    seq = await store.parse_events_since("now")
    waiter = asyncio.create_task(store.wait_event(seq))
    await put_one(first, edit("a"))
    await waiter
    await put_one(second, edit("a"))
    await put_one(first, edit("b"))
    assert await happened(store, seq) == [("b", "updated"), ("a", "updated")]
    await store.delete("a")
    created = [("a", "created"), ("b", "created")]
    later = [("b", "updated"), ("a", "updated"), ("a", "deleted")]
    assert await happened(store, BEGINNING) == created + later
    await store.create("a")
    assert await happened(store, BEGINNING) == [("b", "created"), *later, ("a", "created")]
    last = await store.parse_events_since("now")
    await store.close()
    again = open_store()
    assert await again.parse_events_since("now") > last  # what happened while nobody listened is news
    assert ("b", "updated") in await happened(again, last)
    kept = [("b", "created"), ("a", "deleted"), ("a", "created")]
    assert [event for event in await happened(again, BEGINNING) if event[1] != "updated"] == kept
    assert (await again.events(BEGINNING)).last_seq == await again.parse_events_since("now")


async def test_events_of_an_older_server_are_taken_over(open_store: OpenStore, tmp_path: Path) -> None:
    await open_store().close()
    old = apsw.Connection(str(next(tmp_path.rglob("server.sqlite"))))
    old.execute("CREATE TABLE events (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, type TEXT NOT NULL)")
    old.execute("INSERT INTO events VALUES ('gone', 3, 'deleted'), ('new', 7, 'created')")
    old.close()
    for _ in range(2):
        store = open_store()
        assert await happened(store, BEGINNING) == [("gone", "deleted"), ("new", "created")]
        await store.close()


async def test_events_of_databases_long_gone_are_forgotten(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MOST_DELETED", 2)
    store = open_store()
    for name in ("a", "b", "c", "d"):
        await store.create(name)
    await store.delete("a")
    await store.create("a")
    for name in ("b", "c", "d"):
        await store.delete(name)
    kept = [("c", "created"), ("d", "created"), ("a", "created"), ("c", "deleted"), ("d", "deleted")]
    assert await happened(store, BEGINNING) == kept
    await store.close()
    store = open_store()
    assert await happened(store, BEGINNING) == [*kept, ("a", "updated")]
    await store.close()


async def test_compaction_drops_old_bodies_and_gives_space_back(db: Database) -> None:
    text = "x" * 20_000
    first = await put(db, *[edit(f"d{n}", text=text) for n in range(100)])
    await put(db, *[edit(f"d{n}", str(rev), v=2) for n, rev in enumerate(first)])
    before = await db.info()
    seen = await changes(db, bodies=True)
    writing = asyncio.create_task(put_one(db, edit("meanwhile", v=1)))
    await asyncio.gather(db.compact(), db.compact())
    await writing
    after = await db.info()
    assert after.size_file < before.size_file / 5
    assert before.size_active < before.size_file / 5
    assert after.size_external < 3000
    with pytest.raises(NotFound, match="missing"):
        await db.revision("d0", str(first[0]))
    assert [change for change in await changes(db, bodies=True) if change.id != "meanwhile"] == seen
    assert await db.missing_revs({"d0": [str(first[0])]}) == {}
