"""Bodies that are here at once, however much work each piece of them is: others get their turns."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from couchreg import turns
from couchreg.http.couch.frame import body
from couchreg.http.registry.frame.body import plain_body
from couchreg.registry.publishing.intake import PublishLimits

PIECES = 20


class ArrivedContent:
    """What has all arrived: nothing of it is waited for."""

    def __init__(self) -> None:
        self._left = PIECES

    async def readany(self) -> bytes:
        self._left -= 1
        return b"x" * 10 if self._left >= 0 else b""

    async def iter_any(self) -> AsyncIterator[bytes]:
        while piece := await self.readany():
            yield piece


def request() -> Any:
    return SimpleNamespace(content=ArrivedContent(), headers={}, content_length=None)


@pytest.mark.parametrize("door", ["couch", "registry"])
async def test_others_have_turns_between_pieces(monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    monkeypatch.setattr(turns, "SLICE", 0.0)
    call: Any = SimpleNamespace(request=request())
    read = body.chunks(request(), 1000) if door == "couch" else plain_body(call, PublishLimits())
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    task = asyncio.create_task(other())
    assert len(b"".join([piece async for piece in read])) == 10 * PIECES
    task.cancel()
    assert others >= PIECES
