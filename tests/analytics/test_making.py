"""Making tables: how long it takes, its end."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from couchreg.analytics.converting import TRIES, Converter
from couchreg.analytics.known import Known
from couchreg.analytics.ledger import Table
from couchreg.analytics.making import Making, MakingPace
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.session import ChildSession, Note
from tests.packages import small
from tests.served import Serve


class Nothing:
    """Nothing is pending; and a converter that has nothing to close."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def pending(self, most: int, limit: int) -> Sequence[Table]:
        return ()

    async def news(self) -> None:
        await self.event.wait()

    def tell(self) -> None:
        event, self.event = self.event, asyncio.Event()
        event.set()

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_in_whichever_moment_news_come(turns: int) -> None:
    nothing = Nothing()
    making = Making(cast(Known, nothing), cast(Any, None), cast(Any, None), cast(Converter, nothing))
    making.start()
    await asyncio.sleep(0.01)
    nothing.tell()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await making.stop()


async def test_a_full_disk_is_no_failure_of_a_table(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are made meanwhile, and this one once there is room, however often there was none."""
    ask, stopped, is_full = ChildSession.ask, list[bytes](), asyncio.Event()
    is_full.set()

    async def full(self: ChildSession, job: bytes, note: Note | None = None) -> bytes:
        if b'"version":"1.' in job and is_full.is_set():
            stopped.append(job)
            raise Stopped(Cause.DISK, "conversions of tables")
        return await ask(self, job, note)

    monkeypatch.setattr(ChildSession, "ask", full)
    served = await serve(with_tables=True, validation="off")
    for version in ("1.0.0", "1.1.0"):  # one for each that makes them
        assert (await served.put(small(), version))[0] == 201
    while len(stopped) < 2 * (TRIES + 1):
        await asyncio.sleep(0.01)
    assert (await served.put(small(), "2.0.0"))[0] == 201
    assert [table["state"] for table in await served.made("small", "2.0.0")] == ["ready"]
    is_full.clear()
    [table] = await served.made("small", "1.0.0")
    assert (table["state"], table["rows"]) == ("ready", 2)


def test_a_thousand_small_tables_say_nothing_of_how_long_a_large_one_takes() -> None:
    pace = MakingPace()
    for _ in range(1000):
        pace.note(20, 0.3)
    assert 0.2 < pace.seconds(1, 20) < 0.4
    assert pace.seconds(1, 100 << 20) < 60
    for _ in range(20):
        pace.note(100 << 20, 50)
    assert 90 < pace.seconds(1, 200 << 20) < 110
    assert 190 < pace.seconds(4, 400 << 20) < 220
