"""The files of the embedded engine: what a crash leaves, what a deletion removes, what `check` sees."""

import asyncio
import os
import shutil
from pathlib import Path

import apsw
import pytest

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.maintenance.audit import Audit
from couchreg.docstore.maintenance.sweeper import referred
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Failure, NotFound
from tests.docstore.attachments.arriving import received
from tests.docstore.writing import edit, ids, put_one


async def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.close()
    left = tmp_path / "databases"
    for name in (".new-01234567.db", ".gone-01234567.db", "y@01234567.db-wal", "y@01234567.db-shm"):
        (left / name).write_bytes(b"half")
    again = SqliteStore(tmp_path)
    assert await again.names() == ["x"]
    assert [path.name[:2] for path in left.iterdir()] == ["x@"]
    assert await ids(await again.open("x")) == ["a"]
    await again.close()


async def test_a_deletion_leaves_no_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.delete("x")
    assert list((tmp_path / "databases").iterdir()) == []
    await store.close()


async def test_more_databases_than_may_be_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, most_open=3)
    made = [await store.create(f"d{n}") for n in range(12)]
    for n in range(3):
        await asyncio.gather(*[put_one(db, edit(f"a{n}", v=n)) for db in made])
        assert [len(await ids(db)) for db in made] == [n + 1] * 12
        handles = [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]
        assert len({path for path in handles if path.startswith(str(tmp_path / "databases"))}) <= 3 * 3
    assert [await db.check() for db in made] == [[]] * 12
    await store.close()


async def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    foreign = apsw.Connection(str(tmp_path / "databases" / "x@01234567.db"))
    foreign.execute("CREATE TABLE t (a)")
    foreign.close()
    store = SqliteStore(tmp_path)
    with pytest.raises(Failure, match="not a couchreg database"):
        await store.open("x")
    await store.close()


async def test_check_sees_what_is_broken(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    db = await store.create("x")
    first = await put_one(db, edit("a", v=1))
    await put_one(db, edit("a", first, v=2))
    assert await db.check() == []
    [path] = (tmp_path / "databases").glob("*.db")
    conn = apsw.Connection(str(path))
    conn.execute("UPDATE docs SET rev = '9-x', size = 6")
    conn.execute("DELETE FROM bodies WHERE num = 1")
    conn.execute("INSERT INTO bodies VALUES (77, x'00', NULL)")
    conn.execute("UPDATE meta SET doc_count = 7")
    conn.close()
    found = "\n".join(await db.check())
    broken = ["9-x as the winner", "no body 1", "Body 77 belongs", "doc_count is 7", "last_body", "size"]
    assert [words for words in broken if words not in found] == []
    await store.close()


def rows(data: Path, text: str) -> None:
    conn = apsw.Connection(str(data / "server.sqlite"))
    conn.execute(text)
    conn.close()


async def test_a_start_finishes_a_creation_that_was_cut_off(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    file.rename(file.with_name(f".new-{file.name.rpartition('@')[2]}"))
    again = SqliteStore(tmp_path)
    assert await ids(await again.open("x")) == ["a"]
    await again.close()


async def test_a_start_finishes_a_deletion_that_was_cut_off(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.close()
    rows(tmp_path, "UPDATE databases SET gone = 1")
    again = SqliteStore(tmp_path)
    assert await again.names() == []
    assert list((tmp_path / "databases").iterdir()) == []
    await again.create("x")
    await again.close()


async def test_a_file_that_somebody_put_there_is_taken_in_unless_its_name_is_taken(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("mine"))
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    for name in ("x@01234567.db", "y@89abcdef.db"):
        shutil.copy(file, file.with_name(name))
    for start in range(2):
        again = SqliteStore(tmp_path)
        assert await again.names() == ["x", "y"]
        assert (tmp_path / "databases/x@01234567.db").exists()
        await put_one(await again.open("x"), edit(f"more{start}"))
        assert await ids(await again.open("y")) == ["mine"]
        await again.close()


async def test_nothing_that_an_unreadable_database_may_need_is_removed(
    tmp_path: Path, attachments: Attachments
) -> None:
    store = SqliteStore(tmp_path)
    for name in ("bad", "registry"):
        await put_one(await store.create(name), edit("a"))
    await store.close()
    [file] = (tmp_path / "databases").glob("bad@*.db")
    whole = file.read_bytes()
    file.write_bytes(b"damaged " * 1000)
    await received(attachments, "image/png", b"orphan")
    again = SqliteStore(tmp_path)
    audit = Audit(again, attachments, "registry")
    assert await referred(again, ["k"]) == {"k"}
    found = await audit.check()
    assert (found.unreadable, found.orphans, found.sound) == (["bad"], [], False)
    assert await audit.gc(0) == 0
    file.write_bytes(whole)
    assert (await audit.check()).unreadable == []
    assert await audit.gc(0) == 1
    await again.close()


async def test_a_database_whose_file_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    file.rename(tmp_path / "kept")
    again = SqliteStore(tmp_path)
    assert await again.names() == []
    assert await ids(await again.create("x")) == []
    await again.close()
    shutil.move(tmp_path / "kept", file)
    last = SqliteStore(tmp_path)
    assert await ids(await last.open("x")) == []
    await last.close()


async def test_a_database_whose_file_was_moved_away_keeps_its_blobs_until_it_is_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await put_one(await store.create("x"), edit("a"))
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    file.rename(tmp_path / "kept")
    for _ in range(2):  # a second start still knows
        again = SqliteStore(tmp_path)
        assert await again.missing() == [str(file)]
        assert await referred(again, ["_blobs/aa/aaaa"]) == {"_blobs/aa/aaaa"}
        with pytest.raises(NotFound):
            await again.open("x")
        await again.close()
    (tmp_path / "kept").rename(file)
    last = SqliteStore(tmp_path)
    assert (await last.missing(), await ids(await last.open("x"))) == ([], ["a"])
    assert await referred(last, ["_blobs/aa/aaaa"]) == set()
    await last.close()


@pytest.mark.parametrize("deleted", [True, False])
async def test_whoever_makes_or_deletes_a_database_forgets_the_file(tmp_path: Path, deleted: bool) -> None:
    store = SqliteStore(tmp_path)
    await store.create("x")
    await store.close()
    [file] = (tmp_path / "databases").glob("x@*.db")
    file.unlink()
    again = SqliteStore(tmp_path)
    await (again.delete("x") if deleted else again.create("x"))
    assert await again.missing() == []
    await again.close()
    last = SqliteStore(tmp_path)
    assert (await last.missing(), await last.names()) == ([], [] if deleted else ["x"])
    await last.close()
