"""Databases of replications that are made while a server runs."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from couchreg.errors import NotFound, StorageFailure, Unavailable
from couchreg.replication import following
from couchreg.replication.following import Following


class Faltering:
    """A store of documents that fails once, and then tells of one new database."""

    def __init__(self, failure: Exception) -> None:
        self.failures = [failure]
        self.opened: asyncio.Queue[str] = asyncio.Queue()
        self.told = False

    async def parse_events_since(self, text: str) -> int:
        return 0

    async def names(self) -> list[str]:
        return []

    async def wait_event(self, seq: int) -> None:
        if self.told:
            await asyncio.Event().wait()

    async def events(self, seq: int) -> Any:
        if self.failures:
            raise self.failures.pop()
        self.told = True
        event = SimpleNamespace(name="later/_replicator", type="created")
        return SimpleNamespace(results=[event], last_seq=1)

    async def open(self, name: str) -> None:
        self.opened.put_nowait(name)
        raise NotFound("gone")


@pytest.mark.parametrize(
    "failure", [StorageFailure("The disk fails."), Unavailable("Ask again."), OSError(5, "EIO")]
)
async def test_one_is_followed_after_a_failure_that_passes(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(following, "AGAIN", 0.01)
    store = Faltering(failure)
    watched = Following(cast(Any, store), cast(Any, None), cast(Any, None), cast(Any, None))
    watched.start()
    async with asyncio.timeout(10):
        assert await store.opened.get() == "later/_replicator"
    await watched.stop()
