"""Long answers are written in turns with the work of others, however fast they are read."""

import asyncio
from typing import Any

import pytest

from couchreg import turns
from couchreg.http.couch.frame.context import LARGE
from couchreg.http.couch.frame.writer import RowWriter


class Reader:
    """Of a request, all that a writer asks for; whatever is written is taken at once."""

    callback = ""

    def __init__(self) -> None:
        self.taken = 0

    async def stream(self, **_: Any) -> "Reader":
        return self

    async def write(self, stream: Any, piece: bytes) -> None:
        self.taken += 1


async def test_others_have_their_turn_between_large_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLICE", 0.0)
    reader, seen = Reader(), []

    async def other() -> None:
        while reader.taken < 10:
            seen.append(reader.taken)
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    writer = RowWriter(reader, [])  # type: ignore[arg-type]
    for _ in range(10):
        await writer.write(b"x" * (LARGE + 1))
    await task
    assert set(range(1, 10)) <= set(seen)
