"""The conformance suite's engines, and short ways to write edits."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.base import Database, Store
from couchreg.docstore.sqlite import SqliteStore

OpenStore = Callable[[], Store]


@pytest.fixture(params=["sqlite"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """`open_store()` opens the store of this test; call it again, after `close`, for a restart."""
    opened: list[Any] = []

    def start() -> Store:
        opened.append({"sqlite": SqliteStore}[request.param](tmp_path))
        return opened[-1]  # type: ignore[no-any-return]

    yield start
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


@pytest.fixture
async def db(store: Store) -> AsyncIterator[Database]:
    """A new database; afterwards none of its invariants may be broken."""
    database = await store.create("db")
    yield database
    if "db" in store.names():
        assert await store.database("db").check() == []
