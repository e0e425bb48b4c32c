"""Making tables: its end."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from couchreg.analytics.converting import Converter
from couchreg.analytics.known import Known
from couchreg.analytics.ledger import Table
from couchreg.analytics.making import Making


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
