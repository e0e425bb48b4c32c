"""The files of the embedded engine: what a crash leaves, what a deletion removes, what `check` sees."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Failure
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
