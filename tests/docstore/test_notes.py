"""Notes of the server beside a database: kept through restarts, gone with the database, no settings."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from couchreg.docstore.base import Database, Store
from couchreg.docstore.named import NamedNotes
from couchreg.docstore.notes import Notes
from couchreg.docstore.sqlite import SqliteStore, schema
from couchreg.docstore.sqlite.sql import query
from couchreg.errors import Conflict, NotFound
from tests.docstore.conftest import OpenStore
from tests.docstore.writing import changes


async def test_a_note_is_kept_through_a_restart_until_it_is_removed(open_store: OpenStore) -> None:
    store = open_store()
    await store.create("x")
    notes = await store.notes("x")
    assert await notes.read("tokens:é") is None
    await notes.write("tokens:é", [{"id": 1}])
    await notes.write("other", 0)
    await store.close()
    again = await open_store().notes("x")
    assert await again.read("tokens:é") == [{"id": 1}]
    assert await again.read("other") == 0
    await again.write("tokens:é", None)
    assert await again.read("tokens:é") is None
    assert await again.read("\udcff") is None


async def test_a_note_changes_nothing_that_clients_see(store: Store, db: Database) -> None:
    before = await db.update_seq()
    await (await store.notes("db")).write("mine", 1)
    assert (await db.update_seq(), await changes(db)) == (before, [])
    assert await db.setting(cast(Any, "mine")) is None


async def test_none_of_those_is_lost_that_change_a_note_at_once(store: Store) -> None:
    await store.create("x")
    notes, others = await store.notes("x"), await store.notes("x")
    assert await notes.change("tokens:anna", lambda old: None) is None

    async def add(place: Notes, number: int) -> None:
        await place.change("tokens:anna", lambda old: [*(old or ()), number])

    await asyncio.gather(*[add((notes, others)[number % 2], number) for number in range(6)])
    assert sorted(await notes.read("tokens:anna")) == list(range(6))
    assert await notes.names("tokens:") == ["tokens:anna"]

    def refuse(old: object) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await notes.change("tokens:anna", refuse)
    assert await notes.all("tokens:") == {"tokens:anna": await notes.read("tokens:anna")}
    state = await notes.state("tokens")
    assert await others.change("tokens:anna", lambda old: None) is None
    assert (await notes.state("tokens") != state) or state is None  # where nobody else writes
    assert await notes.read("tokens:anna") is None
    assert await notes.names("tokens:") == []
    assert await notes.all("tokens:") == {}


async def test_notes_and_settings_are_different_things(store: Store, db: Database) -> None:
    notes = await store.notes("db")
    for act in (notes.read("security"), notes.write("security", {})):
        with pytest.raises(ValueError, match="is a setting"):
            await act


async def test_notes_go_with_their_database(store: Store) -> None:
    await store.create("x")
    notes, named = await store.notes("x"), NamedNotes(store, "x")
    await notes.write("mine", 1)
    assert await named.read("mine") == 1
    await store.delete("x")
    for act in (notes.read("mine"), notes.write("mine", 2), named.read("mine"), store.notes("x")):
        with pytest.raises(NotFound, match="Database does not exist"):
            await act
    await store.create("x")
    assert await named.read("mine") is None
    await named.write("mine", 3)
    assert await (await store.notes("x")).read("mine") == 3


async def test_what_was_written_as_a_setting_before_is_read(tmp_path: Path) -> None:
    """Directories from before there were notes hold them among the settings, also cleared ones."""
    store = SqliteStore(tmp_path)
    await (await store.create("x")).set_setting("security", {"admins": {}})
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    conn = schema.connect(file)
    query(conn, "INSERT INTO settings VALUES ('tokens:anna', '[1]'), ('follower-datastore', 'null')")
    conn.close()
    again = SqliteStore(tmp_path)
    notes = await again.notes("x")
    assert [await notes.read(name) for name in ("tokens:anna", "follower-datastore")] == [[1], None]
    assert await (await again.open("x")).setting("security") == {"admins": {}}
    await again.close()
