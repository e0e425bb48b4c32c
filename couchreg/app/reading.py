"""A reading process of a server with several (`workers.py`): both doors, over stores that are only read.

What it answers it answers with the code of the doors, from what lies in the data directory as it is at that
moment; everything else it hands on (`http/handing.py`). It knows nobody, so it answers only who says not who
they are.
"""

import asyncio
import logging
import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import msgspec
from aiohttp import web

from couchreg.access.known import PrivatePackages
from couchreg.analytics.tables import Tables
from couchreg.app.channel import HandleChannel
from couchreg.app.facts import facts
from couchreg.app.journals import Journals
from couchreg.app.messages import Board, Hello, Message, ToldFigures, Topic, pieces
from couchreg.app.registering import registry_options
from couchreg.app.stores import elsewhere, open_bucket
from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.login.visits import Visits
from couchreg.auth.options import user_required
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.policy import REGISTRY, Security
from couchreg.auth.tokens import Tokens
from couchreg.auth.users.accounts import Accounts
from couchreg.auth.users.admins import Admins
from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.directory.reading_store import ReadDirectory
from couchreg.blobstore.spool import Spool
from couchreg.config import Settings
from couchreg.designdocs.functions import Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.views.engine import ViewEngine
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.named import NamedDatabase
from couchreg.docstore.sqlite.reading import ReadStore
from couchreg.errors import CouchregError, Unavailable
from couchreg.http.connections import SECTION, Connections
from couchreg.http.couch.door import CouchDoor
from couchreg.http.couch.frame.listener import Protocol
from couchreg.http.couch.frame.services import CouchServices
from couchreg.http.forwarded import Proxies
from couchreg.http.handing import ANSWERED, HandsOn, ReadingConnections, reading
from couchreg.http.limits import Allowed, RequestLimits, charging
from couchreg.http.registry.door import registry_application
from couchreg.http.registry.frame.call import RegistryServices
from couchreg.http.registry.frame.finished import FINISHED
from couchreg.journal.failing import tell
from couchreg.journal.figures import RequestFigures
from couchreg.package.layout import registry_layout
from couchreg.registry.reading.counts import Downloads
from couchreg.registry.registry import Neighbours, Registry, SearchResult

log = logging.getLogger(__name__)

TELL: Final = 0.25  # seconds between two messages of what was counted
_TOGETHER: Final = 50  # downloads of a message
CLOSING: Final = 2.0  # seconds that answers under way are given at the end
COUCH_PREFIX: Final = "/_couch"

# What reading processes answer; a route that is added is answered by the other one until it stands here.
COUCH_READS: Final = frozenset(
    {"documents.documents.get", "documents.attachments.get", "listings.all_docs.get"}
)
REGISTRY_READS: Final = frozenset(
    {
        "pages.package.page",
        "reading.files.resource",
        "reading.listing.packages",
        "reading.listing.versions",
        "reading.listing.tags",
        "reading.listing.deprecations",
        "reading.listing.yanks",
    }
)


class CouchHandsOn(HandsOn, Protocol):
    """A connection of the couch door in a reading process."""


class ReadingCouch(ReadingConnections):
    protocol = CouchHandsOn


class ToldDownloads(Downloads):
    """Counts for the process that writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, version: str, times: int = 1) -> None:
        self.found[name, version] += times


class NotSearched:
    """In the place of a search: nothing that asks for one is answered here."""

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        _elsewhere()

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        _elsewhere()


class ReadingProcess:
    """The other end of a `_Reader`. Whoever makes one awaits `run`."""

    def __init__(self, end: socket.socket, board: Board) -> None:
        self.over = asyncio.Event()  # the other process has gone, or wants this one to end
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._board = board
        self._channel = HandleChannel(end, self._received, self._lost)
        self._servers: dict[str, Connections] = {}
        self._numbers: dict[HandsOn, int] = {}
        self._making: set[asyncio.Task[None]] = set()
        self._reopen: Callable[[], None] = lambda: None
        self.figures = RequestFigures()

    async def hello(self) -> Hello:
        return await self._hello

    async def run(self, settings: Settings, hello: Hello, opened: Callable[[], None]) -> None:
        """Answer until the end. `opened` is called when there is all that stays."""
        async with AsyncExitStack() as stack:
            await self._open(stack, settings, hello)
            opened()
            telling = asyncio.create_task(self._tell_always(), name="figures")
            self._send(Message(Topic.UP))
            await self.over.wait()
            telling.cancel()
            await asyncio.gather(telling, *self._making, return_exceptions=True)
            if self._channel.is_open:
                await asyncio.gather(*[server.shutdown(CLOSING) for server in self._servers.values()])
                await asyncio.sleep(0)  # connections that were closed are told of
                self._tell()
        self._channel.close()

    # -- what there is
    async def _open(self, stack: AsyncExitStack, settings: Settings, hello: Hello) -> None:
        data = settings.data_dir.absolute()
        scratch = data / "spool" / f"reading-{hello.which}"
        await asyncio.to_thread(_emptied, scratch)
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        self.store = ReadStore(data)
        stack.push_async_callback(self.store.close)
        journals = Journals(stack, replace(settings, audit_log="off"))
        self._reopen = journals.reopen
        blobs = await _blobs(settings, data)
        stack.push_async_callback(blobs.close)
        registry = await self._registry(stack, settings, blobs, scratch)
        door = self._couch(stack, settings, hello, registry, scratch)
        services = self._services(settings, hello, registry, door)
        application = registry_application(services, REGISTRY_READS)
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        made = runner.server
        assert made is not None
        finished = application[FINISHED].around(services, made.request_handler)
        guests = Allowed(hello.guest_requests, hello.guest_bytes)
        limits = RequestLimits(guests, Allowed())
        told = (self.figures.add, charging(limits)) if limits else (self.figures.add,)
        for name, kind, handler, factory in (
            ("registry", ReadingConnections, finished, made.request_factory),
            ("couch", ReadingCouch, door.handle, None),
        ):
            server = kind(
                reading(handler, self.store.fresh),
                proxies=Proxies(settings.trusted_proxies),
                section=lambda: self.store.config().get(SECTION, {}),
                request_factory=factory,
                watching=journals.watching(name, limits, *told),
            )
            server.onward, server.door = self, name
            self._servers[name] = server

    async def _registry(
        self, stack: AsyncExitStack, settings: Settings, blobs: BlobStore, scratch: Path
    ) -> Registry:
        spool = Spool(scratch / "spool")
        stack.push_async_callback(spool.close)
        config = self.store.config
        self.attachments = Attachments(
            blobs,
            spool,
            registry_layout(REGISTRY),
            lambda: Compression.of(config().get("attachments", {})),
            uncompressed={REGISTRY},
            others_write=lambda: True,
        )
        self._packages = NamedDatabase(self.store, REGISTRY)
        is_mirror = settings.mirror is not None
        self.private = PrivatePackages(self._packages, is_mirror=is_mirror, others_write=True)
        self.store.fresh()
        await self.private.refresh()
        self.downloads = ToldDownloads()
        stack.push_async_callback(self.downloads.close)
        options = replace(
            registry_options(settings, downloads=scratch / "unused", shelf=scratch / "publishing"),
            downloads=self.downloads,
        )
        return Registry(self._packages, self.attachments, options, Neighbours(private=self.private))

    def _couch(
        self, stack: AsyncExitStack, settings: Settings, hello: Hello, registry: Registry, scratch: Path
    ) -> CouchDoor:
        self.passwords = PasswordWork(self.store.config, iterations=settings.password_iterations)
        stack.callback(self.passwords.close)
        self.auth = Authenticator([], self.passwords, config=self.store.config)
        functions = Functions(Contexts(self.store.config))
        behind = CouchServices(
            self.store,
            self.attachments,
            self.auth,
            functions,
            ViewEngine(functions, scratch / "views"),
            proxies=Proxies(settings.trusted_proxies),
            with_owned=registry.owners.with_roles,
            facts=facts(settings, self.store, hello.couch_port),
            private=self.private,
        )
        self.counters = behind.counters
        door = CouchDoor(behind, COUCH_READS)
        stack.push_async_callback(door.close)
        return door

    def _services(
        self, settings: Settings, hello: Hello, registry: Registry, door: CouchDoor
    ) -> RegistryServices:
        tokens = Tokens(self.store, self.auth)
        config = self.store.config
        return RegistryServices(
            registry,
            self.auth.identify_publisher,
            NotSearched(),
            Accounts(self.store, Admins(config), tokens, self.passwords, _owned, registration_open=False),
            tokens,
            Visits(self.auth),
            security=self._security,
            user_required=partial(user_required, config),
            couch=partial(door.handle, prefix=COUCH_PREFIX),
            public_url=settings.public_url,
            elsewhere=elsewhere(settings, self.attachments.blobs, self.private.is_restricted),
            proxies=Proxies(settings.trusted_proxies),
            upload_secret=hello.upload_secret,
            # That there are tables to be asked is all that is told of them here.
            tables=cast(Tables, object()) if settings.analytics == "on" else None,
        )

    async def _security(self) -> Security | None:
        found: Security | None = await self._packages.setting("security")
        return found

    # -- connections
    @property
    def may_read(self) -> bool:
        return self._board.is_open and self._channel.is_open

    def pass_on(self, connection: HandsOn, handle: int, data: bytes) -> None:
        if self._channel.is_full or not self._channel.is_open:
            raise BlockingIOError
        number = self._numbers.pop(connection)
        first, *more = pieces(data)
        self._send(Message(Topic.HANDED_ON, connection.door, number, first), handle)
        for piece in more:
            self._send(Message(Topic.MORE, connection.door, number, piece))
        self._send(Message(Topic.LAST, connection.door, number))

    def closed(self, connection: HandsOn) -> None:
        number = self._numbers.pop(connection, None)
        if number is not None:
            self._send(Message(Topic.CLOSED, connection.door, number))

    def _received(self, data: bytes, handle: int | None) -> None:
        message = Message.decode(data)
        if message.kind == Topic.SETTINGS:
            self._hello.set_result(msgspec.json.decode(message.data, type=Hello))
        elif message.kind == Topic.CONNECTION:
            self._take(message, handle)
        elif message.kind == Topic.REOPEN:
            self._reopen()
        elif message.kind == Topic.ARE_YOU_THERE and self._servers:
            self._send(Message(Topic.UP))
        elif message.kind == Topic.END:
            self.over.set()

    def _take(self, message: Message, handle: int | None) -> None:
        if handle is None:  # this process may have no more
            self._send(Message(Topic.CLOSED, message.door, message.connection))
            return
        self._send(Message(Topic.TAKEN, message.door, message.connection))
        task = asyncio.get_running_loop().create_task(self._made(message, handle))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _made(self, message: Message, handle: int) -> None:
        connection = socket.socket(fileno=handle)
        server = self._servers[message.door]

        def made() -> web.RequestHandler:
            protocol = server()
            assert isinstance(protocol, HandsOn)
            self._numbers[protocol] = message.connection
            return protocol

        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(made, connection)
        except OSError:  # the client has gone
            connection.close()
            self._send(Message(Topic.CLOSED, message.door, message.connection))

    def _lost(self) -> None:
        """The process that answers everything is no more."""
        os._exit(0)

    def _send(self, message: Message, handle: int | None = None) -> None:
        self._channel.send(message.encode(), handle)

    # -- what is counted
    async def _tell_always(self) -> None:
        while True:
            await asyncio.sleep(TELL)
            self._tell()
            try:
                self.store.fresh()  # files of deleted databases are not kept open
            except CouchregError as error:
                tell(log, "Looking which databases there are", error)

    def _tell(self) -> None:
        requests = self.figures.take()
        counted, self.counters.statuses = self.counters.statuses, Counter()
        statuses = {status: count for status, count in counted.items() if status in ANSWERED}
        downloads, self.downloads.found = self.downloads.found, Counter()
        if not (requests.answers or statuses or downloads):
            return
        found = [(*which, count) for which, count in downloads.items()]
        for start in range(0, max(len(found), 1), _TOGETHER):
            told = ToldFigures(requests, statuses, found[start : start + _TOGETHER])
            self._send(Message(Topic.FIGURES, data=msgspec.json.encode(told)))
            requests, statuses = RequestFigures().take(), {}


def settings_of(hello: Hello) -> Settings:
    """Those of the server."""
    values: dict[str, Any] = dict(hello.settings)
    for name in ("data_dir", "tls_cert", "tls_key", "access_log_file", "audit_log_file"):
        values[name] = None if values[name] is None else Path(values[name])
    return Settings(**values)


async def _blobs(settings: Settings, data: Path) -> BlobStore:
    if settings.blobstore == "directory":
        return ReadDirectory((data / "datastore").resolve())
    return await open_bucket(settings, settings.blobstore)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


async def _owned(name: str) -> Sequence[str]:
    return ()


def _elsewhere() -> NoReturn:
    raise Unavailable("Another process of this server answers this.")
