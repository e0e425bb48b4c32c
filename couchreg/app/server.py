"""A whole server: builds the rooms out of settings, starts them in order, stops them in reverse.

It has no behaviour of its own.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from couchreg.access.asking import ASKER
from couchreg.access.groups import Groups
from couchreg.access.keeping import KeepsRestricted
from couchreg.access.known import PrivatePackages
from couchreg.access.public_store import PublicStore
from couchreg.access.seen import SeenDatabase, public_view
from couchreg.app import designs, migrations, mirroring
from couchreg.app.databases import ensure_databases
from couchreg.app.documents import open_engine, package_locks, refuse_remote, share, starting
from couchreg.app.doors import open_doors
from couchreg.app.graphs import open_graphs
from couchreg.app.itself import OwnAddresses
from couchreg.app.journals import Journals
from couchreg.app.listening import listen, tls_context
from couchreg.app.logins import over_restarts
from couchreg.app.monitoring import Monitoring
from couchreg.app.redeeming import redeem
from couchreg.app.refusing import MENDING, reading, refuse_bare, refuse_lost_server, using
from couchreg.app.registering import registry_options
from couchreg.app.replicating import DesignFunctions
from couchreg.app.searching import beginning_of, open_restricted, open_search
from couchreg.app.stores import direct_uploads, in_parts, largest_attachment, open_blobs
from couchreg.app.tables import begin, counted, open_tables
from couchreg.app.trusting import trusting
from couchreg.app.workers import Workers
from couchreg.app.workers import refuse as refuse_workers
from couchreg.auth.guards.users_guard import GuardedStore
from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.login.lasting import Lasting
from couchreg.auth.login.pledges import Pledges
from couchreg.auth.login.sessions import ensure_secret
from couchreg.auth.login.visits import Visits
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.policy import REGISTRY, USERS, Security
from couchreg.auth.tokens import Tokens
from couchreg.auth.users.accounts import Accounts
from couchreg.auth.users.admins import Admins, ensure_admin, set_admin
from couchreg.auth.users.asked import AskedUsers
from couchreg.auth.users.users import UserChanges, Users
from couchreg.blobstore.spool import Spool
from couchreg.config import CannotStart, Settings
from couchreg.datadir import DataDir
from couchreg.designdocs.functions import Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.loading import DesignFolder
from couchreg.designdocs.validating import Validators
from couchreg.designdocs.views.engine import ViewEngine
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import ConfiguredStore, Seq
from couchreg.docstore.cached_config import CachedConfig
from couchreg.docstore.layers import Layer
from couchreg.docstore.maintenance.ownership import NotOurs, claim
from couchreg.docstore.maintenance.sweeper import Sweeper, referred
from couchreg.docstore.named import NamedDatabase, NamedNotes
from couchreg.errors import Unavailable
from couchreg.followers.contents import ContentsFollower
from couchreg.followers.datastore import DatastoreFollower
from couchreg.followers.loop import FollowerLoop, Status
from couchreg.package.layout import registry_layout
from couchreg.registry.registry import Neighbours, Registry
from couchreg.replication.guarding import ReplicatorGuard
from couchreg.replication.local import Here
from couchreg.replication.replicator import Replicator

log = logging.getLogger(__name__)

DAY = 86_400.0
TICK = 1.0  # seconds: how far the clock of a file system may be behind


def build(settings: Settings) -> "App":
    """A server that is not running yet."""
    return App(settings)


class App:
    """A server: `await start()`, and `await stop()` whatever happened in between."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.new_admin: tuple[str, str] | None = None  # name and password, when this start made it
        self.registry_url = self.couch_url = ""
        self.superseded = asyncio.Event()  # another process has taken over the documents
        self.caches: Callable[[], Mapping[str, int]] = dict  # bytes that each holds
        self.workers: Workers | None = None
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Raises CannotStart with a sentence; nothing is left running then."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        settings, begun = self.settings, time.time()
        refuse_workers(settings)
        self.tls = tls_context(settings)
        self.journals = Journals(stack, settings)
        data = stack.enter_context(DataDir(settings.data_dir))
        await self._brought_up(data)
        refuse_lost_server(settings, data)
        wanted = ((settings.port, "--port"), (settings.couch_port, "--couch-port"))
        self.monitoring = Monitoring(self, settings, data)
        ports = [stack.enter_context(listen(settings.host, port, flag)) for port, flag in wanted]
        engine, self.processes = await open_engine(stack, settings, data, self.superseded.set)
        store = await CachedConfig.load(engine)
        stack.push_async_callback(store.stop)
        self.configured = store
        self.passwords = self._passwords(stack, store)
        changes = UserChanges()
        guard = GuardedStore(store, self.passwords, changes, *self._layers(stack, data.views))
        self.store = guard
        self._packages = NamedDatabase(guard, REGISTRY)
        async with starting(self.processes):
            await store.refresh_config()
            swept = await self._prepared(stack, data)
        store.start()
        self._identity(guard, changes)
        stack.push_async_callback(self.auth.upgrades.close)
        stack.push_async_callback(self.tokens.close)
        self._follow(stack, data, ports[0])
        self.counts, self._shelf = data.counts, data.publishing
        self.upload_secret = data.upload_secret()
        self.registry = await self._registry(stack)
        self.trust = await trusting(stack, self)
        await over_restarts(stack, self.visits, data.logins, are_several=self.processes.are_several)
        own_urls = OwnAddresses(self.auth, ports[1], encrypted=self.tls is not None)
        here = Here(self.store, self.attachments, DesignFunctions(self.functions), own_urls)
        self.replicator = Replicator(here, self.processes.task("replications"), accounts=self.lasting)
        self.store.tell(self.replicator.standing)
        self.asking = await begin(stack, self.tables, self._seen, self.attachments)
        stack.push_async_callback(self.monitoring.stop)
        await self.monitoring.start()
        self.couch, self.registry_url, self.couch_url = await open_doors(self, stack, ports)
        stack.push_async_callback(self.replicator.stop)  # while what it talks to may be this very server
        self.replicator.start()
        self.mirror = mirroring.begin(stack, settings, here, self.replicator, self.registry.copies)
        stack.push_async_callback(self.registry.stop_work)
        others_write = direct_uploads(self.attachments.blobs) is not None  # clients, into the bucket
        self.sweeper = Sweeper(
            self.store,
            self.attachments,
            grace=settings.sweep_grace,
            begun=None if others_write else begun - TICK,
            recorded=REGISTRY,
            undelete=settings.undelete_days * DAY,
            processes=self.processes,
        )
        stack.push_async_callback(self.sweeper.stop)
        if swept:
            self.sweeper.start()
        self._design_folder(stack)
        self.journals.begin()

    async def _prepared(self, stack: AsyncExitStack, data: DataDir) -> bool:
        """Make what there has to be; whether the blob store is ours."""
        self.new_admin = await self._admins()
        await ensure_secret(self.store)
        is_new = REGISTRY not in await self.store.names()
        await ensure_databases(self.store, data.databases)
        await self._rights(data.databases)
        self.attachments = await self._attachments(stack, data)
        if claimed := await self._claimed():
            await refuse_bare(self.store, self.attachments.blobs, is_new=is_new)
        return claimed

    def _design_folder(self, stack: AsyncExitStack) -> None:
        folder = designs.folder(self.settings)
        if folder is not None:
            kept = DesignFolder(folder, self.store, self.attachments, self.views, left=designs.LEFT)
            stack.push_async_callback(kept.stop)
            kept.start()

    @asynccontextmanager
    async def offline(self) -> AsyncIterator[Self]:
        """Only `store` and `attachments`, for care that needs them for itself: no doors, no followers."""
        async with AsyncExitStack() as stack:
            refuse_remote(self.settings)
            data = stack.enter_context(DataDir(self.settings.data_dir))
            await self._brought_up(data)
            engine, self.processes = await open_engine(stack, self.settings, data)
            store = await CachedConfig.load(engine)
            self.store = GuardedStore(store, self._passwords(stack, store), UserChanges())
            await ensure_databases(self.store, data.databases)
            self.attachments = await self._attachments(stack, data)
            yield self

    @staticmethod
    async def _brought_up(data: DataDir) -> None:
        """Make the data directory one of today's format. Raises CannotStart."""
        with using(data.path, MENDING):
            await asyncio.to_thread(migrations.bring_up, data.path)

    async def _rights(self, folder: Path) -> None:
        """Which packages are not for everybody, and for whom they are. Raises CannotStart."""
        self.groups = Groups(NamedNotes(self.store, USERS))
        with reading(USERS, folder):
            await self.groups.load()
        is_mirror = self.settings.mirror is not None
        refresh = self.groups.refresh if self.processes.are_several else None
        self.private = PrivatePackages(
            self._packages, self.groups.of, refresh_groups=refresh, is_mirror=is_mirror
        )
        with reading(REGISTRY, folder):
            await self.private.refresh()
        closed = self.private.restricted()
        if closed and self.settings.redirect == "public":
            raise CannotStart(
                f"The package {closed[0]!r} is restricted, and --redirect public needs a bucket that "
                "everybody reads: use --redirect presigned, or off."
            )
        self._seen = SeenDatabase(self._packages, self.private, ASKER.get)

    async def _claimed(self) -> bool:
        """Whether the blob store is certain to be ours, so that what nobody refers to may be swept.
        Raises CannotStart when it is certain not to be."""
        try:
            await claim(self.store, self.attachments)
        except NotOurs as error:
            raise CannotStart(error.reason) from error
        except Unavailable as error:
            log.warning(
                "Nothing is swept until the next start: whose the datastore is, is not known. %s",
                error.reason,
            )
            return False
        return True

    def _passwords(self, stack: AsyncExitStack, store: ConfiguredStore) -> PasswordWork:
        passwords = PasswordWork(store.config, iterations=self.settings.password_iterations)
        stack.callback(passwords.close)
        return passwords

    def _identity(self, guard: GuardedStore, changes: UserChanges) -> None:
        """Who there is, and what they log in with."""
        config, admins = self.store.config, Admins(self.store.config)

        async def owned(name: str) -> Sequence[str]:
            """What waits for somebody of this name: nobody else shall come to it."""
            owned = await self.registry.owners.owned_by(name)
            await self.private.refresh()
            return [*owned, *self.private.granted(name), *self.groups.of(name)]

        asked = AskedUsers(self.store, changes).refresh if self.processes.are_several else None
        users = Users(self.store, changes)
        self.auth = Authenticator([admins, users], self.passwords, config=config, refresh=asked)
        self.auth.tokens = self.tokens = Tokens(
            self.store, self.auth, lifetime=self.settings.token_days * DAY or None
        )
        self.pledges = Pledges(self.auth)
        self.lasting = Lasting(self.auth, admins, users)
        self.accounts = Accounts(
            self.store,
            admins,
            self.tokens,
            self.passwords,
            owned,
            registration_open=self.settings.registration == "open",
            least=self.settings.password_length,
        )
        self.visits = Visits(self.auth)
        guard.tell(self.accounts)
        guard.tell(self.visits)

    async def _admins(self) -> tuple[str, str] | None:
        iterations = self.settings.password_iterations
        if self.settings.admin is None:
            return await ensure_admin(self.store, iterations=iterations)
        name, _, password = self.settings.admin.partition(":")
        await set_admin(self.store, name, password, iterations=iterations)
        return None

    def _layers(self, stack: AsyncExitStack, directory: Path) -> Sequence[Layer]:
        """What stands before the databases: the functions of their design documents, and guards."""
        contexts = Contexts(lambda: self.store.config())
        stack.push_async_callback(contexts.close)
        self.functions = Functions(contexts)
        self.views = ViewEngine(self.functions, directory)
        stack.push_async_callback(self.views.close)
        validators = Validators(
            self.functions,
            holds=designs.holds(lambda: self.store.config()),
            others_write=partial(getattr, self.processes, "are_several"),  # asked at each write
        )
        guard = ReplicatorGuard(lambda wanted, user: self.replicator.check_written(wanted, user))
        kept = KeepsRestricted(REGISTRY, files_are_public=self.settings.redirect == "public")
        return kept, validators, guard

    async def _attachments(self, stack: AsyncExitStack, data: DataDir) -> Attachments:
        with using(data.datastore, MENDING):
            blobs = await open_blobs(self.settings, data.datastore)
        stack.push_async_callback(blobs.close)
        await share(self.processes, blobs)
        with using(data.spool, MENDING):
            spool = Spool(data.spool)
        stack.push_async_callback(spool.close)
        config = self.store.config
        made = Attachments(
            blobs,
            spool,
            registry_layout(REGISTRY),
            lambda: Compression.of(config().get("attachments", {})),
            uncompressed={REGISTRY},
            max_size=partial(largest_attachment, self.store),
            referred=partial(referred, self.store),
            others_write=lambda: self.processes.are_several,
        )
        made.lost.place = str(data.datastore) if blobs.is_local else self.settings.blobstore
        await self.processes.heed(made.pins)
        return made

    def _follow(self, stack: AsyncExitStack, data: DataDir, port: socket.socket) -> None:
        engine = self.settings.search_engine
        public = public_view(self._packages, self.private)
        for_all = PublicStore(self.store, REGISTRY, self.private)
        read_text = partial(beginning_of, self.attachments)
        self.search = open_search(engine, data.search, public, read_text)
        self.restricted_search = open_restricted(
            engine, data.restricted_search, self._packages, read_text, self.private.have_been
        )
        self._contents = ContentsFollower(data.contents)
        task = self.processes.task("datastore") if self.processes.are_several else None
        datastore = DatastoreFollower(
            self.attachments, self._packages, NamedNotes(self.store, REGISTRY), task
        )
        self.followers = {
            "datastore": FollowerLoop(datastore, self.store, REGISTRY, task=task),
            "search": FollowerLoop(self.search, for_all, REGISTRY),
            "restricted": FollowerLoop(self.restricted_search, self.store, REGISTRY),
            "contents": FollowerLoop(self._contents, self.store, REGISTRY),
        }
        self.tables = open_tables(stack, self.settings, data, self._seen, self.attachments)
        if self.tables is not None:
            self.followers["tables"] = FollowerLoop(self.tables.follower, self.store, REGISTRY)
        self.search.when_broken(self.followers["search"].restart)
        self.restricted_search.when_broken(self.followers["restricted"].restart)
        for loop in self.followers.values():
            stack.push_async_callback(loop.stop)
            loop.start()
        self.graphs = open_graphs(stack, self, data, public, for_all, port)

    async def _registry(self, stack: AsyncExitStack) -> Registry:
        around = Neighbours(
            settled=self.followers["datastore"].caught_up,
            holders=self._contents,
            holders_caught_up=self.followers["contents"].caught_up,
            redeem=partial(redeem, self),
            exists=self.accounts.exists,
            has_group=self.groups.exists,
            private=self.private,
            told=self._told,
            locks=package_locks(stack, self.processes, self.attachments),
            bucket=in_parts(self.attachments.blobs),
        )
        options = registry_options(self.settings, downloads=self.counts, shelf=self._shelf)
        registry = Registry(self._packages, self.attachments, options, around)
        stack.push_async_callback(registry.close)
        self.registry = registry  # what was left to be checked asks for it
        self.attachments.equal = registry.held.equal
        await registry.start()
        return registry

    async def _told(self, seq: Seq) -> None:
        """Return when what is built of packages knows of a change of rights."""
        for name in ("search", "restricted", "graphs"):
            if name in self.followers:
                await self.followers[name].caught_up(seq)

    async def packages_security(self) -> Security | None:
        """Who may read the database of packages."""
        found: Security | None = await self._packages.setting("security")
        return found

    async def statuses(self) -> Sequence[Status]:
        return await counted(self.tables, [await loop.status() for loop in self.followers.values()])
