"""A search over a real store, with either engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.followers.base import Checkpoint
from couchreg.followers.loop import FollowerLoop
from couchreg.followers.search.base import SearchIndex, Writer
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.whoosh_index import WhooshIndex
from tests.followers.conftest import REGISTRY, package

Databases = Callable[[], Database]
Engine = type[Fts5Index] | type[WhooshIndex]


@pytest.fixture(params=[Fts5Index, WhooshIndex])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


class Threaded:
    """A writer in a thread of this process, whose engine tests can reach into."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._is_open = False

    async def begin(self, at: Checkpoint | None) -> None: ...

    def expect(self, *, much: bool) -> None: ...

    async def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        await asyncio.to_thread(self._put, sources, gone)

    def _put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        if not self._is_open:
            self._index.open()
            self._is_open = True
        self._index.put(sources, gone)

    async def commit(self, checkpoint: Checkpoint) -> None:
        await self.put([], [])
        await asyncio.to_thread(self._index.commit, [], [], checkpoint)

    async def tidy(self) -> bool:
        return await asyncio.to_thread(self._index.tidy) if self._is_open else False

    async def end(self) -> None:
        self._is_open = False
        await asyncio.to_thread(self._index.close)

    async def close(self) -> None:
        await self.end()


class Searching:
    """A search that sees everything written before it."""

    def __init__(
        self,
        engine: Engine,
        store: SqliteStore,
        database: Databases,
        directory: Path,
        writer: Writer | None = None,
    ) -> None:
        self.database = database
        index = engine(directory)
        self.follower = SearchFollower(index, writer or Threaded(index), database())
        self.loop = FollowerLoop(self.follower, store, REGISTRY, first_wait=0.001)
        self.follower.when_broken(self.loop.restart)

    async def names(self, *words: str, **more: Any) -> list[str]:
        await self.loop.caught_up(await self.database().update_seq())
        return [hit.name for hit in (await self.follower.search(words, **more)).hits]


@pytest.fixture
async def start(
    engine: Engine, store: SqliteStore, database: Databases, tmp_path: Path
) -> AsyncIterator[Callable[[], Awaitable[Searching]]]:
    started: list[Searching] = []

    async def begin() -> Searching:
        made = Searching(engine, store, database, tmp_path / "search")
        made.loop.start()
        started.append(made)
        return made

    yield begin
    for one in started:
        await one.loop.stop()


@pytest.fixture
async def searching(start: Callable[[], Awaitable[Searching]]) -> Searching:
    return await start()


GDP = package(
    "Country, Regional and World GDP",
    description="Gross Domestic Product in current US dollars.",
    keywords=["economics"],
    resources=[{"name": "gdp-data", "schema": {"fields": [{"name": "CountryCode"}, {"name": "value_usd"}]}}],
)
POPULATION = package("Population of the world’s États", keywords=["people"], description="How many of us.")
