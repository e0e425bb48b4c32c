"""Publishes while they are checked: within their request, or, when that takes longer, by themselves.

Whoever waits in a request that ends takes the work along. What has been acknowledged as being checked goes on
without anybody, through restarts, and its outcome is kept.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.spool import Spool
from couchreg.errors import (
    Conflict,
    CouchregError,
    InvalidPackage,
    StorageFailure,
    TooManyRequests,
    Unavailable,
)
from couchreg.model.user import User
from couchreg.registry.checking.progress import WAITING, Progress
from couchreg.registry.publishing.filling import fill
from couchreg.registry.publishing.intake import Intake, PublishLimits
from couchreg.registry.publishing.outcomes import failure_of, outcome_of
from couchreg.registry.publishing.publish import Confirm, Published, Publisher
from couchreg.registry.publishing.records import Announced, PublishState, Record
from couchreg.registry.publishing.sessions import Sessions
from couchreg.registry.publishing.threads import ended, whole

log = logging.getLogger(__name__)

ATTEMPTS = 50  # of a check that has no place or no store: some hours
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0  # seconds between two of them
LATER = (TooManyRequests, Unavailable, StorageFailure, OSError)  # no fault of a package, and may pass
BUSY = "This publish is over, or is being checked or published."
EXPIRING = 600.0  # seconds between two looks for what has expired

Redeem = Callable[[Any, str], Awaitable[User]]  # a pledge and a package; raises Unauthorized, Forbidden
Pledge = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a package in a request: `confirm` raises when they have lost their account meanwhile,
    `pledge` gives what vouches for them when the request is over, `askers` are those whose turn it has to
    be; `allow` raises Forbidden for a package that this request may not publish, whoever owns it."""

    user: User
    confirm: Confirm
    pledge: Pledge
    askers: Sequence[str] = ()
    allow: Callable[[str], None] = lambda package: None


class Confirming:
    """Who is asked before a version is written: the request, and when that is over, the pledge."""

    def __init__(self, confirm: Confirm) -> None:
        self.confirm = confirm

    async def __call__(self) -> None:
        await self.confirm()


class PublishRun:
    """One publish at work."""

    def __init__(self, task: "asyncio.Task[Published]", progress: Progress, asking: Confirming) -> None:
        self.task = task
        self.progress = progress
        self.asking = asking
        self.held: AsyncExitStack | None = None  # what it needs of a request that is over
        self.waiting = 0  # requests
        self.is_kept = False  # whether it goes on when they are over
        self.carrier: asyncio.Task[None] | None = None


class Runs:
    """All of a server; whoever makes it calls `start` and `stop`."""

    def __init__(
        self, publisher: Publisher, sessions: Sessions, spool: Spool, limits: PublishLimits, redeem: Redeem
    ) -> None:
        self._publisher = publisher
        self.sessions = sessions
        self._spool = spool
        self._limits = limits
        self._redeem = redeem
        self._runs: dict[str, PublishRun] = {}
        self._alone: set[str] = set()
        self._stopping = False
        self._expiring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on with what was acknowledged and not finished."""
        for record in await self.sessions.load():
            log.info("the check of %s %s goes on", record.name, record.version)
            self._go_on(record, self._begin(record, None, Confirming(lambda: _nothing())))
        self._expiring = asyncio.create_task(self._expire(), name="expiry of publishes")

    async def stop(self) -> None:
        """End what runs; what was acknowledged goes on with the next start."""
        self._stopping = True
        if self._expiring is not None:
            self._expiring.cancel()
        kept = [run for run in self._runs.values() if run.carrier is not None]
        ending: list[asyncio.Task[Any]] = [run.task for run in kept]
        ending += [run.carrier for run in kept if run.carrier is not None]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    @property
    def under_way(self) -> int:
        """How many publishes there are that may outlive their requests."""
        return len(self._runs)

    def progress(self, record: Record) -> dict[str, Any] | None:
        """How far the check of a publish is; None while there is none."""
        run = self._runs.get(record.id)
        return run.progress.shown() if run is not None else None

    # -- in one request
    async def publish(
        self,
        intake: Intake,
        held: AsyncExitStack,
        name: str,
        version: str,
        sender: Sender,
        *,
        seconds: float,
    ) -> Published | Record:
        """Publish what has arrived; what is not done after some seconds goes on by itself, and its record is
        returned. `held` keeps the intake, and is taken over then. Raises as `Publisher.publish`."""
        asking, progress = Confirming(sender.confirm), Progress()
        work = self._publisher.publish(
            intake, name, version, sender.user, confirm=asking, askers=sender.askers, progress=progress
        )
        run = PublishRun(asyncio.create_task(work), progress, asking)

        async def keep() -> Record:
            await sender.confirm()
            return await self.keep(intake, name, version, sender)

        return await self._within(run, seconds, keep, held)

    async def keep(
        self, intake: Intake, name: str, version: str, sender: Sender, instead: Record | None = None
    ) -> Record:
        """Keep what has arrived as a publish that outlives its request, or `instead` of another, which is
        removed. Raises TooManyRequests, Unavailable."""
        pledge, now = await sender.pledge(), self.sessions.clock()
        record = _record(intake, name, version, sender.user, pledge, sender.askers, now)
        await self._keep_files(record, intake, instead)
        if instead is not None:
            await self.sessions.remove(instead, handed_on=True)
        return record

    async def _keep_files(self, record: Record, intake: Intake, instead: Record | None) -> None:
        """The files of a request as those of a publish that outlives it. Raises Unavailable."""
        received = list(intake.files.items())
        files = [
            Announced(path, one.spooled.length, one.spooled.sha256, one.content_type)
            for path, one in received
        ]
        await self.sessions.adopt(record, files, instead)
        try:
            await asyncio.to_thread(self._link_all, record, [one.spooled for _, one in received])
        except BaseException:
            await self.sessions.remove(record)
            raise

    def _link_all(self, record: Record, spooled: Sequence[Spooled]) -> None:
        for number, file in enumerate(spooled):
            self.sessions.shelf.keep(record.id, number, file)

    # -- over several
    async def commit(
        self, record: Record, user: User, *, seconds: float, confirm: Confirm
    ) -> Published | Record:
        """Publish what was announced and has arrived. Raises Conflict while files are missing, and as
        `Publisher.publish`; for one that is over, what came of it."""
        if record.is_finished:
            return outcome_of(record)
        self._check_free(record)
        run = self._runs.get(record.id)
        if run is None:
            run = self._runs[record.id] = self._begin(record, user, Confirming(confirm))
            run.task.add_done_callback(lambda _: self._forget(record, run))

        async def keep() -> Record:
            return record

        try:
            found = await self._within(run, seconds, keep)
        except InvalidPackage as error:
            await self.sessions.save(record, PublishState.REFUSED, failure_of(error))
            raise
        if isinstance(found, Published) and not record.is_finished:
            await self._finish(record, found)
        return found

    def _forget(self, record: Record, run: PublishRun) -> None:
        if not run.is_kept and self._runs.get(record.id) is run:
            del self._runs[record.id]

    async def cancel(self, record: Record) -> None:
        """End it and remove it. Raises Conflict while its files are `alone` somebody's."""
        self._check_free(record)
        run = self._runs.pop(record.id, None)
        if run is not None:
            if run.carrier is not None:
                run.carrier.cancel()
            run.task.cancel()
            await ended(run.task)
        await self.sessions.remove(record)

    @contextmanager
    def alone(self, record: Record) -> Iterator[None]:
        """Have the files of an open publish for oneself: meanwhile nothing else checks, publishes or removes
        it. Raises Conflict where something does so already."""
        self._check_free(record)
        if record.state is not PublishState.OPEN or record.id in self._runs:
            raise Conflict(BUSY)
        self._alone.add(record.id)
        try:
            yield
        finally:
            self._alone.discard(record.id)

    def _check_free(self, record: Record) -> None:
        if record.id in self._alone:
            raise Conflict(BUSY)

    # -- waiting
    async def _within(
        self,
        run: PublishRun,
        seconds: float,
        keep: Callable[[], Awaitable[Record]],
        held: AsyncExitStack | None = None,
    ) -> Published | Record:
        run.waiting += 1
        try:
            done, _ = await asyncio.wait({run.task}, timeout=seconds)
            if not done:
                record = await whole(self._kept(run, keep, held))
                if record is not None:
                    return record
            await asyncio.wait({run.task})
            if run.task.cancelled():
                raise Conflict("This publish was deleted meanwhile.")
            return run.task.result()
        finally:
            run.waiting -= 1
            if not (run.is_kept or run.waiting or run.task.done()):
                run.task.cancel()
                await ended(run.task)

    async def _kept(
        self, run: PublishRun, keep: Callable[[], Awaitable[Record]], held: AsyncExitStack | None
    ) -> Record | None:
        """The record of a publish that goes on by itself from now on; None for one that cannot be kept."""
        record = None
        try:
            record = await keep()
            await asyncio.to_thread(self.sessions.shelf.make_durable, record.id)
            if not run.is_kept:
                await self.sessions.save(record, PublishState.CHECKING)
        except (TooManyRequests, Unavailable) as error:
            log.warning("a publish is checked within its request, for it cannot be kept: %s", error)
            if record is not None and held is not None:
                await self.sessions.remove(record)
            elif record is not None:
                record.state = PublishState.OPEN
            return None
        if not run.is_kept:
            run.held = held.pop_all() if held is not None else None
            self._go_on(record, run)
        return record

    # -- alone
    def _begin(self, record: Record, user: User | None, asking: Confirming) -> PublishRun:
        progress = Progress()
        return PublishRun(asyncio.create_task(self._work(record, user, asking, progress)), progress, asking)

    def _go_on(self, record: Record, run: PublishRun) -> None:
        run.is_kept = True
        run.asking.confirm = lambda: self._redeemed(record)
        self._runs[record.id] = run
        run.carrier = asyncio.create_task(self._carry(record, run), name=f"publish {record.id}")

    async def _redeemed(self, record: Record) -> None:
        await self._redeem(record.pledge, record.name)

    async def _work(
        self, record: Record, user: User | None, asking: Confirming, progress: Progress
    ) -> Published:
        """Check and publish it, as whoever it was."""
        user = user or await self._redeem(record.pledge, record.name)
        async with Intake(self._spool, self._limits) as intake:
            await fill(intake, self.sessions, record, checked=self._publisher.checks_data)
            return await self._publisher.publish(
                intake,
                record.name,
                record.version,
                user,
                confirm=asking,
                askers=record.askers,
                progress=progress,
            )

    async def _carry(self, record: Record, run: PublishRun) -> None:
        """To an end that is kept, whatever it is."""
        try:
            await self._to_an_end(record, run)
        finally:
            if run.held is not None:
                await run.held.aclose()
            if self._runs.get(record.id) is run:
                del self._runs[record.id]

    async def _to_an_end(self, record: Record, run: PublishRun) -> None:
        for attempt in range(ATTEMPTS):
            try:
                published = await asyncio.shield(run.task)
            except LATER as error:
                if self._stopping or not self.sessions.holds(record):
                    return None
                if attempt == ATTEMPTS - 1:
                    return await self._settle(record, PublishState.FAILED, failure_of(error))
                run.progress.enter(WAITING)
                wait = getattr(error, "retry_after", FIRST_WAIT)
                await asyncio.sleep(min(wait * 2**attempt, LONGEST_WAIT))
                run.task = asyncio.create_task(self._work(record, None, run.asking, run.progress))
            except InvalidPackage as error:
                return await self._settle(record, PublishState.REFUSED, failure_of(error))
            except CouchregError as error:
                return await self._settle(record, PublishState.FAILED, failure_of(error))
            except Exception as error:
                log.exception("the publish of %s %s failed", record.name, record.version)
                return await self._settle(record, PublishState.FAILED, failure_of(error))
            else:
                return await self._finish(record, published)
        return None

    async def _settle(self, record: Record, state: PublishState, outcome: Any) -> None:
        """Keep what came of it, however long the disk takes; nothing of what was removed meanwhile."""
        while self.sessions.holds(record):
            try:
                await self.sessions.save(record, state, outcome)
                return
            except Unavailable as error:
                log.warning("what came of a publish cannot be kept yet: %s", error)
                await asyncio.sleep(error.retry_after)

    async def _finish(self, record: Record, published: Published) -> None:
        outcome = {"rev": published.rev, "created": published.created, "report": published.report}
        await self._settle(record, PublishState.PUBLISHED, outcome)
        await self.sessions.forget_files(record)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRING)
            with contextlib.suppress(CouchregError):  # a disk that fails now may not do so next time
                await self.sessions.expire()


def _record(
    intake: Intake,
    name: str,
    version: str,
    user: User,
    pledge: Any,
    askers: Sequence[str],
    now: float,
) -> Record:
    return Record(
        id=secrets.token_hex(16),
        name=name,
        version=version,
        user=user.name or "",
        pledge=pledge,
        digest="",
        length=sum(one.spooled.length for one in intake.files.values()),
        made=now,
        touched=now,
        askers=tuple(askers),
    )


async def _nothing() -> None:
    """Nobody to ask."""
