"""The embedded engine under strain: failing disks, failing neighbours, many writers, a killed process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from couchreg.docstore.base import Stub
from couchreg.docstore.sqlite import SqliteStore, aio
from couchreg.docstore.sqlite.aio import SqliteWriter
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.database import SqliteDatabase
from couchreg.errors import Failure, MissingStub, StorageFailure
from tests.docstore.writing import changes, edit, ids, put, put_one

WRITE_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from couchreg.docstore.sqlite import SqliteStore
from tests.docstore.writing import edit, put_one

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    db = await store.create("db")
    async def write(writer):
        rev = None
        for n in range(100_000):
            name = f"{writer}-{n // 3}"
            rev = await put_one(db, edit(name, rev if n % 3 else None, n=n, text="x" * 500))
            print(name, rev, flush=True)
    await asyncio.gather(*[write(n) for n in range(8)])

asyncio.run(main())
"""


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    store = SqliteStore(tmp_path)
    yield await store.create("db")
    await store.close()


def connection(db: SqliteDatabase) -> apsw.Connection:
    return db._files.writer()


async def test_many_writers_share_transactions(db: SqliteDatabase) -> None:
    commits = 0

    def count() -> bool:
        nonlocal commits
        commits += 1
        return False

    connection(db).set_commit_hook(count)
    await asyncio.gather(*[put_one(db, edit(f"d{n}", n=n)) for n in range(300)])
    assert commits <= 5
    assert len(await changes(db)) == 300


async def test_a_writer_fails_alone(db: SqliteDatabase) -> None:
    good = [put_one(db, edit(f"d{n}")) for n in range(20)]
    bad = put(db, edit("x"), edit("y", attachments=(Stub("f"),)))
    odd = put(db, edit("z", odd=object()))
    *fine, stub, unwritable = await asyncio.gather(*good, bad, odd, return_exceptions=True)
    assert all(isinstance(rev, str) for rev in fine)
    assert isinstance(stub, MissingStub)
    assert isinstance(unwritable, Exception)
    assert len(await ids(db)) == 20
    assert await db.check() == []


async def test_a_failed_commit_leaves_everything_as_it_was(db: SqliteDatabase) -> None:
    rev = await put_one(db, edit("a", v=1))
    before = await db.info()
    connection(db).set_commit_hook(lambda: True)  # turns COMMIT into a failure
    tried = [put(db, edit("a", rev, v=2)), put(db, edit("b")), db.set_setting("revs_limit", 5)]
    failures = await asyncio.gather(*tried, return_exceptions=True)
    assert [type(failure) for failure in failures] == [StorageFailure] * 3
    connection(db).set_commit_hook(None)
    assert (await db.info()).update_seq == before.update_seq
    assert await db.setting("revs_limit") is None
    assert await ids(db) == ["a"]
    assert (await put_one(db, edit("a", rev, v=3))).startswith("2-")
    assert await db.check() == []


async def test_a_full_disk_is_an_answer_and_no_end(db: SqliteDatabase) -> None:
    await put_one(db, edit("a"))
    pages = connection(db).execute("PRAGMA page_count").fetchall()[0][0]
    connection(db).execute(f"PRAGMA max_page_count = {pages + 4}").fetchall()
    tried = [put_one(db, edit("big", text="x" * 100_000)), put_one(db, edit("small"))]
    big, _small = await asyncio.gather(*tried, return_exceptions=True)
    assert isinstance(big, Failure)
    assert big.error == "insufficient_storage"
    connection(db).execute("PRAGMA max_page_count = 1000000").fetchall()
    await put_one(db, edit("later"))
    assert "later" in await ids(db)
    assert "big" not in await ids(db)
    assert await db.check() == []


async def test_a_writer_that_went_away_hurts_nobody(db: SqliteDatabase) -> None:
    tasks = [asyncio.create_task(put_one(db, edit(f"d{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(rev, str) for rev in done[1::2])
    assert {f"d{n}" for n in range(1, 50, 2)} <= set(await ids(db))
    assert await db.check() == []


async def test_more_writers_than_the_queue_holds(db: SqliteDatabase) -> None:
    await asyncio.gather(*[put_one(db, edit(f"d{n}")) for n in range(3000)])
    assert (await db.update_seq()).number == 3000


async def test_a_large_write_gives_the_loop_turns(db: SqliteDatabase) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(others())
    await put(db, *[edit(f"d{n}") for n in range(2000)])
    ticking.cancel()
    assert turns >= 2000 // 50


async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    for life in range(2):
        data = tmp_path / str(life)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_KILLED, str(data)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        acknowledged = dict(writer.stdout.readline().split() for _ in range(500 + 700 * life))
        writer.kill()
        acknowledged |= dict(line.split() for line in writer.stdout.read().split("\n")[:-1])
        writer.stdout.close()
        writer.wait()
        store = SqliteStore(data)
        db = await store.open("db")
        assert await db.check() == []
        for doc_id, rev in acknowledged.items():
            tree = await db.tree(doc_id)
            assert tree is not None
            assert tree.find(rev)
        await store.close()


async def test_what_cannot_even_be_rolled_back_is_not_acknowledged(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: apsw.Connection) -> None:
        raise apsw.IOError("no disk")

    connection(db).set_commit_hook(lambda: True)
    monkeypatch.setattr(aio, "_rollback", broken)
    ended: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: ended.append(context))
    with pytest.raises(Failure):
        await put_one(db, edit("a"))
    connection(db).set_commit_hook(None)
    assert await ids(db) == []


async def test_who_waits_behind_a_writer_without_a_connection_hears_of_it(tmp_path: Path) -> None:
    def refused() -> apsw.Connection:
        raise apsw.CantOpenError("too many open files")

    def work(_: apsw.Connection, __: Counters) -> Generator[None, None, None]:
        yield

    with ThreadPoolExecutor(1) as pool:
        writer = SqliteWriter(refused, Counters(0, 0, 0, 0, 0, 0, 0), pool, lambda: None)
        waiting = [writer.update(work), writer.between(lambda _: None), writer.update(work)]
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StorageFailure] * 3
