"""A whole server: builds the rooms out of settings, starts them in order, stops them in reverse.

The only module that names back ends. It has no behaviour of its own.
"""

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from aiohttp import web

from couchreg.auth.accounts import Accounts
from couchreg.auth.admins import Admins, ensure_admin, set_admin
from couchreg.auth.auth_design import ensure_auth_design
from couchreg.auth.authenticator import Authenticator
from couchreg.auth.hashing import PasswordWork
from couchreg.auth.policy import REGISTRY, REGISTRY_SECURITY, REPLICATOR, USERS
from couchreg.auth.sessions import ensure_secret
from couchreg.auth.tokens import Tokens
from couchreg.auth.users import UserChanges, Users
from couchreg.auth.users_guard import GuardedStore, guarded
from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.directory import DirectoryBlobStore
from couchreg.blobstore.s3 import S3BlobStore
from couchreg.blobstore.s3_calls import Refused
from couchreg.blobstore.s3_options import S3Options, split_address
from couchreg.blobstore.spool import Spool
from couchreg.config import CannotStart, Settings
from couchreg.datadir import DataDir
from couchreg.docstore.attachments import Attachments
from couchreg.docstore.base import Attachment, Store
from couchreg.docstore.compression import Compression
from couchreg.docstore.layout import registry_layout
from couchreg.docstore.ownership import NotOurs, claim
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.docstore.sweeper import Sweeper, referred
from couchreg.errors import Unavailable
from couchreg.followers.datastore import DatastoreFollower
from couchreg.followers.loop import FollowerLoop
from couchreg.followers.search import SearchFollower
from couchreg.followers.whoosh_index import WhooshIndex
from couchreg.http.couch.door import CouchDoor
from couchreg.http.forwarded import Proxies
from couchreg.http.registry.call import Elsewhere, Services, nowhere
from couchreg.http.registry.door import registry_application
from couchreg.model.user import User
from couchreg.registry.checker import Limits
from couchreg.registry.counts import Downloads
from couchreg.registry.direct import Address
from couchreg.registry.intake import PublishLimits
from couchreg.registry.publish import Validation
from couchreg.registry.registry import Found, Registry

log = logging.getLogger(__name__)

COUCH_PREFIX = "/_couch"
READING = 3600  # seconds that a signed address of a file is good for
CLOSING = 2.0  # seconds that answers under way, open feeds among them, are given at the end
LINE = 65536  # bytes of a request line or a header: `open_revs` and `keys` make long ones


class Searching:
    """The search follower in the terms of the registry's `Search`."""

    def __init__(self, follower: SearchFollower) -> None:
        self._follower = follower

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> Found:
        page = await self._follower.search(words, limit=limit, offset=offset, types=types)
        return Found(page.total, [hit._asdict() for hit in page.hits])


class BucketUploads:
    """A bucket in the terms of the registry's `Addresses`."""

    def __init__(self, blobs: S3BlobStore) -> None:
        self._blobs = blobs

    async def upload_address(
        self, key: str, length: int, md5: bytes, content_type: str, seconds: int
    ) -> Address:
        return Address(*await self._blobs.upload_address(key, length, md5, content_type, seconds))


def build(settings: Settings) -> "App":
    """A server that is not running yet."""
    return App(settings)


class App:
    """A server: `await start()`, and `await stop()` whatever happened in between."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.new_admin: tuple[str, str] | None = None  # name and password, when this start made it
        self.registry_url = self.couch_url = ""
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Raises CannotStart with a sentence; nothing is left running then."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        self._tls = tls_context(settings)
        data = stack.enter_context(DataDir(settings.data_dir))
        wanted = ((settings.port, "--port"), (settings.couch_port, "--couch-port"))
        ports = [stack.enter_context(listen(settings.host, port, flag)) for port, flag in wanted]
        store = SqliteStore(data.path)
        stack.push_async_callback(store.close)
        self.passwords = self._passwords(stack, store)
        changes = UserChanges()
        self.store, guard = guarded(store, self.passwords, changes)
        self.new_admin = await self._admins()
        await ensure_secret(self.store)
        await self._databases()
        self.attachments = await self._attachments(stack, data)
        swept = await self._claimed()
        self._identity(guard, changes)
        self._follow(stack, data)
        self.counts = data.counts
        self.registry = await self._registry(stack)
        await self._serve(stack, ports)
        self.sweeper = Sweeper(self.store, self.attachments, grace=settings.sweep_grace)
        stack.push_async_callback(self.sweeper.stop)
        if swept:
            self.sweeper.start()

    @asynccontextmanager
    async def offline(self) -> AsyncIterator[Self]:
        """Only `store` and `attachments`, for care that needs them for itself: no doors, no followers."""
        async with AsyncExitStack() as stack:
            data = stack.enter_context(DataDir(self.settings.data_dir))
            store = SqliteStore(data.path)
            stack.push_async_callback(store.close)
            self.store = guarded(store, self._passwords(stack, store), UserChanges())[0]
            await self._databases()
            self.attachments = await self._attachments(stack, data)
            yield self

    async def _claimed(self) -> bool:
        """Whether the blob store is certain to be ours, so that what nobody refers to may be swept.
        Raises CannotStart when it is certain not to be."""
        try:
            await claim(self.store, self.attachments)
        except NotOurs as error:
            raise CannotStart(error.reason) from error
        except Unavailable as error:
            log.warning("Nothing is swept until the next start: whose the datastore is, is not known. %s",
                        error.reason)  # fmt: skip
            return False
        return True

    def _passwords(self, stack: AsyncExitStack, store: Store) -> PasswordWork:
        passwords = PasswordWork(store.config, iterations=self.settings.password_iterations)
        stack.callback(passwords.close)
        return passwords

    def _identity(self, guard: GuardedStore, changes: UserChanges) -> None:
        """Who there is, and what they log in with."""
        config, admins = self.store.config, Admins(self.store.config)

        async def find(name: str) -> User | None:
            return await self.auth.user(name)

        async def owned(name: str) -> Sequence[str]:
            return await self.registry.owners.owned_by(name)

        self.tokens = Tokens(self.store, find)
        self.auth = Authenticator([admins, Users(self.store, changes)], self.passwords, config=config,
                                  tokens=self.tokens)
        self.accounts = Accounts(self.store, admins, self.tokens, self.passwords, owned,
                                 registration_open=self.settings.registration == "open")
        guard.tell(self.accounts)

    async def _admins(self) -> tuple[str, str] | None:
        iterations = self.settings.password_iterations
        if self.settings.admin is None:
            return await ensure_admin(self.store, iterations=iterations)
        name, _, password = self.settings.admin.partition(":")
        await set_admin(self.store, name, password, iterations=iterations)
        return None

    async def _databases(self) -> None:
        """The databases every server has."""
        for name in {USERS, REPLICATOR, REGISTRY}.difference(self.store.names()):
            await self.store.create(name)
        registry = self.store.database(REGISTRY)
        if await registry.setting("security") is None:
            await registry.set_setting("security", dict(REGISTRY_SECURITY))
        await ensure_auth_design(self.store.database(USERS))

    async def _attachments(self, stack: AsyncExitStack, data: DataDir) -> Attachments:
        blobs = await open_blobs(self.settings, data.datastore)
        stack.push_async_callback(blobs.close)
        spool = Spool(data.spool)
        stack.push_async_callback(spool.close)
        config = self.store.config
        return Attachments(
            blobs, spool, registry_layout(REGISTRY),
            lambda: Compression.of(config().get("attachments", {})),
            uncompressed={REGISTRY}, max_size=partial(largest_attachment, self.store),
            referred=partial(referred, self.store),
        )

    def _follow(self, stack: AsyncExitStack, data: DataDir) -> None:
        database = partial(self.store.database, REGISTRY)
        self.search = SearchFollower(WhooshIndex(data.search), database)
        self.followers = {
            "datastore": FollowerLoop(DatastoreFollower(self.attachments, database), self.store, REGISTRY),
            "search": FollowerLoop(self.search, self.store, REGISTRY),
        }
        self.search.when_broken(self.followers["search"].restart)
        for loop in self.followers.values():
            stack.push_async_callback(loop.stop)
            loop.start()

    async def _registry(self, stack: AsyncExitStack) -> Registry:
        settings = self.settings
        checks = Limits(seconds=settings.validation_timeout, memory=settings.validation_memory << 20)
        publishing = PublishLimits(
            total=settings.max_package_size << 20, files=settings.max_package_files,
            descriptor=settings.max_descriptor_size << 20,
        )  # fmt: skip
        registry = Registry(
            self.store.database(REGISTRY), self.attachments, validation=Validation(settings.validation),
            checks=checks, publishing=publishing, settled=self.followers["datastore"].caught_up,
            downloads=Downloads(self.counts),
        )
        stack.push_async_callback(registry.close)
        await registry.start()
        return registry

    async def _serve(self, stack: AsyncExitStack, ports: Sequence[socket.socket]) -> None:
        proxies = Proxies(self.settings.trusted_proxies)
        self.couch = door = CouchDoor(
            self.store, self.attachments, self.auth, proxies=proxies,
            with_owned=self.registry.owners.with_roles,
        )  # fmt: skip
        blobs = self.attachments.blobs
        services = Services(
            self.registry, self.auth.identify_publisher, Searching(self.search), self.accounts, self.tokens,
            couch=partial(door.handle_below, prefix=COUCH_PREFIX), public_url=self.settings.public_url,
            elsewhere=elsewhere(self.settings, blobs), proxies=proxies,
            uploads=BucketUploads(blobs) if isinstance(blobs, S3BlobStore) else None,
            followers=lambda: [loop.status() for loop in self.followers.values()],
        )
        registry = web.AppRunner(
            registry_application(services), auto_decompress=False, access_log=None, max_line_size=LINE,
            max_field_size=LINE, shutdown_timeout=CLOSING,
        )
        couch = web.ServerRunner(door.server(), shutdown_timeout=CLOSING)
        self.registry_url, self.couch_url = [
            await serve(stack, runner, port, self._tls)
            for runner, port in zip((registry, couch), ports, strict=True)
        ]


async def open_blobs(settings: Settings, directory: Path) -> BlobStore:
    """The blob store of the settings. Raises CannotStart when it refuses us; one that does not answer
    now may do so later."""
    if settings.blobstore == "directory":
        return DirectoryBlobStore(directory)
    try:
        store = await S3BlobStore.connect(s3_options(settings, settings.blobstore))
    except Refused as error:
        raise CannotStart(error.reason) from error
    try:
        await store.probe()
    except Refused as error:
        await store.close()
        raise CannotStart(f"{settings.blobstore} cannot be used. {error.reason}") from error
    except Unavailable as error:
        log.warning("%s: %s It will be tried again.", settings.blobstore, error.reason)
    return store


def elsewhere(settings: Settings, blobs: BlobStore) -> Elsewhere:
    """Where readers of files are sent. Raises CannotStart without a bucket."""
    if settings.redirect == "off":
        return nowhere
    if not isinstance(blobs, S3BlobStore):
        raise CannotStart("Readers can be sent to a bucket only: --redirect needs --blobstore s3://BUCKET.")
    seconds = READING if settings.redirect == "presigned" else None

    async def address(file: Attachment) -> str | None:
        return await blobs.address(file.key, seconds) if file.encoding == "identity" else None

    return address


def s3_options(settings: Settings, address: str) -> S3Options:
    """How a bucket is spoken to."""
    bucket, prefix = split_address(address)
    addressing = {"auto": None, "path": True, "virtual": False}
    return S3Options(
        bucket, prefix, endpoint=settings.s3_endpoint, region=settings.s3_region,
        path_style=addressing[settings.s3_addressing], access_key=settings.s3_access_key_id,
        secret_key=settings.s3_secret_access_key, session_token=settings.s3_session_token,
        profile=settings.s3_profile, encryption=settings.s3_encryption, kms_key=settings.s3_kms_key,
        storage_class=settings.s3_storage_class, connections=settings.s3_connections,
    )  # fmt: skip


def largest_attachment(store: Store) -> int | None:
    """`[couchdb] max_attachment_size` in bytes where someone has set it, None for any size."""
    written = store.config().get("couchdb", {}).get("max_attachment_size", "")
    return int(written) if written.isdecimal() else None


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket bound to the port. Raises CannotStart when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotStart(f"There is no address {host} to listen on: {error.strerror}.") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise CannotStart(
            f"Port {port} of {host} cannot be had ({error.strerror}): choose another with {flag}."
        ) from error
    return bound


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None for plain HTTP. Raises CannotStart for a certificate or key that cannot be used."""
    if settings.tls_cert is None:
        if settings.tls_key is not None:
            raise CannotStart("A key alone makes no HTTPS: name the certificate with --tls-cert.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")  # "": it asks nobody
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "it is not what it should be"
        raise CannotStart(f"The certificate {settings.tls_cert} cannot be used: {reason}.") from error
    return context


async def serve(
    stack: AsyncExitStack, runner: web.BaseRunner, port: socket.socket, tls: ssl.SSLContext | None
) -> str:
    """Answer on a bound socket until the stack unwinds; the address of the door."""
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, port, backlog=1024, ssl_context=tls).start()
    host, number = port.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{number}"
