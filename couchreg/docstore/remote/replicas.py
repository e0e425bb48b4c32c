"""The copies of a database in a cluster, each of them asked by itself.

What a cluster answers does not say how many copies it has asked, nor which. So whatever decides about
something that was acknowledged is read here: of an acknowledged write a majority of the copies has known ever
since, so of any majority that answers one at least knows it. Each node has a way to its own copies
(`/_node/<name>/<shard>`).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

import msgspec

from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.errors import CouchregError, Failure, Unavailable

T = TypeVar("T")

TIMEOUT: Final = 5.0  # seconds for one copy, in two attempts
HEDGE: Final = 0.5  # seconds after which another copy is asked as well
SLOW: Final = 5.0  # seconds for which a copy that did not answer in that time is asked last
LATE: Final = 1.0  # seconds for which the others are waited for when a majority has answered
KNOWN: Final = 30.0  # seconds for which it is believed which copies there are
ALL: Final = "00000000-ffffffff"  # the range of the only shard
SEVERAL_SHARDS: Final = (
    "A database in the cluster behind this server has several shards, and couchreg needs one (q=1)."
)
FEW: Final = "Too few nodes of the CouchDB behind this server answer."

Ask = Callable[[DatabaseCalls], Awaitable[T]]  # asks one copy


class Differences(msgspec.Struct):
    missing: list[str] = []
    possible_ancestors: list[str] = []


differences: Final = msgspec.json.Decoder(dict[str, Differences])


@dataclass(frozen=True)
class Copy:
    node: str
    path: str
    asking: DatabaseCalls = field(compare=False)


class Replicas:
    """Of one database with one shard. While servers are at work nobody moves its copies to other nodes."""

    def __init__(self, asking: DatabaseCalls) -> None:
        self._asking = asking
        self._copies: Sequence[Copy] = ()
        self._asked = 0.0
        self._slow: dict[str, float] = {}  # until when, by node

    async def copies(self, *, anew: bool = False) -> Sequence[Copy]:
        if self._copies and not anew and time.monotonic() - self._asked < KNOWN:
            return self._copies
        begun = time.monotonic()
        answer = await self._asking.calls.ask("GET", "/_node/_local/_dbs" + self._asking.path)
        if answer.status == 404:
            (await self._asking.ask("GET", "")).check()  # where it is gone this says so
            raise Unavailable("A node of the CouchDB behind this server does not know this database yet.")
        answer.check()
        self._copies, self._asked = self._read(await answer.json()), begun
        return self._copies

    def _read(self, told: Any) -> Sequence[Copy]:
        if list(told["by_range"]) != [ALL]:
            raise Failure(SEVERAL_SHARDS)
        suffix = bytes(told["shard_suffix"]).decode()
        shard = quote(f"shards/{ALL}/{unquote(self._asking.path[1:])}{suffix}", safe="")
        paths = {node: f"/_node/{quote(node, safe='@')}/{shard}" for node in told["by_range"][ALL]}
        return [Copy(node, path, DatabaseCalls.at(self._asking.calls, path)) for node, path in paths.items()]

    async def majority(self, ask: Ask[T], must: str | None = None) -> list[T]:
        """What more than half of the copies say, with that of the node `must` in front; no more of them are
        asked than are needed for that. Raises Unavailable where fewer answer, NotFound where the database is
        gone."""
        before = await self.copies()
        try:
            return await self._majority(before, ask, must)
        except Unavailable:
            if await self.copies(anew=True) == before:
                raise
        return await self._majority(self._copies, ask, must)

    async def _majority(self, there: Sequence[Copy], ask: Ask[T], must: str | None) -> list[T]:
        copies = [copy for copy in there if copy.node != must]
        if must is None or len(copies) == len(there):
            return await self._of_any(copies, len(there) // 2 + 1, ask)
        first = self._begin(next(copy for copy in there if copy.node == must), ask)
        try:
            found = await self._of_any(copies, len(there) // 2, ask)
            await asyncio.wait([first])
        finally:
            await _ended({first})
        if not _has_answered(first):
            await self._few()
        return [first.result(), *found]

    async def _of_any(self, copies: list[Copy], enough: int, ask: Ask[T]) -> list[T]:
        found, running = list[T](), set[asyncio.Task[T]]()
        now = time.monotonic()
        copies.sort(key=lambda copy: self._slow.get(copy.node, 0.0) > now)
        try:
            while len(found) < enough:
                while copies and len(found) + len(running) < enough:
                    running.add(self._begin(copies.pop(0), ask))
                if len(found) + len(running) < enough:
                    await self._few()
                done, running = await asyncio.wait(
                    running, timeout=HEDGE if copies else None, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    running.add(self._begin(copies.pop(0), ask))
                found += [task.result() for task in done if _has_answered(task)]
        finally:
            await _ended(running)
        return found

    async def answering(self, ask: Ask[T]) -> list[T]:
        """What all copies say that answer soon, a majority at least. Raises as `majority`."""
        copies = await self.copies()
        enough, until = len(copies) // 2 + 1, time.monotonic() + 2 * TIMEOUT
        found, running = list[T](), {self._begin(one, ask) for one in copies}
        try:
            while running and (left := until - time.monotonic()) > 0:
                done, running = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                found += [task.result() for task in done if _has_answered(task)]
                if len(found) >= enough:
                    until = min(until, time.monotonic() + LATE)
        finally:
            await _ended(running)
        if len(found) < enough:
            await self._few()
        return found

    async def is_silent(self, node: str) -> bool:
        """Whether a majority of the copies answers, and that of this node does not."""

        async def ask(copy: DatabaseCalls) -> str:
            (await copy.ask("GET", "")).check()
            return copy.path

        try:
            there = await self.answering(ask)
        except Unavailable:
            return False
        return all(copy.node != node or copy.path not in there for copy in await self.copies())

    async def missing(self, revs: Mapping[str, Sequence[str]]) -> dict[str, tuple[list[str], list[str]]]:
        """Revisions that a copy of those asked, a majority, has not, and their possible ancestors."""

        async def ask(copy: DatabaseCalls) -> dict[str, Differences]:
            value = {doc_id: list(of) for doc_id, of in revs.items()}
            answer = await copy.ask("POST", "/_revs_diff", value=value)
            return await copy.decoded(answer, differences)

        found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        for told in await self.majority(ask):
            for doc_id, one in told.items():
                missing, ancestors = found.setdefault(doc_id, ({}, {}))
                missing.update(dict.fromkeys(one.missing))
                ancestors.update(dict.fromkeys(one.possible_ancestors))
        return {doc_id: (list(missing), list(ancestors)) for doc_id, (missing, ancestors) in found.items()}

    async def _few(self) -> None:
        (await self._asking.ask("GET", "")).check()  # where it is gone this says so
        self._asked = 0.0
        raise Unavailable(FEW, retry_after=5)

    def _begin(self, copy: Copy, ask: Ask[T]) -> "asyncio.Task[T]":
        """The node that passes a question on may be one that stands still: the second attempt is on another
        connection, which a balancer leads elsewhere."""

        async def attempted() -> T:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT / 2):
                    return await ask(copy.asking)
            async with asyncio.timeout(TIMEOUT / 2):
                return await ask(copy.asking)

        async def asked() -> T:
            begun = time.monotonic()
            try:
                found = await attempted()
            except (Unavailable, TimeoutError):
                self._slow[copy.node] = time.monotonic() + SLOW
                raise
            except asyncio.CancelledError:  # another one was asked meanwhile
                if time.monotonic() - begun >= HEDGE:
                    self._slow[copy.node] = time.monotonic() + SLOW
                raise
            self._slow.pop(copy.node, None)
            return found

        return asyncio.create_task(asked(), name=f"copy at {copy.node}")


def _has_answered(task: "asyncio.Task[Any]") -> bool:
    """Raises what is a fault of couchreg."""
    error = task.exception()
    if error is not None and not isinstance(error, (CouchregError, TimeoutError)):
        raise error
    return error is None


async def _ended(tasks: "set[asyncio.Task[T]]") -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
