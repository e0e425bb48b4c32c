"""Bytes of a database file that are not what was written: foreseen, whatever they are read as."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.docstore.base import BEGINNING, Database, Edit, Range
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import LostDocument, NotFound, StorageFailure
from couchreg.model.user import SYSTEM

TRIALS = 40
IDS = [f"d{number}" for number in range(120)]


async def write(db: Database, edits: list[Edit], *, new_edits: bool = True) -> None:
    await db.update(edits, new_edits=new_edits, user=SYSTEM)


@pytest.fixture
async def sound(tmp_path: Path) -> bytes:
    """The file of a database with edits, deletions and conflicts."""
    store = SqliteStore(tmp_path)
    db = await store.create("x")
    await write(db, [Edit(doc_id, None, False, {"n": doc_id * (len(doc_id) * 4)}) for doc_id in IDS])
    for number, doc_id in enumerate(IDS[:20]):
        rev = (await db.revision(doc_id)).rev
        await write(db, [Edit(doc_id, rev, number % 5 == 0, {"n": -number})])
    conflicts = [Edit(doc_id, "1-" + "a" * 32, False, {"c": 1}, (), ("a" * 32,)) for doc_id in IDS[::3]]
    await write(db, conflicts, new_edits=False)
    await store.close()
    return file_of(tmp_path).read_bytes()


def file_of(data: Path) -> Path:
    [file] = (data / "databases").glob("x@*.db")
    return file


async def every_use(db: Database) -> AsyncIterator[object]:
    yield await db.info()
    async for stretch in db.changes(BEGINNING, bodies=True, all_leafs=True):
        yield len(stretch.results)
    async for rows in db.all_docs(Range(), bodies=True):
        yield [row.body for row in rows]
    opened = await db.open_revs([(doc_id, None) for doc_id in IDS], histories=True)
    yield [one.revision.body for row in opened for one in row if one.revision is not None]
    yield await db.missing_revs({doc_id: ["1-" + "b" * 32] for doc_id in IDS})
    for doc_id in IDS[::10]:
        await db.tree(doc_id)
        try:
            rev = (await db.revision(doc_id)).rev
        except NotFound:
            continue
        await write(db, [Edit(doc_id, rev, False, {"z": 1})])


async def test_flipped_bits_are_foreseen(sound: bytes, tmp_path: Path) -> None:
    """Nothing but what a door can answer comes out of any of them."""
    found = 0
    for seed in range(TRIALS):
        chance, data = random.Random(seed), bytearray(sound)
        for _ in range(chance.choice((1, 3, 50))):
            data[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
        file_of(tmp_path).write_bytes(data)
        for beside in (tmp_path / "databases").glob("x@*.db-*"):
            beside.unlink()
        store = SqliteStore(tmp_path)
        try:
            async for _ in every_use(await store.open("x")):
                pass
        except (StorageFailure, LostDocument):
            found += 1
        finally:
            await store.close()
    assert found > TRIALS // 10
