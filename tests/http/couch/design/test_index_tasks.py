"""`_active_tasks` tells of indexes that are being brought up to date, or compacted."""

import asyncio
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


async def test_an_update_tells_how_far_it_is(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TOGETHER", 1)
    assert (await couch("POST", "/_bulk_docs", {"docs": [{"_id": str(n)} for n in range(3)]})).status == 201
    assert (await couch("PUT", "/_design/d", DESIGN)).status == 201
    stored, go_on, real = [], asyncio.Event(), engine.Index._store

    async def slowly(self: Any, mapped: Any, seq: Any) -> None:
        if len(stored) == 2:
            await go_on.wait()
        await real(self, mapped, seq)
        stored.append(seq)

    monkeypatch.setattr(engine.Index, "_store", slowly)
    asking = asyncio.create_task(couch("GET", "/_design/d/_view/v"))
    while len(stored) < 2 or not await active(couch):
        await asyncio.sleep(0.01)
    (task,) = await active(couch)
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
    while not (tasks := await active(couch)):
        await asyncio.sleep(0.01)
    go_on.set()
    shown = ("type", "database", "design_document", "progress")
    assert [tuple(task[name] for name in shown) for task in tasks] == [
        ("view_compaction", "db", "_design/d", 0)
    ]
    while await active(couch):
        await asyncio.sleep(0.01)
