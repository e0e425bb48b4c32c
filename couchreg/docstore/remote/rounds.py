"""Rounds in which all processes of a registry leave some blobs alone, so that one of them can remove these.

A blob that no document refers to may be one that a process is about to refer to: it has put it, or found it
there, and only it knows. So who sweeps writes the keys that it would remove into the document `sweep:round`,
with a number. Every process that sees it takes none of them from then on, and answers, in its own document,
with the number and those that it has in hand. When all have answered, what is in nobody's hands and still
referred to by no document is removed; then the document is emptied, and they may be taken again.

A process that comes meanwhile writes its document first and reads that one then; who sweeps writes that one
first and looks then who is there: one at least sees the other. Of a process that has gone nobody knows what
it was writing, so for LATE seconds after that there are no rounds; nor while a process says that a write of
its own may still come to its end.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from couchreg.docstore.remote.numbered import NumberedDocuments
from couchreg.docstore.remote.private import PrivateDocuments
from couchreg.docstore.together import Hands
from couchreg.errors import CouchregError

log = logging.getLogger(__name__)

ROUND: Final = "sweep:round"
LATE: Final = 600.0  # seconds after which what a process has sent has come to its end
TIMEOUT: Final = 60.0  # seconds for which one waits for the answers of all
LOOK: Final = 0.3  # seconds between two looks for them, and before an end is written again

Answers = Callable[[], Awaitable[Sequence[dict[str, Any]]]]  # the documents of all processes, as they are now
Check = Callable[[], None]  # raises where this process is not certain to be the one that sweeps


class Rounds:
    """The part of one process in them. `doubts` says whether a write of its own may still come to its end."""

    def __init__(self, private: PrivateDocuments | NumberedDocuments, doubts: Callable[[], bool]) -> None:
        self._private = private
        self._doubts = doubts
        self._hands: Hands | None = None
        self._number: int | None = None  # of the round that was heeded last
        self._held: tuple[str, ...] = ()
        self._there: set[str] = set()  # the documents of processes that were seen last
        self._gone_at = time.monotonic()  # when a process was seen to have gone; at our start one may have

    # -- of all
    def answer(self) -> dict[str, Any]:
        """What the document of this process says of the last round."""
        return {"round": self._number, "held": list(self._held), "doubts": self._doubts()}

    def are_there(self, processes: Iterable[str]) -> bool:
        """These are the documents of all processes now: whether none has gone that was there before."""
        before, self._there = self._there, set(processes)
        if before <= self._there:
            return True
        self._gone_at = time.monotonic()
        return False

    async def heed(self, hands: Hands) -> None:
        """From now on this process takes blobs in its hands. Its own document has been written before."""
        found = await self._private.read(ROUND)
        self._hands = hands
        self.see(found)

    def see(self, found: dict[str, Any] | None) -> bool:
        """Heed a round, if it is a later one; whether there is something to answer."""
        number = 0 if found is None else int(found["round"])
        if self._hands is None or (self._number is not None and number <= self._number):
            return False
        self._hands.unblock()
        keys = () if found is None else found["keys"]
        self._held = tuple(self._hands.block(keys)) if keys else ()
        self._number = number
        return True

    # -- of who sweeps
    async def recover(self, check: Check) -> None:
        """End a round that was not ended: what was sent to be removed may be removed late."""
        found = await self._private.read(ROUND)
        if found is not None and found["keys"]:
            await asyncio.sleep(LATE)
            await self._write([], check)

    @asynccontextmanager
    async def round(self, keys: Collection[str], answers: Answers, check: Check) -> AsyncIterator[set[str]]:
        """Those of these keys that are in nobody's hands, nor will be until the block ends; none where that
        cannot be had now. When the block raises, what it has sent may be done late: they are left alone for
        longer. A round that is broken off stays as it is, until the next `recover`."""
        if not self._are_all_there(await answers()):
            yield set()
            return
        try:
            number = await self._write(list(keys), check)
            free = await self._free(set(keys), number, answers)
        except CouchregError:
            await self._end(check)  # nothing has been sent
            raise
        try:
            yield free
        except Exception:
            await asyncio.sleep(LATE)
            await self._end(check)
            raise
        await self._end(check)

    def _are_all_there(self, found: Sequence[dict[str, Any]]) -> bool:
        """Whether these are all processes, and none has gone lately."""
        are_there = self.are_there(one["_id"] for one in found)
        return are_there and time.monotonic() - self._gone_at >= LATE

    async def _end(self, check: Check) -> None:
        """Until it is done: as long as this process sweeps, nobody else does it."""
        while True:
            with contextlib.suppress(CouchregError):
                await self._write([], check)
                return
            await asyncio.sleep(LOOK)

    async def _write(self, keys: list[str], check: Check) -> int:
        """The number of the round, which is higher than any before."""
        check()
        found = await self._private.read(ROUND)
        number = (0 if found is None else int(found["round"])) + 1
        rev = None if found is None else str(found["_rev"])
        await self._private.write(ROUND, {"round": number, "keys": keys}, rev)
        return number

    async def _free(self, keys: set[str], number: int, answers: Answers) -> set[str]:
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            await asyncio.sleep(LOOK)
            found = await answers()
            if not self._are_all_there(found) or any(one.get("doubts", True) for one in found):
                break
            if all(one.get("round") == number for one in found):
                return keys.difference(*[one.get("held", ()) for one in found])
        log.info("Nothing is swept now: a couchreg does not answer, has gone, or is not sure of a write.")
        return set()
