"""The moment between a package that is closed and those who know of it.

Whoever closes one through the registry waits until what is built of packages has heard of it. What is closed
by replication, or by an administrator at the couch door, has nobody who waits, so those who ask do.
"""

import asyncio
from contextlib import suppress
from typing import Final

from couchreg.access.known import PrivatePackages
from couchreg.followers.loop import FollowerLoop

TIMEOUT: Final = 2.0  # seconds


async def closed_ahead(private: PrivatePackages, loop: FollowerLoop) -> frozenset[str]:
    """The restricted packages that were closed, or changed, behind where a follower is: what it has made may
    have them still."""
    await private.refresh()
    return private.closed_since(loop.seq)


async def is_settled(private: PrivatePackages, loop: FollowerLoop) -> bool:
    """Whether there are none of these, waiting a moment for a follower that is nearly there. Raises
    Unavailable when it has stopped."""
    if await closed_ahead(private, loop):
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                await loop.caught_up(private.seq)
    return not await closed_ahead(private, loop)
