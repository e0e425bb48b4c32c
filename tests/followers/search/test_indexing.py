"""The index is written in a child: one that ends is replaced, and nothing is lost or half done."""

import asyncio
import importlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search import handed, indexing
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.indexing import LIMITS, Indexing
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.query import keys_query
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.kinds import Limits
from tests.followers.conftest import package, put
from tests.followers.search.conftest import GDP, Databases, Engine, Searching

BEES = PackageSource("bees", "1", b'"title": "Bees"')
AT = Checkpoint("life", "1")


@pytest.fixture
async def writer(engine: Engine, tmp_path: Path) -> AsyncIterator[Indexing]:
    name = "fts5" if engine is Fts5Index else "whoosh"
    made = Indexing(f"couchreg.followers.search.inside.{name}", tmp_path / "search")
    yield made
    await made.close()


@pytest.fixture
async def searching(
    engine: Engine, store: SqliteStore, database: Databases, tmp_path: Path, writer: Indexing
) -> AsyncIterator[Searching]:
    made = Searching(engine, store, database, tmp_path / "search", writer)
    made.loop.start()
    yield made
    await made.loop.stop()


def kill(writer: Indexing) -> None:
    assert writer._opened is not None
    os.kill(writer._opened[1]._child.process, signal.SIGKILL)


def indexed(engine: Engine, directory: Path) -> tuple[Checkpoint | None, list[str]]:
    """What is in an index that nobody writes."""
    index = engine(directory)
    checkpoint = index.open()
    names = [hit.package for hit in index.search(keys_query(["bees"])).hits]
    index.close_reading()
    index.close()
    return checkpoint, names


def rank(writer: Indexing) -> bool:
    """Whether the child at work has what others leave."""
    assert writer._opened is not None
    return os.sched_getscheduler(writer._opened[1]._child.process) == os.SCHED_IDLE


@pytest.mark.skipif(sys.platform != "linux", reason="ranks of Linux")
async def test_what_is_much_is_written_with_what_others_leave(
    writer: Indexing, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.begin(None)
    for much in (False, True, True, False):
        writer.expect(much=much)
        await writer.put([BEES], [])
        await writer.put([], [])  # when the first is done
        assert rank(writer) is much
        await writer.commit(AT)
    writer.expect(much=True)
    await writer.put([BEES], [])
    monkeypatch.setattr(indexing, "SLOWEST", 0.0)  # as on a machine that leaves nothing
    with pytest.raises(Stopped):
        await writer.commit(AT)
    writer.expect(much=True)
    await writer.put([BEES], [])
    await writer.put([], [])
    assert not rank(writer)
    await writer.commit(AT)
    await writer.end()
    assert indexed(engine, tmp_path / "search") == (AT, ["bees"])


async def test_a_child_pauses_where_others_want_the_processors(
    writer: Indexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    computed, sleep = [0.0], asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(indexing.time, "process_time", lambda: computed[0])
    for much, computes in ((True, False), (False, True), (True, True)):
        writer.expect(much=much)
        with monkeypatch.context() as patch:
            patch.setattr(indexing.asyncio, "sleep", noted)
            for _ in range(3):
                await writer.put([BEES], [])
                computed[0] += 1000.0 * computes  # seconds, while the child works
            await writer.commit(AT)
        assert bool([pause for pause in pauses if pause]) is (much and computes), (much, computes)
    assert max(pauses) <= indexing.LONGEST_PAUSE


async def test_a_child_that_was_killed_is_replaced(
    searching: Searching, database: Databases, writer: Indexing
) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names("gdp") == ["gdp"]
    kill(writer)
    await put(database(), "bees@1", package("Bees and GDP"))
    assert await searching.names("gdp") == ["gdp", "bees"]
    assert (await searching.loop.status()).problems == ()


@pytest.mark.parametrize("with_meaning", [False, True])
async def test_an_index_that_was_written_with_what_others_leave_is_put_in_order(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_meaning: bool
) -> None:
    """By another child, which finds it as it is."""
    monkeypatch.setattr(indexing, "SLOWEST", 3600.0)  # the other tests may leave nothing for long
    name = "fts5" if engine is Fts5Index else "whoosh"
    module, limits = f"couchreg.followers.search.inside.{name}", replace(LIMITS, memory=8 << 30)
    writer = Indexing(module, tmp_path / "search", limits, with_meaning=with_meaning)
    await writer.begin(None)
    for number in range(3):
        writer.expect(much=True)
        await writer.put([BEES._replace(name=f"bees{number}", version=str(number))], [])
        await writer.commit(Checkpoint("life", str(number)))
    said = [await writer.tidy()]
    while said[-1]:
        said.append(await writer.tidy())
    assert (len(said) > 1) is (engine is Fts5Index)
    await writer.put([BEES], [])
    await writer.commit(AT)
    await writer.close()


async def test_children_look_for_garbage_less_often(engine: Engine) -> None:
    name = "fts5" if engine is Fts5Index else "whoosh"
    module = importlib.import_module(f"couchreg.followers.search.inside.{name}")
    assert callable(module.prepare)


async def test_an_index_is_put_in_order_when_there_is_nothing_to_follow(
    searching: Searching, database: Databases, writer: Indexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchreg.followers.search.follower.UNTIDY", 3)
    monkeypatch.setattr("couchreg.followers.loop.QUIET", 0.05)
    tidy, said = writer.tidy, []

    async def told() -> bool:
        said.append(await tidy())
        return said[-1]

    monkeypatch.setattr(writer, "tidy", told)
    await put(database(), "gdp@1.0.0", GDP)
    assert (await searching.names("gdp"), said) == (["gdp"], [])
    for number in range(4):
        await put(database(), f"p{number}@1.0.0", package(title="Bees"))
    assert len(await searching.names("bees")) == 4
    async with asyncio.timeout(30):
        while said[-1:] != [False]:
            await asyncio.sleep(0.01)
    kill(writer)
    await put(database(), "p9@1.0.0", package(title="Bees"))
    assert len(await searching.names("bees")) == 5


async def test_an_index_that_was_removed_is_made_anew(
    searching: Searching, database: Databases, writer: Indexing, tmp_path: Path
) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names("gdp") == ["gdp"]
    shutil.rmtree(tmp_path / "search")
    kill(writer)
    await put(database(), "bees@1", package("Bees"))
    assert await searching.names("bees") == ["bees"]
    assert await searching.names("gdp") == ["gdp"]


async def test_what_was_not_committed_is_forgotten(writer: Indexing, engine: Engine, tmp_path: Path) -> None:
    await writer.begin(None)
    await writer.put([BEES], [])
    await writer.commit(AT)
    await writer.put([BEES._replace(name="more")], ["bees"])
    await writer._settle()
    kill(writer)
    await writer.end()
    assert indexed(engine, tmp_path / "search") == (AT, ["bees"])


async def test_faults_come_out_as_what_they_are(writer: Indexing, engine: Engine, tmp_path: Path) -> None:
    await writer.begin(None)
    await writer.put([BEES], [])
    await writer.put([PackageSource("broken", "1", b"no JSON")], [])
    with pytest.raises(handed.NotIndexed):
        await writer.commit(AT)
    await writer.put([BEES], [])
    await writer.commit(AT)
    assert indexed(engine, tmp_path / "search") == (AT, ["bees"])
    await writer.begin(Checkpoint("another life", "1"))
    with pytest.raises(RebuildNeeded):
        await writer.commit(AT)


async def test_a_package_that_ends_the_child_is_a_problem_of_its_own(
    engine: Engine, store: SqliteStore, database: Databases, tmp_path: Path
) -> None:
    small = Indexing(
        f"couchreg.followers.search.inside.{'fts5' if engine is Fts5Index else 'whoosh'}",
        tmp_path / "search",
        limits=_short(LIMITS),
    )
    await put(database(), "gdp@1", GDP)
    await put(database(), "large@1", package("GDP " + "x" * 100_000))
    made = Searching(engine, store, database, tmp_path / "search", small)
    made.loop.start()
    try:
        assert await made.names("gdp") == ["gdp"]
        [problem] = (await made.loop.status()).problems
        assert problem.doc_id == "large@1"
    finally:
        await made.loop.stop()


def _short(limits: Limits) -> Limits:
    return replace(limits, message=50_000)
