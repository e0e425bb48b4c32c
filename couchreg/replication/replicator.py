"""The server's replicator: who may ask for what, and the parts put together."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from couchreg.docstore.base import Config
from couchreg.docstore.notes import Notes
from couchreg.docstore.together import OwnTask, TaskOfOne
from couchreg.errors import Forbidden, NotFound, Unauthorized
from couchreg.model.user import SYSTEM, User
from couchreg.replication import ids
from couchreg.replication.aside import FIRST_RETRY, SetAside
from couchreg.replication.calls import Manners
from couchreg.replication.endpoints import Endpoint
from couchreg.replication.following import Following
from couchreg.replication.jobs import Job
from couchreg.replication.local import Here, LocalDatabase
from couchreg.replication.network import Networks
from couchreg.replication.options import Cancel, Replication, parse_request
from couchreg.replication.remote import RemoteDatabase
from couchreg.replication.run import Run
from couchreg.replication.scheduler import Pace, Scheduler
from couchreg.replication.standing import NoAccounts, OwnersAccounts, ReplicationOwners

NOTES = "_replicator"  # the database beside which it is written down what was set aside
_TRUE = ("true", "on", "yes", "1")


class ReplicationAnswer(NamedTuple):
    """What became of a `POST /_replicate`: `record` of a one-shot, else the id of what goes on or has
    ended."""

    kind: str  # "done", "continuous", "cancelled"
    id: str
    record: Mapping[str, Any]


class ReplicatorSettings:
    """`[replicator]` as CouchDB has it, and `[couchreg] replicate_…`."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config

    def number(self, name: str, default: int) -> int:
        text = self._config().get("replicator", {}).get(name, "").strip()
        return int(text) if text.isdigit() and len(text) < 12 else default

    def flag(self, name: str, *, default: bool) -> bool:
        text = self._config().get("replicator", {}).get(name, "").strip().lower()
        return text in _TRUE if text else default

    def words(self, name: str) -> list[str]:
        text = self._config().get("couchreg", {}).get(name, "")
        return [word.strip() for word in text.split(",") if word.strip()]

    def text(self, name: str) -> str:
        return self._config().get("replicator", {}).get(name, "").strip()

    def pace(self) -> Pace:
        return Pace(
            max_jobs=max(self.number("max_jobs", 500), 1),
            max_churn=max(self.number("max_churn", 20), 1),
            interval=max(self.number("interval", 60_000), 100) / 1000,
            health_threshold=self.number("health_threshold", 120),
            first_wait=max(self.number("first_wait", 30_000), 50) / 1000,
        )

    def uuid(self, own: str) -> str:
        """Replication ids have it, so a server that takes over a CouchDB's work is given that one's."""
        return self._config().get("couchdb", {}).get("uuid", own)


class Replicator:
    def __init__(
        self, here: Here, task: TaskOfOne | None = None, *, accounts: OwnersAccounts | None = None
    ) -> None:
        """With `task` one process at a time does what documents ask for. Without `accounts` nobody's ends."""
        self._accounts = accounts or NoAccounts()
        self._here = here
        self._task = task or OwnTask()
        self._waiting: asyncio.Task[None] | None = None
        self.settings = ReplicatorSettings(here.store.config)
        self.scheduler = Scheduler(self._begin, self.settings.pace, completed=self._completed)
        self.documents = Following(here.store, self.scheduler, self, self.settings.pace)
        self.standing = ReplicationOwners(self._accounts, self.scheduler, self.documents)
        self._verify: dict[str, ssl.SSLContext] = {}

    def start(self) -> None:
        self.scheduler.start()
        self.standing.start()
        if self._task.is_ours:
            self.documents.start()
        else:
            self._waiting = asyncio.create_task(self._begin_documents(), name="replication documents")

    async def _begin_documents(self) -> None:
        await self._task.ours()
        self.documents.start()

    async def stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        await self.standing.stop()
        await self.documents.stop()
        await self.scheduler.stop()

    async def _completed(self, job: Job, result: Mapping[str, Any]) -> None:
        await self.documents.completed(job, result)

    # -- POST /_replicate
    async def request(self, body: Mapping[str, Any], user: User) -> ReplicationAnswer:
        """Raises Wrong, Forbidden, Unauthorized, TooManyRequests, and what ended the replication."""
        self.check_may(user)
        wanted = parse_request(body, number=self.settings.number)
        if isinstance(wanted, Cancel):
            return await self._cancel(wanted, user)
        self.check_ends(wanted, user)
        job = await self.job_of(wanted, user)
        known = self.scheduler.get(job.id)
        if known is not None:
            self._check_owner(known, user)
            if known.replication == wanted and known.doc_id is None and known.task is not None:
                job = known  # it runs already, as it was asked for
            else:
                await self.scheduler.remove(known)
        if not wanted.continuous and job.result is None:
            job.result = asyncio.get_running_loop().create_future()
        if job is not known:
            self.scheduler.add(job)
        if job.result is None:
            return ReplicationAnswer("continuous", job.id, {})
        return ReplicationAnswer("done", job.id, await asyncio.shield(job.result))

    async def _cancel(self, wanted: Cancel, user: User) -> ReplicationAnswer:
        job_id = wanted.id
        if wanted.replication is not None:
            self.check_ends(wanted.replication, user)
            base = await self.base_id(wanted.replication, user)
            job_id = base + ids.suffix(wanted.replication)
        job = self.scheduler.get(job_id or "")
        if job is None:
            raise NotFound("missing")
        self._check_owner(job, user)
        await self.scheduler.remove(job)
        return ReplicationAnswer("cancelled", job.id, {})

    # -- who may
    def check(self, wanted: Replication, user: User) -> None:
        """Whether a document of theirs may ask for this; of a user whose roles are not at hand it was
        decided when they wrote it. Raises Forbidden."""
        self.check_ends(wanted, user)

    async def check_stands(self, user: User) -> None:
        """Raises Forbidden for who could not log in any more."""
        if user.name is not None and not await self._accounts.may_log_in(user.name):
            raise Forbidden("The account of its owner is disabled, or gone.")

    def check_written(self, wanted: Replication, user: User) -> None:
        """The same when the document is written. Raises Forbidden, Unauthorized."""
        self.check_may(user)
        self.check_ends(wanted, user)

    def check_may(self, user: User) -> None:
        """Raises Forbidden, Unauthorized for who may not replicate at all."""
        if user.is_admin:
            return
        if user.name is None:
            raise Unauthorized("You are not an authenticated user")
        roles = self.settings.words("replicate_roles")
        if "*" not in roles and set(roles).isdisjoint(user.roles):
            raise Forbidden("Replications are the administrators' here.")

    @staticmethod
    def check_ends(wanted: Replication, user: User) -> None:
        """Raises Forbidden for ends that only administrators may name."""
        if user.is_admin:
            return
        for end in (wanted.source, wanted.target):
            if end.database is not None:
                raise Forbidden("Name a database of this server by its URL, with your credentials.")
            if end.proxy is not None:
                raise Forbidden("Only administrators may name a proxy.")

    @staticmethod
    def _check_owner(job: Job, user: User) -> None:
        if not user.is_admin and job.user.name != user.name:
            raise Unauthorized("You are not a server admin.")

    # -- from a wish to a run
    async def base_id(self, wanted: Replication, user: User) -> str:
        """Raises what reading the filter's function raises."""
        text = ""
        if wanted.filter.kind == "function":
            design, _, name = wanted.filter.name.partition("/")
            source = await self._end(wanted, wanted.source, user, target=False)
            try:
                text = await source.filter_text(design, name)
            finally:
                await source.close()
        return ids.base_id(wanted, self.settings.uuid(self._here.store.uuid), source_text=text)

    async def job_of(self, wanted: Replication, user: User, **origin: Any) -> Job:
        base = await self.base_id(wanted, user)
        aside = SetAside(
            None,
            f"replication {base}",
            first_retry=self.settings.number("retry_skipped_after", int(FIRST_RETRY)),
        )
        mark = () if user.name is None else await self._accounts.mark(user.name)
        return Job(base + ids.suffix(wanted), base, wanted, user, aside, account=mark, **origin)

    async def _begin(self, job: Job) -> Run:
        # Of others nothing is kept: they may have as many replications, one after the other, as they like.
        job.aside.keep_in(await self._notes() if job.user.is_admin else None)
        source = await self._begun(job.replication, job.replication.source, job.user, target=False)
        target = await self._begun(job.replication, job.replication.target, job.user, target=True)
        return Run(job.replication, job.base_id, source, target, job.aside)

    async def source_of(self, wanted: Replication) -> RemoteDatabase:
        """Another server's database, as this server itself reads it."""
        source = await self._end(wanted, wanted.source, SYSTEM, target=False)
        assert isinstance(source, RemoteDatabase)
        return source

    async def _notes(self) -> Notes | None:
        try:
            return await self._here.store.notes(NOTES)
        except NotFound:
            return None

    async def _begun(
        self, wanted: Replication, end: Endpoint, user: User, *, target: bool
    ) -> RemoteDatabase | LocalDatabase:
        """The end of a run, which may be this server's by its own URL. What goes on for ever asks at the
        door each time all the same: a login may end."""
        if not wanted.continuous and self._here.own_urls is not None:
            reached = await self._here.own_urls.reached(end)
            if reached is not None:
                return LocalDatabase(self._here, reached.database, wanted, reached.user)
        return await self._end(wanted, end, user, target=target)

    async def _end(
        self, wanted: Replication, end: Endpoint, user: User, *, target: bool
    ) -> RemoteDatabase | LocalDatabase:
        if end.database is not None:
            return LocalDatabase(self._here, end.database, wanted, user)
        networks = Networks(self.settings.words("replicate_hosts"), private=user.is_admin)
        manners = Manners(wanted.timeout, wanted.retries, wanted.connections, await self._tls())
        return RemoteDatabase.of(wanted, networks, manners, target=target)

    async def _tls(self) -> ssl.SSLContext | bool:
        """Certificates are looked at unless it is said otherwise, unlike CouchDB's."""
        if not self.settings.flag("verify_ssl_certificates", default=True):
            return False
        path = self.settings.text("ssl_trusted_certificates_file")
        if not path:
            return True
        if path not in self._verify:
            self._verify = {path: await asyncio.to_thread(partial(ssl.create_default_context, cafile=path))}
        return self._verify[path]
