"""Who alone may change something, where several processes may: a key of the blob store that one can put.

A claim on a name is the key `_claims/<hash of the name>/<number>` with the name of a process in it. The
highest number counts. Whoever wants the name puts the number behind it, where the highest one says that the
name is free, or is a dead process's; and has it if its number is the highest then. Whoever has done its work
puts the number behind its own, which says that the name is free.

No key is ever used twice: an answer that was lost, and a request that is done late or once more, find a key
that is taken, or put or remove one below the highest, which nobody asks for any more. So the highest one is
never removed, and one small object of each name stays.

Notes in a claim tell what may be under way. Who passes over a claim that was never given back, of a process
that has died or that did not know what became of its work, is given them, and has them in its own claim.

A claim says who may begin to write, and does not stop what has been sent: that the store of documents refuses
what comes too late is another's to see to.
"""

import asyncio
import hashlib
import logging
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.errors import CouchregError, NotFound, Unavailable
from couchreg.turns import Locks

T = TypeVar("T")

log = logging.getLogger(__name__)

FOLDER: Final = "_claims/"
FREE: Final = ""  # the process of a number that says that its name is free
LONGEST: Final = 30.0  # seconds for which one waits for another process
FIRST_WAIT, LONGEST_WAIT = 0.05, 0.5  # seconds between two looks
REMOVING: Final = 2.0  # seconds that who has done its work waits for its name to be free
LONGEST_REST: Final = 30.0  # seconds between two attempts to free one
KNOWN: Final = 10_000  # names of which the next number is remembered
NOTES: Final = 100  # that one claim may have, those that were left among them
_SMALL: Final = 1 << 20  # bytes

IsAtWork = Callable[[str], Awaitable[bool]]  # whether a process may still write something


class _Claim(msgspec.Struct):
    process: str
    name: str
    word: str  # no two are equal: a put of what is there would be taken for its own
    notes: tuple[str, ...] = ()


class _Placed(NamedTuple):
    folder: str
    at: int
    word: str
    below: tuple[int, ...] = ()  # numbers that are there
    left: tuple[str, ...] = ()  # notes


_decoder: Final = msgspec.json.Decoder(_Claim)


@dataclass
class HeldClaim:
    """A claim that one has. `left` are the notes of those who have not given it back. One that is kept is not
    given back at the end, and who has it next is told the notes: so it is until those that were left are done
    with."""

    left: tuple[str, ...]
    is_kept: bool


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
        self._going: set[asyncio.Task[None]] = set()  # claims that are being given back
        self._next: OrderedDict[str, int] = OrderedDict()  # by folder, behind what was freed here last

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Raises Unavailable where another process has the name for long, or a store does not answer."""
        async with super().hold(name), self._claimed(name, ()):  # of this process one at a time asks
            yield

    @asynccontextmanager
    async def held(self, name: str, notes: Sequence[str] = ()) -> AsyncIterator[HeldClaim]:
        """As `hold`, with notes. One that is kept keeps other processes out, and whoever has it next in this
        one, or after its end, finds the notes. Raises Unavailable, also where it is held here for long."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(LONGEST):
                    await stack.enter_async_context(super().hold(name))
            except TimeoutError:
                raise Unavailable(f"{name[:200]!r} is being changed: try again.", retry_after=5) from None
            yield await stack.enter_async_context(self._claimed(name, tuple(notes)))

    @asynccontextmanager
    async def _claimed(self, name: str, notes: tuple[str, ...]) -> AsyncIterator[HeldClaim]:
        taken = await self._taken(name, notes)
        held = HeldClaim(taken.left, is_kept=bool(taken.left))
        try:
            yield held
        finally:  # a store that does not answer keeps nobody waiting: what was done is done
            if not held.is_kept:
                await asyncio.wait([self._begin(self._freed(taken))], timeout=REMOVING)

    async def close(self) -> None:
        while self._going:
            for task in self._going:
                task.cancel()
            await asyncio.gather(*self._going, return_exceptions=True)

    # -- taking
    async def _taken(self, name: str, notes: tuple[str, ...]) -> _Placed:
        folder = f"{FOLDER}{hashlib.sha256(name.encode()).hexdigest()[:32]}/"
        until, wait = time.monotonic() + LONGEST, FIRST_WAIT
        number = self._next.pop(folder, None)
        free = None if number is None else _Placed(folder, number, "")
        while True:
            free = free or await self._free_place(folder)
            if free is not None:
                taken = await self._try(free, name, notes)
                if taken is not None:
                    return taken
                free = None
            else:
                if time.monotonic() > until:
                    raise Unavailable(f"Another server is changing {name[:200]!r}: try again.", retry_after=5)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
                wait = min(wait * 2, LONGEST_WAIT)

    async def _free_place(self, folder: str) -> _Placed | None:
        """Behind the highest number, where that is in nobody's way."""
        highest = max(await self._numbers(folder), default=0)
        if not highest:
            return _Placed(folder, 1, "")
        claim = await self._read(f"{folder}{highest}")
        if claim is None or await self._lives(claim):  # None: there are higher ones by now
            return None
        return _Placed(folder, highest + 1, "", left=claim.notes)

    async def _try(self, free: _Placed, name: str, notes: tuple[str, ...]) -> _Placed | None:
        """A number that was free because it has been removed has higher ones, and they are there."""
        own = free._replace(word=secrets.token_hex(16))
        noted = (*notes, *own.left)
        if len(noted) > NOTES:
            raise Unavailable(f"What became of changes of {name[:200]!r} is not known.", retry_after=30)
        try:
            if not await self._put(own, self._process, name, noted):
                return None
            there = await self._numbers(own.folder)
        except BaseException:  # it may have been put all the same, now or later
            self._begin(self._undone(own))
            raise
        if max(there, default=0) > own.at:
            return None
        return own._replace(below=tuple(there))

    async def _put(self, place: _Placed, process: str, name: str = "", notes: tuple[str, ...] = ()) -> bool:
        """Whether this is what stands there."""
        spooled = self._laid(msgspec.json.encode(_Claim(process, name, place.word, notes)))
        key = f"{place.folder}{place.at}"
        return await self._blobs.put(key, spooled, content_type="application/json")

    async def _numbers(self, folder: str) -> list[int]:
        rests = [blob.key.removeprefix(folder) async for blob in self._blobs.keys(folder)]
        return [int(rest) for rest in rests if rest.isdecimal()]

    async def _lives(self, claim: _Claim) -> bool:
        """Whether somebody has it who is at work. One of our own was left: nobody here has it."""
        return claim.process not in (FREE, self._process) and await self._is_at_work(claim.process)

    async def _read(self, key: str) -> _Claim | None:
        try:
            async with aclosing(self._blobs.open(key, 0, _SMALL)) as chunks:
                return _decoder.decode(b"".join([chunk async for chunk in chunks]))
        except NotFound:
            return None
        except msgspec.MsgspecError:
            return _Claim(FREE, "", "")  # nobody's

    # -- giving back
    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name="giving back of a claim")
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return task

    async def _freed(self, own: _Placed, left: tuple[str, ...] = ()) -> None:
        """The number behind it is put; where others have, this process was taken for dead, or has gone on."""
        free = _Placed(own.folder, own.at + 1, secrets.token_hex(16))
        if not await self._patiently(lambda: self._put(free, FREE, notes=left)):
            return
        if not left:
            self._next[own.folder] = free.at + 1
        if len(self._next) > KNOWN:
            self._next.popitem(last=False)
        self._begin(self._cleared(own.folder, sorted({*own.below, own.at})))

    async def _undone(self, own: _Placed) -> None:
        """Of a claim of which nobody knows whether it was put, or will be: its key is taken by another
        word, so that it cannot be put any more; where it was, it is freed. Notes that were left still are."""
        other = own._replace(word=secrets.token_hex(16))
        if await self._patiently(lambda: self._put(other, FREE, notes=own.left)):
            return
        there = await self._patiently(lambda: self._read(f"{own.folder}{own.at}"))
        if there is not None and there.word == own.word:
            await self._freed(own, own.left)

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        rest = 0.2
        while True:
            try:
                return await step()
            except CouchregError as error:
                log.warning("A claim cannot be given back now, and will be later: %s", error.reason)
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)

    async def _cleared(self, folder: str, numbers: Sequence[int]) -> None:
        """What lies below is in nobody's way: where it stays, who comes next removes it."""
        try:
            for number in numbers:
                await self._blobs.delete(f"{folder}{number}")
        except CouchregError as error:
            log.debug("claims below %s stay for now: %s", folder, error.reason)
