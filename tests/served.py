"""A registry on the real engine and the directory store, behind its door on a free port."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from couchreg.access.groups import Groups
from couchreg.analytics.answering import AskingLimits
from couchreg.analytics.asking import Asking
from couchreg.analytics.copies import TableCopies
from couchreg.analytics.tables import Tables
from couchreg.app.stores import in_parts
from couchreg.auth.guards.users_guard import GuardedStore
from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.login.pledges import Pledge, Pledges
from couchreg.auth.login.visits import Visits
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.auth.policy import USERS
from couchreg.auth.tokens import Tokens
from couchreg.auth.users.accounts import Accounts, Login
from couchreg.auth.users.admins import Admins, set_admin
from couchreg.auth.users.caring import Care
from couchreg.auth.users.users import UserChanges, Users
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import Database
from couchreg.docstore.cached_config import CachedConfig
from couchreg.docstore.maintenance.sweeper import referred
from couchreg.docstore.named import NamedNotes
from couchreg.docstore.sqlite import SqliteStore
from couchreg.followers.loop import FollowerLoop
from couchreg.http.connections import ApplicationRunner, nothing_set
from couchreg.http.forwarded import TRUSTING_NONE
from couchreg.http.registry.door import registry_application
from couchreg.http.registry.frame.call import RegistryServices
from couchreg.http.registry.frame.finished import FINISHED
from couchreg.model.user import User
from couchreg.package.layout import registry_layout
from couchreg.registry.checking.checker import CheckLimits
from couchreg.registry.registry import Neighbours, Registry, RegistryOptions, SearchResult
from tests.blob_stores import blob_store
from tests.document_stores import document_store
from tests.packages import Package, related

PASSWORD = "secret"
basic = aiohttp.encode_basic_auth
ADMIN, ANNA, BOB = basic("admin", PASSWORD), basic("anna", PASSWORD), basic("bob", PASSWORD)


class NothingFound:
    """An index that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[str], int, int, Sequence[str]]] = []

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        self.asked.append((words, limit, offset, types))
        return SearchResult(1, [{"name": "gdp", "version": "2026", "title": "GDP"}])

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        return await self.search([name], limit, offset, [])


@dataclass
class Served:
    """A running registry and a client of its door."""

    registry: Registry
    store: SqliteStore
    database: Database
    url: str
    client: aiohttp.ClientSession
    datastore: Path
    spool: Path
    index: NothingFound
    people: "People"
    groups: Groups
    tables: Tables | None = None

    async def made(self, name: str, version: str, *, auth: str | None = None) -> list[dict[str, Any]]:
        """The tables of a version, as they are listed when none of them is pending any more."""
        while True:
            _, found = await self.ask("GET", f"/-/parquet/{name}/{version}", auth=auth)
            if all(table["state"] != "pending" for table in found["tables"]):
                listed: list[dict[str, Any]] = found["tables"]
                return listed
            await asyncio.sleep(0.1)

    async def ask(self, method: str, path: str, *, auth: str | None = None, **sent: Any) -> tuple[int, Any]:
        """A request as somebody; the status and the answer."""
        headers = {**sent.pop("headers", {}), **({"Authorization": auth} if auth else {})}
        async with self.client.request(method, self.url + path, headers=headers, **sent) as response:
            return response.status, await response.json()

    async def put(
        self,
        package: Package,
        version: str,
        *,
        auth: str = ADMIN,
        name: str | None = None,
    ) -> tuple[int, Any]:
        """Publish a folder as multipart/related; the status and the answer."""
        body, headers = related(package)
        return await self.send(f"/{name or package.name}/{version}", body, headers, auth=auth)

    async def send(
        self, path: str, body: bytes, headers: Mapping[str, str], *, auth: str = ADMIN
    ) -> tuple[int, Any]:
        async with self.client.put(
            self.url + path, data=io.BytesIO(body), headers={**headers, "Authorization": auth}
        ) as response:
            return response.status, await response.json()

    async def put_json(self, path: str, value: Any, *, auth: str = ADMIN) -> tuple[int, Any]:
        async with self.client.put(self.url + path, json=value, headers={"Authorization": auth}) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.client.get(self.url + path) as response:
            return response.status, await response.json()

    async def fetch(self, path: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(self.url + path, headers=sent) as response:
            return response.status, response.headers, await response.read()

    def blobs(self) -> list[str]:
        """Every file of the blob store, and whatever waits in the spool."""
        roots = (self.datastore, self.spool)
        return sorted(
            str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file()
        )


@dataclass
class People:
    """Who there is: an admin, and anna and bob, with the same password."""

    auth: Authenticator
    accounts: Accounts
    tokens: Tokens
    visits: Visits
    work: PasswordWork
    store: GuardedStore
    now: list[float]  # the time, as tokens and logins see it

    async def close(self) -> None:
        self.work.close()


async def identity(opened: SqliteStore, registry: Registry, registration: str) -> People:
    inner = await CachedConfig.load(opened)
    work, changes = PasswordWork(inner.config, iterations=1), UserChanges()
    store = guard = GuardedStore(inner, work, changes)
    await store.create(USERS)
    await set_admin(store, "admin", PASSWORD, iterations=1)
    admins, now = Admins(store.config), [time.time()]
    auth = Authenticator([admins, Users(store, changes)], work, config=store.config)
    auth.tokens = tokens = Tokens(store, auth, clock=lambda: now[0])
    accounts = Accounts(
        store, admins, tokens, work, registry.owners.owned_by, registration_open=registration == "open"
    )
    guard.tell(accounts)
    for name in ("anna", "bob"):
        await accounts.create(name, Login(PASSWORD), email=f"{name}@example.org")
    visits = Visits(auth, clock=lambda: now[0])
    guard.tell(visits)
    return People(auth, accounts, tokens, visits, work, store, now)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """See `serving`; everything is closed behind the test."""
    async with serving(tmp_path) as start:
        yield start


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a registry; options are those of `RegistryOptions` and of `Neighbours`, and `services` more of
    the door's."""
    closers: list[Callable[[], Awaitable[None]]] = []

    async def start(
        *,
        couch: Any = None,
        public_url: str | None = None,
        registration: str = "open",
        services: Mapping[str, Any] | None = None,
        with_tables: bool = False,
        asking_limits: AskingLimits | None = None,
        **options: Any,
    ) -> Served:
        blobs, spool = await blob_store(tmp_path / "datastore"), Spool(tmp_path / "spool")
        store = await document_store(tmp_path)
        attachments = Attachments(
            blobs,
            spool,
            registry_layout("registry"),
            lambda: Compression.of({}),
            uncompressed=["registry"],
            referred=partial(referred, store),
        )
        database = await store.create("registry")
        options.setdefault("checks", CheckLimits(workers=1))
        pledges: list[Pledges] = []

        async def redeem(pledge: Any, package: str) -> User:
            return await pledges[0].redeem(msgspec.convert(pledge, Pledge), package)

        options.setdefault("bucket", in_parts(blobs))
        own = {one.name: options.pop(one.name) for one in fields(RegistryOptions) if one.name in options}
        around = Neighbours(redeem=redeem, **options)
        registry = Registry(database, attachments, RegistryOptions(**own), around)
        await registry.start()
        index, people = NothingFound(), await identity(store, registry, registration)
        tables = await _tables(tmp_path, registry, store, closers) if with_tables else None
        asking = await _asking(tables, registry, closers, asking_limits) if tables else None
        pledges.append(Pledges(people.auth))
        groups = Groups(NamedNotes(people.store, USERS))
        await groups.load()
        offered = RegistryServices(
            registry,
            people.auth.identify_publisher,
            index,
            people.accounts,
            people.tokens,
            people.visits,
            care=Care(people.store, people.accounts),
            groups=groups,
            confirm=people.auth.confirm_publisher,
            couch=couch,
            public_url=public_url,
            pledges=pledges[0],
            publish_wait=3600,  # as long as a busy machine takes
            tables=tables,
            asking=asking,
            **(services or {}),
        )
        application = registry_application(offered)
        runner = ApplicationRunner(  # as the real one
            application,
            proxies=TRUSTING_NONE,
            section=nothing_set,
            shutdown_timeout=2,
            around=partial(application[FINISHED].around, offered),
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = aiohttp.ClientSession()
        closers.extend(
            [
                client.close,
                runner.cleanup,
                registry.close,
                people.close,
                store.close,
                blobs.close,
                spool.close,
            ]
        )
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        folders = (tmp_path / "datastore", tmp_path / "spool")
        return Served(registry, store, database, url, client, *folders, index, people, groups, tables)

    try:
        yield start
    finally:
        for close in closers:
            await close()


async def _tables(
    folder: Path, registry: Registry, store: SqliteStore, closers: list[Callable[[], Awaitable[None]]]
) -> Tables:
    """The tables of a registry, with their follower; closed before the rest is."""
    tables = Tables(folder / "tables.sqlite", registry.catalog, registry.attachments)
    loop = FollowerLoop(tables.follower, store, "registry")
    loop.start()
    tables.start()
    closers.extend([tables.stop, loop.stop, tables.close])
    return tables


async def _asking(
    tables: Tables,
    registry: Registry,
    closers: list[Callable[[], Awaitable[None]]],
    limits: AskingLimits | None,
) -> Asking:
    copies = TableCopies(registry.attachments.blobs, registry.attachments.spool)
    asking = Asking(tables, registry.catalog, copies, limits or AskingLimits())
    closers.append(asking.close)
    return asking


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve()
