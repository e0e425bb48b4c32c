"""A run closes both ends, whatever goes wrong at its end."""

import asyncio
from typing import Any, cast

import pytest

from couchreg.errors import Unavailable
from couchreg.replication.aside import SetAside
from couchreg.replication.options import parse
from couchreg.replication.run import Run


class Nobody:
    """An end that answers nothing, and is slow to close."""

    def __init__(self) -> None:
        self.is_closed = False

    async def info(self) -> Any:
        raise Unavailable("nobody is there")

    async def close(self) -> None:
        self.is_closed = True
        await asyncio.sleep(0.01)


class Unwilling(SetAside):
    def __init__(self, saving: asyncio.Event) -> None:
        super().__init__(None, "x")
        self._saving = saving

    async def save(self) -> None:
        self._saving.set()
        await asyncio.sleep(3600)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_whoever_cancels_it_however_often(times: int) -> None:
    saving = asyncio.Event()
    source, target = Nobody(), Nobody()
    wanted = parse({"source": "http://x.org/a", "target": "http://x.org/b"})
    run = Run(wanted, "x", cast(Any, source), cast(Any, target), Unwilling(saving))
    task = asyncio.create_task(run.execute())
    await saving.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (source.is_closed, target.is_closed) == (True, True)
