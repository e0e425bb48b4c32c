"""The documents of replication databases, made into jobs: each that is written begins one, and its end is
written into it.

A document is looked at when it changes, and all of them when the server starts. One that has ended
(`completed`, `failed` in `_replication_state`) is left alone until its user takes that member out.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from couchreg.docstore.base import (
    BEGINNING,
    Change,
    ConfiguredStore,
    Database,
    Edit,
    Range,
    Revision,
    Seq,
    Stub,
)
from couchreg.errors import Conflict, CouchregError, LostDocument, NotFound, StorageFailure, Unavailable
from couchreg.journal.failing import tell
from couchreg.model import json
from couchreg.model.user import ADMIN_ROLE, User
from couchreg.replication.guarding import REPLICATOR, holds_replications, without_secrets
from couchreg.replication.jobs import Job, Mark, moment, sentence
from couchreg.replication.options import Replication, parse
from couchreg.replication.scheduler import Pace, Scheduler

log = logging.getLogger(__name__)

STATES = ("initializing", "error", "running", "pending", "crashing", "completed", "failed")
ENDED = ("completed", "failed")
MEMBERS = ("_replication_state", "_replication_state_time", "_replication_state_reason", "_replication_stats")
AGAIN = 1.0  # seconds before a document store that does not answer is asked again
LATER = 30.0  # seconds before a database that cannot be read is looked at again
TOGETHER = 0.05  # seconds in which databases that change, at every write of any, are gathered
TRIES = 20  # to write a state past somebody who edits the document at the same time
MOST_ERRORS = 10  # that make the wait longer
_NOT_IN_STATS = ("source_seq", "through_seq", "source_read_only")


class Jobs(Protocol):
    """What makes a job of a wish (`replicator.py`)."""

    async def job_of(self, wanted: Replication, user: User, *, database: str, doc_id: str) -> Job: ...

    def check(self, wanted: Replication, user: User) -> None: ...

    async def check_stands(self, user: User) -> None: ...


@dataclass(eq=False)
class Followed:
    """A document that is, or is about to be, a job."""

    database: str
    doc_id: str
    wanted: Replication
    user: User
    account: Mark | None = None  # of the user's, once there is one
    job: Job | None = None
    errors: int = 0
    problem: str | None = None
    added: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    task: "asyncio.Task[None] | None" = None

    def row(self, node: str) -> dict[str, Any]:
        """As `_scheduler/docs` shows it."""
        job = self.job
        head = {"database": self.database, "doc_id": self.doc_id, "id": None if job is None else job.id}
        ends = {
            "node": node,
            "source": self.wanted.source.shown,
            "target": self.wanted.target.shown,
            "source_proxy": self.wanted.source.shown_proxy,
            "target_proxy": self.wanted.target.shown_proxy,
        }
        if job is None:
            state = "error" if self.errors else "initializing"
            rest: dict[str, Any] = {"state": state, "info": {"error": self.problem} if self.problem else None}
            rest |= {"error_count": self.errors, "last_updated": moment(self.updated)}
        else:
            info = {"error": job.problem} if job.state == "crashing" else job.told()
            rest = {"state": job.state, "info": info, "error_count": job.crashes}
            rest |= {"last_updated": moment(job.updated)}
        return head | ends | rest | {"start_time": moment(self.added)}


class Following:
    """All databases of replications of one server."""

    def __init__(
        self, store: ConfiguredStore, scheduler: Scheduler, jobs: Jobs, pace: Callable[[], Pace]
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._jobs = jobs
        self._pace = pace
        self._databases: dict[str, asyncio.Task[None]] = {}
        self._followed: dict[tuple[str, str], Followed] = {}
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._watch = asyncio.create_task(self._watched(), name="replication databases")
        self._watch.add_done_callback(_ended)

    async def stop(self) -> None:
        tasks = [self._watch, *self._databases.values(), *[one.task for one in self._followed.values()]]
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # -- which databases there are
    async def _watched(self) -> None:
        seq: Seq | None = None
        while True:
            try:
                seq = await self._looked(seq)
            except Unavailable as error:  # of a document store behind a network
                log.info("New databases of replications are looked for again: %s", error)
                await asyncio.sleep(AGAIN)
            except Exception as error:  # or no database that is made later would ever be followed
                tell(log, "A look for databases of replications", error)
                await asyncio.sleep(AGAIN)

    async def _looked(self, seq: Seq | None) -> Seq:
        """Take in what databases there are, or what has happened to some; how far that is."""
        if seq is None:
            seq = await self._store.parse_events_since("now")
            for name in await self._store.names():
                self._follow(name)
            return seq
        await self._store.wait_event(seq)
        await asyncio.sleep(TOGETHER)
        events = await self._store.events(seq)
        for event in events.results:
            if event.type != "deleted":
                self._follow(event.name)
        return events.last_seq

    def _follow(self, name: str) -> None:
        task = self._databases.get(name)
        if holds_replications(name) and (task is None or task.done()):
            self._databases[name] = asyncio.create_task(self._documents(name), name=f"replications of {name}")

    async def _documents(self, name: str) -> None:
        """Every document of one database, until it is deleted and not made again."""
        try:
            while True:
                try:
                    with suppress(NotFound):
                        await self._read(name)
                    for key in [key for key in self._followed if key[0] == name]:
                        await self._dropped(*key)
                    await self._store.open(name)
                except Unavailable as error:
                    log.info("The replications of %s are looked for again: %s", name, error)
                    await asyncio.sleep(AGAIN)
                except StorageFailure as error:
                    tell(log, f"Following the replications of {name}", error)
                    await asyncio.sleep(LATER)
        except NotFound:
            return
        except Exception as error:
            tell(log, f"Following the replications of {name}", error)
            raise

    async def _read(self, name: str) -> None:
        """Raises NotFound when the database is gone."""
        seq, db = BEGINNING, await self._store.open(name)
        while True:
            async for stretch in db.changes(seq, bodies=True):
                for change in stretch.results:
                    try:
                        await self._changed(name, change)
                    except LostDocument as error:
                        tell(log, f"Following the replication {change.id} of {name}", error)
                seq = stretch.last_seq
            await db.wait(seq)

    # -- one document
    async def _changed(self, name: str, change: Change) -> None:
        if change.id.startswith("_design/"):
            return
        body = json.body(change.members)
        state = body.get("_replication_state")
        if change.deleted or state == "failed":
            await self._dropped(name, change.id)
            return
        if state == "completed":
            self._followed.pop((name, change.id), None)
            return
        user = self._user_of(body)
        try:
            wanted = parse(body)
            self._jobs.check(wanted, user)
        except CouchregError as error:
            await self._dropped(name, change.id)
            await self._failed(name, change.id, error.reason)
            return
        known = self._followed.get((name, change.id))
        if known is not None and (known.wanted, known.user) == (wanted, user):
            return
        await self._dropped(name, change.id)
        self._begin_soon(Followed(name, change.id, wanted, user))

    def _user_of(self, body: Mapping[str, Any]) -> User:
        """The owner, with the rights of a server administrator where that is one now."""
        owner = body.get("owner")
        if not isinstance(owner, str):
            return User()
        is_admin = owner in self._store.config().get("admins", {})
        return User(owner, (ADMIN_ROLE,) if is_admin else ())

    async def _begin(self, followed: Followed) -> None:
        """Into a job; what cannot be found out now, such as the text of a filter, later."""
        while True:
            try:
                await self._jobs.check_stands(followed.user)
                job = await self._jobs.job_of(
                    followed.wanted, followed.user, database=followed.database, doc_id=followed.doc_id
                )
                other = self._scheduler.get(job.id)
                if other is not None and other.doc_id is not None:
                    reason = (
                        f"Replication `{job.id}` specified by document `{followed.doc_id}` already started, "
                        f"triggered by document `{other.doc_id}` from db `{other.database}`"
                    )
                    self._followed.pop((followed.database, followed.doc_id), None)
                    await self._failed(followed.database, followed.doc_id, reason)
                    return
                if other is not None:
                    await self._scheduler.remove(other)
                if followed.account is None:
                    followed.account = job.account
                followed.errors, followed.problem, followed.job = 0, None, job
                followed.updated = time.time()
                self._scheduler.add(job)
                return
            except CouchregError as error:
                followed.job = None
                followed.errors, followed.problem = followed.errors + 1, sentence(error)
                followed.updated = time.time()
                log.warning("The replication %r does not begin: %r", followed.doc_id, followed.problem)
            pace = self._pace()
            wait = min(pace.first_wait * 2 ** min(followed.errors - 1, MOST_ERRORS), pace.longest_wait)
            await asyncio.sleep(wait * random.uniform(1.0, 1.1))  # noqa: S311

    def all(self) -> Sequence[Followed]:
        """What is a job, or about to be."""
        return list(self._followed.values())

    async def end(self, followed: Followed, reason: str) -> None:
        """It failed, and is left alone until somebody writes its document anew."""
        key = (followed.database, followed.doc_id)
        if self._followed.get(key) is followed:
            await self._dropped(*key)
            await self._failed(*key, reason)

    async def restart(self, owner: str) -> None:
        """Begin anew what somebody's documents ask for: whether they may be has changed."""
        for key, followed in list(self._followed.items()):
            if followed.user.name != owner or self._followed.get(key) is not followed:
                continue
            await self._dropped(*key)
            if key not in self._followed:  # nor has its document changed meanwhile
                self._begin_soon(Followed(*key, followed.wanted, followed.user, followed.account))

    def _begin_soon(self, followed: Followed) -> None:
        key = (followed.database, followed.doc_id)
        self._followed[key] = followed
        followed.task = asyncio.create_task(self._begin(followed), name=f"replication of {'/'.join(key)}")

    async def _dropped(self, name: str, doc_id: str) -> None:
        followed = self._followed.pop((name, doc_id), None)
        if followed is None:
            return
        if followed.task is not None:
            followed.task.cancel()
            await asyncio.gather(followed.task, return_exceptions=True)
        if followed.job is not None:
            await self._scheduler.remove(followed.job)

    # -- what is written into documents
    async def completed(self, job: Job, result: Mapping[str, Any]) -> None:
        """A job has come to its end."""
        if job.database is None or job.doc_id is None:
            return
        self._followed.pop((job.database, job.doc_id), None)
        stats = {name: value for name, value in (job.info or {}).items() if name not in _NOT_IN_STATS}
        rows = job.aside.shown()
        if rows:
            stats["skipped"] = rows[:20]
            stats["skipped_count"] = len(rows)
        stats["start_time"] = moment(job.added)
        await self._write(job.database, job.doc_id, "completed", _replication_stats=stats)

    async def _failed(self, name: str, doc_id: str, reason: str) -> None:
        log.warning("The replication document %r of %r is none: %r", doc_id, name, reason)
        await self._write(name, doc_id, "failed", _replication_state_reason=reason)

    async def _write(self, name: str, doc_id: str, state: str, **members: Any) -> None:
        """The state, over whatever the document says by now."""
        members |= {"_replication_state": state, "_replication_state_time": moment(time.time())}
        for attempt in range(TRIES):
            with suppress(NotFound):  # it, or its database, is gone: nobody asks any more
                try:
                    await _update(await self._store.open(name), doc_id, members)
                except Conflict:
                    await asyncio.sleep(0.01 * attempt)
                    continue
                except CouchregError as error:  # a validating function of that database refuses
                    log.warning("The state of %r in %r cannot be written: %r", doc_id, name, error.reason)
            return

    # -- what is told
    def active(self, name: str, doc_id: str) -> Followed | None:
        return self._followed.get((name, doc_id))

    async def rows(self, name: str, node: str) -> AsyncIterator[dict[str, Any]]:
        """The documents of one database, in the order of their ids. Raises NotFound."""
        db = await self._store.open(name)
        async for rows in db.all_docs(Range(), bodies=True):
            for row in rows:
                if not row.id.startswith("_design/"):
                    yield self._row(name, row.id, row.body, node)

    async def row(self, name: str, doc_id: str, node: str) -> dict[str, Any]:
        """Raises NotFound."""
        revision = await (await self._store.open(name)).revision(doc_id)
        return self._row(name, doc_id, revision.body, node)

    def _row(self, name: str, doc_id: str, body: Mapping[str, Any], node: str) -> dict[str, Any]:
        followed = self.active(name, doc_id)
        return followed.row(node) if followed is not None else ended(name, doc_id, body, node)


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("New databases of replications are not noticed any more", exc_info=task.exception())


async def _update(db: Database, doc_id: str, members: Mapping[str, Any]) -> None:
    """Raises Conflict, NotFound, and what refuses."""
    revision = await db.revision(doc_id)
    kept = {name: value for name, value in revision.body.items() if name not in MEMBERS}
    edit = Edit(doc_id, revision.rev, False, {**kept, **members}, _stubs(revision))
    (await db.update([edit], new_edits=True, user=REPLICATOR)).check()


def _stubs(revision: Revision) -> tuple[Stub, ...]:
    return tuple([Stub(file.name) for file in revision.attachments])


def ended(name: str, doc_id: str, body: Mapping[str, Any], node: str) -> dict[str, Any]:
    """What a document says of itself when nothing is done about it."""
    state, when = body.get("_replication_state"), body.get("_replication_state_time")
    stats = body.get("_replication_stats")
    info: Any = None
    start: Any = None
    if state == "completed":
        found = dict(stats) if isinstance(stats, dict) else {}
        start = found.pop("start_time", None)
        info = found
    elif state == "failed":
        info, start = {"error": body.get("_replication_state_reason")}, when
    return {
        "database": name,
        "doc_id": doc_id,
        "id": None,
        "node": node,
        "source": _url(body.get("source")),
        "target": _url(body.get("target")),
        "state": state if state in ENDED else None,
        "error_count": int(state == "failed"),
        "info": info,
        "start_time": start,
        "last_updated": when,
    }


def _url(end: Any) -> str | None:
    url = end.get("url") if isinstance(end, dict) else end
    shown = without_secrets("source", url)
    return shown if isinstance(shown, str) else None
