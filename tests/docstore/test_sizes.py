"""How much a database takes: its documents and their attachments, and what compaction gives back."""

from pathlib import Path

import apsw
import msgspec

from couchreg.docstore.base import Attachment, Database, Edit, Stub
from couchreg.model.user import SYSTEM
from tests.docstore.conftest import OpenStore
from tests.docstore.writing import attachment, edit, put, put_one

BIG = 100_000


def big(name: str, key: str) -> Attachment:
    return msgspec.structs.replace(attachment(name, key=key), length=2 * BIG, stored_length=BIG)


async def test_a_new_database_takes_a_file_and_holds_nothing(db: Database) -> None:
    info = await db.info()
    assert (info.size_active, info.size_external) == (0, 0)
    assert info.size_file > 0


async def test_attachments_count_as_they_are_stored(db: Database) -> None:
    empty = await db.info()
    await put_one(db, Edit("a", None, False, {"n": 1}, (big("x", "k1"), big("same", "k1"))))
    await put_one(db, Edit("b", None, False, {"n": 2}, (big("y", "k2"),)))
    info = await db.info()
    assert 2 * BIG < info.size_external < 2 * BIG + 100
    assert info.size_external <= info.size_active < info.size_file
    assert info.size_file - empty.size_file >= 2 * BIG


async def test_a_blob_of_several_documents_lies_on_disk_once(db: Database) -> None:
    empty = await db.info()
    for number in range(10):
        await put_one(db, Edit(f"d{number}", None, False, {}, (big("x", "k"),)))
    info = await db.info()
    assert info.size_external >= 10 * BIG
    assert info.size_file - empty.size_file < 5 * BIG  # with the log of the writes
    assert info.size_active <= info.size_file


async def test_compaction_gives_back_what_no_leaf_has(db: Database) -> None:
    first = await put_one(db, Edit("gone", None, False, {}, (big("x", "k1"),)))
    second = await put_one(db, Edit("kept", None, False, {}, (big("y", "k2"),)))
    await put_one(db, Edit("kept", second, False, {"again": True}, (Stub("y"),)))
    before = await db.info()
    await put_one(db, Edit("gone", first, True, {}))
    deleted = await db.info()
    assert deleted.size_external < before.size_external - BIG + 100
    assert deleted.size_active < before.size_active - BIG + 5000
    assert deleted.size_file >= before.size_file
    await db.compact()
    after = await db.info()
    assert after.size_file <= deleted.size_file - BIG
    assert BIG < after.size_external <= after.size_active < after.size_file


async def test_purged_documents_take_no_space(db: Database) -> None:
    rev = await put_one(db, Edit("a", None, False, {"n": 1}, (big("x", "k1"),)))
    await db.purge({"a": [rev]})
    assert (await db.info()).size_external == 0
    await put_one(db, Edit("a", None, False, {"n": 1}, (big("x", "k1"),)))
    assert (await db.info()).size_external > BIG


async def test_conflicts_share_what_they_share(db: Database) -> None:
    for rev in ("1-a", "1-b"):
        edits = [Edit("a", rev, False, {"at": rev}, (big("x", "k1"),), (rev[2:],))]
        await db.update(edits, new_edits=False, user=SYSTEM)
    assert BIG < (await db.info()).size_external < BIG + 100


async def test_a_database_of_an_older_server_goes_on(open_store: OpenStore, tmp_path: Path) -> None:
    """It has counted no attachments: its figures are too small until its documents are written again."""
    store = open_store()
    db = await store.create("old")
    rev = await put_one(db, Edit("a", None, False, {"n": 1}, (big("x", "k1"),)))
    await store.close()
    conn = apsw.Connection(str(next((tmp_path / "databases").glob("old@*"))))
    conn.execute("DELETE FROM settings WHERE name = 'blob_bytes'")
    conn.execute("UPDATE docs SET size = 5; UPDATE meta SET live = 5")
    conn.close()
    db = await open_store().open("old")
    assert await db.check() == []
    assert (await db.info()).size_external == 5
    await put(db, edit("b", n=1))
    await put_one(db, Edit("a", rev, False, {"n": 2}, (Stub("x"),)))
    info = await db.info()
    assert info.size_external > BIG
    assert info.size_active <= info.size_file
    assert await db.check() == []
