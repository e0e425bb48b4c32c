"""What was read stands in for what cannot be read now: for whom, for how long, and how much of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.base import BEGINNING, Database, Range
from couchreg.docstore.older import OLDER, allow_older, older_headers
from couchreg.docstore.proxy import DatabaseProxy, StoreProxy
from couchreg.docstore.remote import remembered
from couchreg.docstore.remote.remembered import Memory, RememberingStore
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import NotFound, Unavailable, Unsure
from tests.docstore.writing import edit, put_one


class Away:
    """Whether a store is, and what is asked of it then."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0

    async def check(self) -> None:
        self.asked += 1
        if isinstance(self.error, TimeoutError):
            await asyncio.sleep(3600)
        if self.error is not None:
            raise self.error


class AwayDatabase(DatabaseProxy):
    def __init__(self, inner: Database, away: Away) -> None:
        super().__init__(inner)
        self._away = away

    async def reading(self) -> Database:
        await self._away.check()
        return self.inner


class AwayStore(StoreProxy):
    def __init__(self, inner: SqliteStore) -> None:
        super().__init__(inner)
        self.away = Away()
        self._known: dict[int, Database] = {}

    async def open(self, name: str) -> Database:
        await self.away.check()
        inner = await self.inner.open(name)
        return self._known.setdefault(id(inner), AwayDatabase(inner, self.away))

    async def names(self) -> list[str]:
        await self.away.check()
        return await self.inner.names()


@pytest.fixture(autouse=True)
def nobody_yet() -> Iterator[None]:
    token = OLDER.set(None)
    yield
    OLDER.reset(token)


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    inner = SqliteStore(tmp_path)
    yield AwayStore(inner)
    await inner.close()


async def everything(store: RememberingStore) -> list[Any]:
    """What may be read."""
    database = await store.open("db")
    tree = await database.tree("a")
    assert tree is not None
    return [
        await store.names(),
        await database.update_seq(),
        (await database.info()).doc_count,
        await database.setting("security"),
        tree.winner(),
        await database.revision("a"),
        await database.revisions("a", ["1-x"]),
        await database.open_revs([("a", None)], histories=True),
        await database.winners(["a", "b", "c"], bodies=True),
        [rows async for rows in database.all_docs(Range(), bodies=True)],
        [found async for found in database.changes(BEGINNING)],
    ]


async def test_who_may_is_told_what_was_read_before(store: AwayStore) -> None:
    await store.inner.create("db")
    seen = RememberingStore(store)
    for doc_id in ("a", "b"):
        await put_one(await seen.open("db"), edit(doc_id, v=1))
    before = await everything(seen)
    for error in (Unavailable("away"), TimeoutError()):
        store.away.error = Unavailable("away")
        OLDER.set(None)
        with pytest.raises(Unavailable):
            await everything(seen)
        older = allow_older()
        store.away.error = error
        assert await everything(seen) == before
        assert older.were_used
        assert [name for name, _ in older_headers()] == ["Warning"]
    store.away.error = None
    await put_one(await store.inner.open("db"), edit("c", v=1))
    older = allow_older()
    seen._memory._away_until = 0.0
    assert (await everything(seen))[2] == 3
    assert (older.were_used, older_headers()) == (False, [])


async def test_a_store_that_hangs_is_asked_now_and_then(
    store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "PATIENCE", 0.05)
    monkeypatch.setattr(remembered, "REST", 3600.0)
    await store.inner.create("db")
    seen = RememberingStore(store)
    await put_one(await seen.open("db"), edit("a", v=1))
    await everything(seen)
    store.away.error, store.away.asked = TimeoutError(), 0
    allow_older()
    for _ in range(3):
        await everything(seen)
    assert store.away.asked == 1


async def test_what_nobody_has_read_is_not_there(store: AwayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.inner.create("db")
    seen = RememberingStore(store)
    database = await seen.open("db")
    await put_one(database, edit("a", v=1))
    await database.winners(["a"], bodies=False)
    store.away.error = Unavailable("away")
    older = allow_older()
    assert [row and row.id for row in await database.winners(["a"], bodies=False)] == ["a"]
    for ids, bodies in ((["a"], True), (["a", "b"], False)):
        with pytest.raises(Unavailable):
            await database.winners(ids, bodies=bodies)
    with pytest.raises(Unavailable):
        [rows async for rows in database.all_docs(Range(), bodies=False)]
    monkeypatch.setattr(remembered, "OLDEST", -1.0)
    with pytest.raises(Unavailable):
        await database.winners(["a"], bodies=False)
    assert older.were_used


async def test_nobody_is_told_of_a_database_that_is_gone(store: AwayStore) -> None:
    await store.inner.create("db")
    seen = RememberingStore(store)
    await (await seen.open("db")).update_seq()
    await seen.delete("db")
    allow_older()
    store.away.error = Unavailable("away")
    with pytest.raises(Unavailable):
        await seen.open("db")
    store.away.error = None
    with pytest.raises(NotFound):
        await seen.open("db")
    await seen.create("db")
    await (await seen.open("db")).update_seq()
    await store.inner.delete("db")  # by another process
    with pytest.raises(NotFound):
        await seen.open("db")
    store.away.error = Unavailable("away")
    with pytest.raises(Unavailable):
        await seen.open("db")


async def test_memory_is_bounded() -> None:
    memory = Memory(10_000)
    for number in range(100):
        memory.keep(number, number, 200)
        assert memory.size <= 10_000
    assert (memory.find(0), memory.find(99)) == (None, (99,))
    memory.keep("large", None, remembered.LARGEST + 1)
    assert memory.find("large") is None
    for number in range(100):
        memory.forget(number)
    assert memory.size == 0


async def test_what_nobody_is_sure_of_is_no_read() -> None:
    memory = Memory()
    memory.keep("a", 1, 0)
    allow_older()

    async def ask() -> int:
        raise Unsure("perhaps")

    with pytest.raises(Unsure):
        await memory.asked("a", ask, lambda _: 0)
