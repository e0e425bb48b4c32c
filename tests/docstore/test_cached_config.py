"""The configuration at hand: what is changed here counts at once, what others change after a while."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.docstore import cached_config
from couchreg.docstore.base import Config
from couchreg.docstore.cached_config import CachedConfig
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import BadRequest, Unavailable


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


async def test_what_does_not_persist_counts_for_this_run_alone(inner: SqliteStore) -> None:
    await inner.set_config("a", "kept", "1")
    await inner.set_config("a", "hidden", "1")
    store = await CachedConfig.load(inner)
    await store.set_config("a", "kept", "2", persist=False)
    await store.set_config("a", "hidden", None, persist=False)
    await store.set_config("b", "new", "3", persist=False)
    await store.refresh_config()
    assert store.config() == {"a": {"kept": "2"}, "b": {"new": "3"}}
    assert await inner.read_config() == {"a": {"kept": "1", "hidden": "1"}}
    await store.set_config("b", "new", None, persist=False)
    assert store.config() == {"a": {"kept": "2"}}
    await store.set_config("a", "hidden", "4")
    assert store.config() == {"a": {"kept": "2", "hidden": "4"}}
    await store.forget_config()
    assert store.config() == await inner.read_config() == {"a": {"kept": "1", "hidden": "4"}}


async def test_what_does_not_persist_has_a_bound(inner: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_config, "MOST_HELD", 2)
    store = await CachedConfig.load(inner)
    for key in ("b", "c", "b"):
        await store.set_config("a", key, "1", persist=False)
    with pytest.raises(BadRequest, match="At most 2 settings"):
        await store.set_config("a", "d", "1", persist=False)
