"""Which process is at work on a registry in a CouchDB: one at a time.

Much of what a server remembers is true only as long as nobody else writes. So a process holds the document
`holder` and writes it again every few seconds. Another one takes it over when it has not changed for a while,
by the clock of who looks; and who could not write it for a shorter while writes nothing else any more. No two
clocks are compared.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from couchreg.docstore.remote.private import PrivateDocuments
from couchreg.errors import Conflict, CouchregError, Unavailable

log = logging.getLogger(__name__)

BEAT: Final = 3.0  # seconds between writes of the document
GOOD: Final = 12.0  # seconds for which a write of it is good
QUIET: Final = 20.0  # seconds without a change after which another process takes it
_HOLDER: Final = "holder"


Pause = Callable[[float], Awaitable[None]]
Lost = Callable[[], None]  # told that another process has taken over


class AtWork(CouchregError):
    """Another process is at work on this registry."""


class Holding:
    """`take` and `start`, and `stop` at the end. `name` is that of a data directory, the same after each
    start from there. A copy of the directory has it too, so each process has a word of its own as well.
    """

    def __init__(
        self,
        private: PrivateDocuments,
        name: str,
        *,
        quiet: float = QUIET,
        good: float = GOOD,
        pause: Pause = asyncio.sleep,
        lost: Lost = lambda: None,
    ) -> None:
        self._private = private
        self._name = name
        self._quiet, self._good, self._pause = quiet, good, pause
        self._tell_lost = lost
        self._process = secrets.token_hex(16)
        self._rev: str | None = None
        self._beats = 0
        self._until = 0.0
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises Unavailable where it is not certain that no other process writes."""
        if self._lost:
            raise Unavailable(
                "Another couchreg has taken over this registry: this one writes nothing.", retry_after=60
            )
        if self._until < time.monotonic():
            raise Unavailable("The CouchDB behind this server has not answered for a while.", retry_after=5)

    async def take(self) -> None:
        """Become the one at work; waits to see whether another one is quiet. Raises AtWork if it is not."""
        found = await self._private.read(_HOLDER)
        if found is not None and found.get("name") is not None:
            rev, is_ours = found["_rev"], found.get("name") == self._name
            if not is_ours:
                log.warning("Another couchreg was at work on this registry: looking whether it still is.")
            await self._pause(2 * BEAT if is_ours else self._quiet)
            found = await self._private.read(_HOLDER)
            if found is not None and found["_rev"] != rev and found.get("name") is not None:
                raise AtWork
        self._rev = None if found is None else str(found["_rev"])
        try:
            await self._write(self._name)
        except Conflict:
            raise AtWork from None

    async def _write(self, name: str | None) -> None:
        begun, self._beats = time.monotonic(), self._beats + 1
        value = {"name": name, "process": self._process, "beats": self._beats}
        self._rev = await self._private.write(_HOLDER, value, self._rev, gated=False)
        self._until = begun + self._good

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="holder of the registry")

    async def stop(self) -> None:
        """Whoever starts next need not wait."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if not self._lost and self._rev is not None:
            with contextlib.suppress(CouchregError):
                await self._write(None)
        self._until = 0.0

    async def _run(self) -> None:
        while not self._lost:
            await asyncio.sleep(BEAT)
            try:
                await self._write(self._name)
            except Conflict:
                await self._look()
            except CouchregError as error:
                log.debug("the holder of the registry could not be written: %s", error)

    async def _look(self) -> None:
        """A write whose answer was lost conflicts with itself."""
        with contextlib.suppress(CouchregError):
            found = await self._private.read(_HOLDER)
            if found is not None and found.get("process") == self._process:
                self._rev = str(found["_rev"])
                return
            self._lost = True
            log.error("Another couchreg has taken over this registry: this one writes nothing any more.")
            self._tell_lost()
