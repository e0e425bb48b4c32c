"""Logins at the pages over a restart that was meant: written down when the server stops, read when it starts.

In between they lie in a file of the data directory, which no backup has: hashes of what cookies hold, with
which nobody logs in. While the server runs there is none, so who has logged out stays so, whatever happens.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

from couchreg.auth.login.visits import MOST, Visits
from couchreg.durable import sync, write_new
from couchreg.errors import BadRequest

log = logging.getLogger(__name__)

LARGEST = MOST * 1024  # bytes


async def over_restarts(stack: AsyncExitStack, visits: Visits, path: Path, *, are_several: bool) -> None:
    """Where several processes change accounts nothing is kept: what they do meanwhile nobody hears of."""
    found = await asyncio.to_thread(_taken, path)
    if are_several:
        return
    if found is not None:
        try:
            visits.resume(found)
        except BadRequest as error:
            log.warning("%s cannot be read, so people log in again: %s", path, error.reason)

    async def keep() -> None:
        await asyncio.to_thread(_put, path, visits.kept())

    stack.push_async_callback(keep)


def _taken(path: Path) -> bytes | None:
    """What was written down, which is then gone. Blocking."""
    try:
        with path.open("rb") as file:
            found = file.read(LARGEST + 1)
        path.unlink()
        sync(path.parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s cannot be read, so people log in again: %s", path, error.strerror)
        return None
    return found[:LARGEST]


def _put(path: Path, data: bytes) -> None:
    """Blocking."""
    try:
        path.unlink(missing_ok=True)
        write_new(path, data)
    except OSError as error:
        log.warning("%s cannot be written, so people log in again: %s", path, error.strerror)
