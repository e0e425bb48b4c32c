"""`_active_tasks` tells of indexes that are being brought up to date, or compacted."""

import asyncio
import itertools
import threading
from typing import Any

import pytest

from couchreg.designdocs.views import engine
from couchreg.designdocs.views.index import IndexFile
from tests.http.couch.conftest import Couch

DESIGN = {"views": {"v": {"map": "function(doc) { emit(doc._id, null); }"}}}


async def active(couch: Couch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await couch("GET", "//_active_tasks")).json
    return found


@pytest.mark.parametrize("together", [False, True])
async def test_an_update_tells_how_far_it_is(
    couch: Couch, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    monkeypatch.setattr(engine, "TOGETHER", 1)
    assert (await couch("POST", "/_bulk_docs", {"docs": [{"_id": str(n)} for n in range(3)]})).status == 201
    assert (await couch("PUT", "/_design/d", DESIGN)).status == 201
    begun, stored = itertools.count(), list[int]()
    is_mapped, is_stored, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    map_some, store = engine.Index._map, engine.Index._store

    async def slowly(self: Any, database: Any, changes: Any) -> Any:
        """The first two batches are ready one after the other, or else both at once; two more wait."""
        number = next(begun)
        if number > 1:
            await go_on.wait()
        elif number == 1 and not together:
            await is_stored.wait()
        mapped = await map_some(self, database, changes)
        if number == 1:
            is_mapped.set()
        elif number == 0 and together:
            await is_mapped.wait()
        return mapped

    async def storing(self: Any, file: Any, mapped: Any, seq: Any) -> None:
        await store(self, file, mapped, seq)
        stored.append(seq.number)
        is_stored.set()

    monkeypatch.setattr(engine.Index, "_map", slowly)
    monkeypatch.setattr(engine.Index, "_store", storing)
    asking = asyncio.create_task(couch("GET", "/_design/d/_view/v"))
    async with asyncio.timeout(120):
        while not (tasks := await active(couch)) or tasks[0]["changes_done"] < 2:
            await asyncio.sleep(0.01)
    (task,) = tasks
    assert stored == ([2] if together else [1, 2])
    assert task["started_on"] <= task["updated_on"]
    shown = ("type", "database", "design_document", "changes_done", "total_changes", "progress")
    assert [task[name] for name in shown] == ["indexer", "db", "_design/d", 2, 4, 50]
    go_on.set()
    assert (await asking).json["total_rows"] == 3
    assert await active(couch) == []


async def test_a_compaction_is_told_of(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await couch("PUT", "/_design/d", DESIGN)).status == 201
    assert (await couch("GET", "/_design/d/_view/v")).status == 200
    go_on, real = threading.Event(), IndexFile.compact

    def slowly(self: IndexFile) -> None:
        go_on.wait(60)
        real(self)

    monkeypatch.setattr(IndexFile, "compact", slowly)
    assert (await couch("POST", "/_compact/d", {})).status == 202
    async with asyncio.timeout(50):
        while not (tasks := await active(couch)):
            await asyncio.sleep(0.01)
    go_on.set()
    shown = ("type", "database", "design_document", "progress")
    assert [tuple(task[name] for name in shown) for task in tasks] == [
        ("view_compaction", "db", "_design/d", 0)
    ]
    async with asyncio.timeout(120):
        while await active(couch):
            await asyncio.sleep(0.01)


async def test_who_waits_for_an_index_that_ends_is_told(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged while it is updated, it gets nothing more; closed, it answers those who wait for it."""
    monkeypatch.setattr(engine, "TOGETHER", 1)
    assert (await couch("POST", "/_bulk_docs", {"docs": [{"_id": str(n)} for n in range(3)]})).status == 201
    assert (await couch("PUT", "/_design/d", DESIGN)).status == 201
    begun, seen, go_on, map_some = itertools.count(), list[Any](), asyncio.Event(), engine.Index._map

    async def slowly(self: Any, database: Any, changes: Any) -> Any:
        seen.append(self)
        if next(begun) > 1:
            await go_on.wait()
        return await map_some(self, database, changes)

    monkeypatch.setattr(engine.Index, "_map", slowly)

    async def in_the_middle() -> "asyncio.Task[Any]":
        asking = asyncio.create_task(couch("GET", "/_design/d/_view/v"))
        async with asyncio.timeout(120):
            while not (tasks := await active(couch)) or tasks[0]["changes_done"] < 2:
                await asyncio.sleep(0.01)
        return asking

    asking = await in_the_middle()
    seen[-1]._file.is_broken = True  # as somebody finds who reads it
    assert await seen[-1].seq() == "0"  # and has it made again
    go_on.set()
    assert (await asking).status == 503
    assert [row["id"] for row in (await couch("GET", "/_design/d/_view/v")).json["rows"]] == ["0", "1", "2"]
    begun = itertools.count()
    go_on.clear()
    for number in range(3, 6):
        assert (await couch("PUT", f"/{number}", {})).status == 201
    asking = await in_the_middle()
    await seen[-1].close()
    assert (await asking).status == 503
    assert await active(couch) == []
