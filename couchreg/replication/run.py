"""One run of a replication, from its checkpoint to the end of the changes or, continuous, until it is
stopped."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from couchreg.errors import CouchregError, NotFound
from couchreg.replication.aside import SetAside
from couchreg.replication.checkpoints import ReplicationCheckpoints, ReplicationSession, RunCounts, Start
from couchreg.replication.options import Replication
from couchreg.replication.peers import ChangesPage, Source, Target
from couchreg.replication.transfer import Transfer

LAST_CHECKPOINT = 5.0  # seconds that a run which is stopped has for it


class Run:
    """`source` and `target` are this run's own, and closed by it."""

    def __init__(
        self,
        replication: Replication,
        base_id: str,
        source: Source,
        target: Target,
        aside: SetAside,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._replication = replication
        self._source = source
        self._target = target
        self._clock = clock
        self._checkpoints = ReplicationCheckpoints(base_id, source, target)
        self._found_changes = False
        self._held_back = False  # something found no place in the list of what waits
        self._committed: Any = None
        self._due = 0.0
        self.aside = aside
        self.session = ReplicationSession(secrets.token_hex(16), clock(), Start(0, ()))
        self.source_seq: Any = None
        self.through_seq: Any = None
        self.pending: int | None = None
        self.current: float | None = None  # Unix time at which all of the source was last at the target
        self.waits = False  # it is there now
        self._in_hand = 0  # changes that are being brought
        self._before = 0  # documents that earlier sessions wrote

    @property
    def behind(self) -> int | None:
        """How many changes of the source are not at the target yet, as far as the source tells."""
        return None if self.pending is None else self.pending + self._in_hand

    @property
    def written(self) -> int:
        """Documents of this run."""
        return self.counts.docs_written - self._before

    @property
    def committed_seq(self) -> Any:
        return self._committed

    @property
    def counts(self) -> RunCounts:
        return self.session.counts

    @property
    def read_only(self) -> bool:
        return self._checkpoints.read_only

    async def execute(self) -> Mapping[str, Any]:
        """The record of what was done, as `_replicate` answers. Raises CouchregErrors."""
        try:
            await self._begin()
            try:
                await self._work()
            except asyncio.CancelledError:
                with suppress(CouchregError, TimeoutError):  # the next run begins a little earlier
                    async with asyncio.timeout(LAST_CHECKPOINT):
                        await self._checkpoint()
                raise
            return await self._result()
        except* CouchregError as group:
            raise _first(group) from None
        finally:
            async with AsyncExitStack() as ending:  # each is closed, whatever comes of the others
                ending.push_async_callback(self._target.close)
                ending.push_async_callback(self._source.close)
                await self.aside.save()

    async def _begin(self) -> None:
        source = await self._source.info()
        try:
            target = await self._target.info()
        except NotFound:
            if not self._replication.create_target:
                raise
            await self._target.create(self._replication.create_target_params)
            target = await self._target.info()
        await self.aside.read()
        start = await self._checkpoints.read(source, target)
        if self._replication.since_seq is not None:
            start = Start(self._replication.since_seq, start.history)
        counts = RunCounts.of(start.history[0]) if start.history else RunCounts()
        self.session = ReplicationSession(self.session.id, self.session.began, start, counts)
        self._before = counts.docs_written
        self.source_seq = self.through_seq = self._committed = start.since
        self._due = self._clock() + self._replication.checkpoint_interval
        self._transfer = Transfer(
            self._source, self._target, counts, self.aside, workers=self._replication.workers
        )
        await self._transfer.again(self.aside.due(all_of_them=True))

    async def _work(self) -> None:
        """While a stretch is being brought, the next is read already."""
        reading = asyncio.ensure_future(self._read(self.through_seq, wait=False))
        try:
            while True:
                page = await self._await(reading)
                self.source_seq, self.pending, self.waits = page.last_seq, page.pending, False
                at_end = len(page.rows) == 0
                if at_end and not self._replication.continuous:
                    self.through_seq = page.last_seq
                    return
                reading = asyncio.ensure_future(self._read(page.last_seq, wait=at_end))
                self._in_hand = len(page.rows)
                await self._bring(page)
                self._in_hand = 0
                if at_end or page.pending == 0:
                    self.current, self.waits = self._clock(), at_end
        finally:
            if self.waits:
                self.current, self.waits = self._clock(), False
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, since: Any, *, wait: bool) -> ChangesPage:
        return await self._source.changes(since, self._replication.batch_size, wait=wait)

    async def _bring(self, page: ChangesPage) -> None:
        self._found_changes = True
        if not await self._transfer.changes(page.rows):
            self._held_back = True
        self._add_bulk_counts()
        if not self._held_back:
            self.through_seq = page.last_seq
        if self._clock() >= self._due:
            await self._checkpoint()

    async def _await(self, reading: "asyncio.Future[ChangesPage]") -> ChangesPage:
        """The next stretch; while there is none, checkpoints and what was set aside have their time."""
        while True:
            done, _ = await asyncio.wait([reading], timeout=self._rest())
            if done:
                return reading.result()
            if self._clock() >= self._due and self._has_moved:
                await self._checkpoint()
            due = self.aside.due() if self._replication.continuous else ()
            if due:
                await self._transfer.again(due)
                await self.aside.save()

    def _rest(self) -> float | None:
        """Seconds until there is something to do though no change has come."""
        waits = [self._due - self._clock()] if self._has_moved else []
        retry = self.aside.next if self._replication.continuous else None
        waits += [retry] if retry is not None else []
        return max(min(waits), 0.01) if waits else None

    @property
    def _has_moved(self) -> bool:
        beginning = (0, "0")
        both = self.through_seq in beginning and self._committed in beginning
        return not both and bool(self.through_seq != self._committed)

    def _add_bulk_counts(self) -> None:
        """What the source has counted since."""
        for name in ("bulk_get_attempts", "bulk_get_docs"):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(self._source, name))
            setattr(self._source, name, 0)

    async def _checkpoint(self) -> None:
        await self.aside.save()
        self._due = self._clock() + self._replication.checkpoint_interval
        if not self._replication.use_checkpoints or not self._has_moved:
            return
        await self._checkpoints.write(self._record())
        self._committed = self.through_seq

    def _record(self) -> dict[str, Any]:
        by_ids = self._replication.filter.kind == "doc_ids"
        return self.session.record(self.through_seq, self._clock(), by_ids=by_ids)

    async def _result(self) -> Mapping[str, Any]:
        if not self._replication.use_checkpoints and self._has_moved:
            return {"use_checkpoints": False}
        await self._checkpoint()
        if not self._found_changes or self.session.id != self._checkpoints.last.get("session_id"):
            return {"no_changes": True, **self._checkpoints.last}
        return self._checkpoints.last


def _first(group: BaseExceptionGroup[CouchregError]) -> CouchregError:
    """Of what went wrong at once."""
    for error in group.exceptions:
        return error if isinstance(error, CouchregError) else _first(error)
    raise AssertionError("a group is never empty")
