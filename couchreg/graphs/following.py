"""The graphs follower: has triples made of versions, in a child for each batch, and keeps copies."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from couchreg.docstore.base import Change, Database
from couchreg.errors import NotFound, StorageFailure
from couchreg.followers.base import BATCH, Checkpoint, RebuildNeeded
from couchreg.graphs.handed import Build, Given, HandedFault
from couchreg.graphs.shelf import VERSION, GraphShelf, ShelfState
from couchreg.package.names import package_of, split_version_id
from couchreg.registry.reading.catalog import Catalog
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool

WORKER: Final = "couchreg.graphs.inside.building"
LARGEST: Final = 8 << 20  # bytes of the versions of one job, unless one has more
LIMITS: Final = Limits(
    seconds=600,
    cpu_seconds=300,
    memory=4 << 30,
    file_size=64 << 30,
    files=4096,
    message=512 << 20,
    nice=15,
)


class GraphsFollower:
    """`base` is the address of the registry, which names of graphs begin with."""

    name = "graphs"
    bodies = True
    batch = BATCH
    linger = 1.0

    def __init__(self, shelf: GraphShelf, database: Database, base: str) -> None:
        self._shelf, self._database, self._base = shelf, database, base
        self._catalog = Catalog(database)
        self._forks = ForkServer((WORKER,))
        self._pool = Pool(Kind("graphs to be made", WORKER, LIMITS), self._forks)
        self._used: Counter[Path] = Counter()
        self._newest: tuple[Path, ShelfState] | None = None

    @contextmanager
    def reading(self) -> Iterator[tuple[Path, ShelfState] | None]:
        """The newest copy that is complete, which stays while it is read; None where there is none yet."""
        if self._newest is None or not self._newest[1].complete:
            yield None
            return
        path, state = self._newest
        self._used[path] += 1
        try:
            yield path, state
        finally:
            self._used[path] -= 1
            if not self._used[path]:
                del self._used[path]

    async def checkpoint(self) -> Checkpoint | None:
        found = await asyncio.to_thread(self._shelf.newest)
        if found is None:
            return None
        state = found[1]
        if (state.version, state.base) != (VERSION, self._base):
            raise RebuildNeeded("the graphs were made by another version, or for another address")
        self._check()
        self._newest = found
        return state.checkpoint

    def _check(self) -> None:
        if not self._shelf.is_whole:
            raise RebuildNeeded("the store of graphs has gone")

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        if self._newest is not None:
            self._check()
        for build in await self._builds(changes):
            await self._build(build)
        if not self._shelf.is_whole:  # nothing has been written yet
            await self._build(Build(str(self._shelf.store.resolve()), self._base, [], [], []))
        now = await self._database.update_seq()
        was_complete = self._newest is not None and self._newest[1].complete
        complete = was_complete or now.text == checkpoint.seq
        state = ShelfState(VERSION, self._base, checkpoint.incarnation, checkpoint.seq, complete)
        used = list(self._used)
        self._newest = await asyncio.to_thread(self._shelf.keep, state, used), state

    async def _builds(self, changes: Sequence[Change]) -> list[Build]:
        gone: list[tuple[str, str]] = []
        batches: list[list[Given]] = [[]]
        size = 0
        for change in changes:
            pair = split_version_id(change.id)
            if pair is None:
                continue
            if change.deleted or change.members is None:
                gone.append(pair)
                continue
            if batches[-1] and size + len(change.members) > LARGEST:
                batches.append([])
                size = 0
            rev = next(iter(change.revs), "")
            batches[-1].append(Given(*pair, rev, change.members, change.attachments))
            size += len(change.members)
        names = sorted(filter(None, {package_of(change.id) for change in changes}))
        if not names:
            return []
        latest = [(name, await self._latest(name)) for name in names]
        store = str(self._shelf.store.resolve())
        last = Build(store, self._base, batches[-1], gone, latest)
        return [*(Build(store, self._base, batch, [], []) for batch in batches[:-1]), last]

    async def _latest(self, name: str) -> str | None:
        try:
            return (await self._catalog.point(name))[0]
        except NotFound:
            return None

    async def _build(self, build: Build) -> None:
        """Raises RebuildNeeded, StorageFailure, Unavailable, and Stopped where that happens twice."""
        await asyncio.to_thread(self._shelf.prepare)
        grant = ChildGrant(write=[self._shelf.store])
        job = msgspec.msgpack.encode(build)
        try:
            answer = await self._pool.ask(job, grant=grant)
        except Stopped:
            answer = await self._pool.ask(job, grant=grant)
        if answer:
            fault = msgspec.msgpack.decode(answer, type=HandedFault)
            raise RebuildNeeded(fault.reason) if fault.is_broken else StorageFailure(fault.reason)

    async def reset(self) -> None:
        self._newest = None
        await asyncio.to_thread(self._shelf.clear, list(self._used))

    async def close(self) -> None:
        await self._pool.close()
        await self._forks.close()
