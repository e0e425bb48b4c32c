"""A search over a real store, with either engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.followers.loop import FollowerLoop
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.whoosh_index import WhooshIndex
from tests.followers.conftest import REGISTRY, package

Databases = Callable[[], Database]
Engine = type[Fts5Index] | type[WhooshIndex]


@pytest.fixture(params=[Fts5Index, WhooshIndex])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


class Searching:
    """A search that sees everything written before it."""

    def __init__(self, engine: Engine, store: SqliteStore, database: Databases, directory: Path) -> None:
        self.database = database
        self.follower = SearchFollower(engine(directory), database())
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
