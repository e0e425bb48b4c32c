"""Answers of a child that a page shows, and that are held whole: no more of them than it can show."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from couchreg.analytics.answering import Answering
from couchreg.errors import TooLarge
from couchreg.model import json

MOST: Final = 1 << 20  # bytes of one answer


async def gathered(answering: Answering, parts: AsyncIterator[bytes], most: int = MOST) -> bytes:
    """All parts of an answer. Raises TooLarge as soon as there are more than `most` bytes; whoever has begun
    the answer then leaves it, and its child ends. Raises what `Answering.told` does."""
    body = bytearray()
    while piece := await answering.told(anext(parts, b"")):
        if len(body) + len(piece) > most:
            raise TooLarge(f"The answer has more than {most >> 20} MiB, which no page shows.")
        body += piece
    return bytes(body)


async def decoded(body: bytes) -> Any:
    """What a gathered answer says; read beside the event loop, which other requests need meanwhile."""
    return await asyncio.to_thread(json.decode_own, body)
