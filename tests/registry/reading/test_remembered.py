"""What was read is used again as long as it is true, and no longer."""

from pathlib import Path

import pytest

from couchreg.docstore.base import Database, Edit
from couchreg.docstore.sqlite import SqliteStore
from couchreg.model.user import SYSTEM
from couchreg.registry.reading.remembered import Remembered


class Reader:
    """Reads the member `n` of documents, and counts how often."""

    def __init__(self, database: Database, most: int = 1000) -> None:
        self.database, self.remembered = database, Remembered(database, most)
        self.reads: list[str] = []

    async def __call__(self, doc_id: str, weight: int = 10) -> int | None:
        async def read() -> tuple[str | None, int | None, int]:
            self.reads.append(doc_id)
            [row] = await self.database.winners([doc_id], bodies=True)
            there = row is not None and not row.deleted
            return (row.rev, row.body["n"], weight) if row and there else (None, None, weight)

        return await self.remembered.of_document(("n", doc_id), doc_id, read)


async def write(
    database: Database, doc_id: str, n: int, rev: str | None = None, *, deleted: bool = False
) -> str:
    edit = Edit(doc_id, rev, deleted, {"n": n})
    return (await database.update([edit], new_edits=True, user=SYSTEM)).rev


@pytest.fixture
async def database(tmp_path: Path) -> Database:
    store = SqliteStore(tmp_path)
    return await store.create("registry")


async def test_a_document_is_read_again_when_it_has_changed_only(database: Database) -> None:
    read = Reader(database)
    assert await read("a") is None
    rev = await write(database, "a", 1)
    assert [await read("a"), await read("a")] == [1, 1]
    await write(database, "b", 1)  # another document
    assert await read("a") == 1
    assert read.reads == ["a", "a"]
    rev = await write(database, "a", 2, rev)
    assert [await read("a"), await read("a")] == [2, 2]
    await write(database, "a", 0, rev, deleted=True)
    assert [await read("a"), await read("a")] == [None, None]
    assert read.reads == ["a"] * 4


async def test_a_list_is_read_again_after_every_write(database: Database) -> None:
    remembered, reads = Remembered(database), []

    async def read() -> tuple[int, int]:
        reads.append(1)
        return len(reads), 10

    assert [await remembered.until_written(("all",), "all", read) for _ in range(3)] == [1, 1, 1]
    await write(database, "a", 1)
    assert [await remembered.until_written(("all",), "all", read) for _ in range(2)] == [2, 2]


async def test_what_was_used_last_stays(database: Database) -> None:
    read = Reader(database, most=1000)
    for number in range(12):
        await write(database, f"d{number}", number)
    for number in range(12):
        await read(f"d{number}", 100)
        await read("d0", 100)
    read.reads.clear()
    for name in ("d0", "d11", "d1"):
        await read(name, 100)
    assert read.reads == ["d1"]
    await read("large", 200)
    await read("large", 200)
    assert read.reads[1:] == ["large", "large"]  # too large to be remembered
