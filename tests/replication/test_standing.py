"""Looking at the owners of replications, again and again."""

import asyncio

import pytest

from couchreg.errors import NotFound, Unavailable
from couchreg.replication import standing
from couchreg.replication.standing import NoAccounts, ReplicationOwners


async def test_looking_goes_on_whatever_a_look_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = ReplicationOwners(NoAccounts(), None, None)  # type: ignore[arg-type]
    left: list[Exception] = [ValueError("odd"), NotFound("gone"), Unavailable("away")]
    looked = asyncio.Event()

    async def look() -> None:
        if left:
            raise left.pop()
        looked.set()

    monkeypatch.setattr(standing, "LOOK", 0)
    monkeypatch.setattr(owners, "look", look)
    owners.start()
    async with asyncio.timeout(10):
        await looked.wait()
    await owners.stop()
