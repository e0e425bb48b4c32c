"""Who alone may change something, where several processes may: a key of the blob store that one can put.

A claim on a name is the key `_claims/<hash of the name>/<number>` with the name of a process in it. Whoever
wants it puts number 1; where that is taken by a process that is dead, the number behind the highest. It has
it if, after that, its number is the highest and nobody who lives has a lower one: of two who put one each,
the second to look sees both, so that never both have it. Nothing is overwritten, and nobody deletes another's
claim but who has a higher one.

A claim says who may begin to write, and does not stop what has been sent: that the store of documents refuses
what comes too late is another's to see to.
"""

import asyncio
import hashlib
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.errors import CouchregError, NotFound, Unavailable
from couchreg.turns import Locks

log = logging.getLogger(__name__)

FOLDER: Final = "_claims/"
LONGEST: Final = 30.0  # seconds for which one waits for another process
FIRST_WAIT, LONGEST_WAIT = 0.05, 0.5  # seconds between two looks
REMOVING: Final = 2.0  # seconds that who has done its work waits for its claim to go
AGAIN: Final = 60.0  # seconds after which what was sent without an answer has come to its end
LONGEST_REST: Final = 30.0  # seconds between two attempts to remove one
_SMALL: Final = 1000  # bytes

IsAtWork = Callable[[str], Awaitable[bool]]  # whether a process may still write something


class _Claim(msgspec.Struct):
    process: str
    name: str
    word: str  # no two claims are equal: a put of what is there would be taken for its own


class _Placed(NamedTuple):
    key: str
    word: str


_decoder: Final = msgspec.json.Decoder(_Claim)


class Claims(Locks):
    """`hold` as that of `Locks`, among all processes that share the blob store. `laid` makes a few bytes
    ready to be put. Whoever makes it calls `close`."""

    def __init__(
        self, blobs: BlobStore, laid: Callable[[bytes], Spooled], process: str, is_at_work: IsAtWork
    ) -> None:
        super().__init__()
        self._blobs = blobs
        self._laid = laid
        self._process = process
        self._is_at_work = is_at_work
        self._going: set[asyncio.Task[None]] = set()  # claims that are being removed

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Raises Unavailable where another process has the name for long, or a store does not answer."""
        async with super().hold(name):  # so of this process one at a time asks
            taken = await self._taken(name)
            try:
                yield
            finally:
                await self._removed(taken)

    async def close(self) -> None:
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)

    # -- taking
    async def _taken(self, name: str) -> list[_Placed]:
        """What is to be removed in the end, the own one last."""
        folder = f"{FOLDER}{hashlib.sha256(name.encode()).hexdigest()[:32]}/"
        until, wait, number = time.monotonic() + LONGEST, FIRST_WAIT, 1
        while True:
            taken = await self._try(folder, number, name)
            if taken is not None:
                return taken
            highest = max([found async for found in self._numbers(folder)], default=0)
            if highest and await self._living(f"{folder}{highest}"):
                if time.monotonic() > until:
                    raise Unavailable(f"Another server is changing {name[:200]!r}: try again.", retry_after=5)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
                wait = min(wait * 2, LONGEST_WAIT)
                number = highest
            else:
                number = highest + 1

    async def _try(self, folder: str, number: int, name: str) -> list[_Placed] | None:
        claim = _Claim(self._process, name, secrets.token_hex(16))
        own = _Placed(f"{folder}{number}", claim.word)
        spooled = self._laid(msgspec.json.encode(claim))
        try:
            if not await self._blobs.put(own.key, spooled, content_type="application/json"):
                return None
            lower = await self._lower(folder, number)
        except BaseException:  # it may have been put all the same, now or later
            self._remove([own], again=AGAIN)
            raise
        if lower is not None:
            return [*lower, own]
        await self._removed([own])
        return None

    async def _lower(self, folder: str, number: int) -> list[_Placed] | None:
        """The dead claims below one that has been put; None where that does not count."""
        dead = []
        async for found in self._numbers(folder):
            if found > number:
                return None
            if found < number:
                claim = await self._read(f"{folder}{found}")
                if claim is not None and await self._lives(claim):
                    return None
                if claim is not None:
                    dead.append(_Placed(f"{folder}{found}", claim.word))
        return dead

    async def _numbers(self, folder: str) -> AsyncIterator[int]:
        async for blob in self._blobs.keys(folder):
            rest = blob.key.removeprefix(folder)
            if rest.isdecimal():
                yield int(rest)

    async def _living(self, key: str) -> bool:
        claim = await self._read(key)
        return claim is not None and await self._lives(claim)

    async def _lives(self, claim: _Claim) -> bool:
        """Whether somebody has it who is at work. One of our own was left: nobody here has it."""
        return claim.process not in ("", self._process) and await self._is_at_work(claim.process)

    async def _read(self, key: str) -> _Claim | None:
        try:
            async with aclosing(self._blobs.open(key, 0, _SMALL)) as chunks:
                return _decoder.decode(b"".join([chunk async for chunk in chunks]))
        except NotFound:
            return None
        except msgspec.MsgspecError:
            return _Claim("", "", "")  # nobody's

    # -- giving back
    async def _removed(self, placed: Sequence[_Placed]) -> None:
        """A store that does not answer keeps nobody waiting: what was done is done."""
        await asyncio.wait([self._remove(placed)], timeout=REMOVING)

    def _remove(self, placed: Sequence[_Placed], *, again: float | None = None) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._remove_patiently(placed, again), name="removal of a claim")
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return task

    async def _remove_patiently(self, placed: Sequence[_Placed], again: float | None) -> None:
        """Each only where it is still the one that is meant. With `again`, a second time after so long."""
        rest = 0.2
        for one in placed:
            while True:
                try:
                    there = await self._read(one.key)
                    if there is not None and there.word == one.word:
                        await self._blobs.delete(one.key)
                    break
                except CouchregError as error:
                    log.warning("A claim cannot be removed now, and will be later: %s", error.reason)
                    await asyncio.sleep(rest)
                    rest = min(rest * 2, LONGEST_REST)
        if again is not None:
            await asyncio.sleep(again)
            await self._remove_patiently(placed, None)
