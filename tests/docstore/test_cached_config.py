"""The configuration at hand: what is changed here counts at once, what others change after a while."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.docstore.base import Config
from couchreg.docstore.cached_config import CachedConfig
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Unavailable


@pytest.fixture
async def inner(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    await store.close()


async def test_own_changes_count_at_once(inner: SqliteStore) -> None:
    await inner.set_config("a", "b", "before")
    store = await CachedConfig.load(inner)
    assert store.config() == {"a": {"b": "before"}}
    await store.set_config("a", "b", "after")
    assert store.config() == await store.read_config() == {"a": {"b": "after"}}
    await store.set_config("a", "b", None)
    assert store.config() == {}


async def test_changes_of_others_count_when_it_is_read_again(inner: SqliteStore) -> None:
    store = await CachedConfig.load(inner)
    await inner.set_config("a", "b", "of another process")
    assert store.config() == {}
    await store.refresh_config()
    assert store.config() == {"a": {"b": "of another process"}}


async def test_it_is_read_again_by_itself_whatever_failed(
    inner: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = await CachedConfig.load(inner, interval=0.001)
    read, failures = inner.read_config, [Unavailable("down"), Unavailable("down")]

    async def failing() -> Config:
        if failures:
            raise failures.pop()
        return await read()

    monkeypatch.setattr(inner, "read_config", failing)
    await inner.set_config("a", "b", "c")
    store.start()
    while not store.config():
        await asyncio.sleep(0.001)
    await store.stop()
    assert store.config() == {"a": {"b": "c"}}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
