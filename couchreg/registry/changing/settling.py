"""Waiting for what has to be in the datastore as well, before a write counts as done."""

import asyncio
from collections.abc import Awaitable, Callable

from couchreg.docstore.base import Seq
from couchreg.errors import Unavailable

SECONDS = 60.0

Settled = Callable[[Seq], Awaitable[None]]


def bounded(settled: Settled | None) -> Settled:
    """`settled`, with an end: raises Unavailable when the datastore does not come to it in time."""

    async def wait(seq: Seq) -> None:
        if settled is None:
            return
        try:
            async with asyncio.timeout(SECONDS):
                await settled(seq)
        except TimeoutError:
            reason = "The database has the change, but the datastore does not answer: repeat it to be sure."
            raise Unavailable(reason, retry_after=10) from None

    return wait
