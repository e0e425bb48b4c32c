"""A couch door of its own over an empty store, and a client that sends exactly what it is told."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from couchreg.auth.login.authenticator import NOBODY, Authenticator, Identity
from couchreg.auth.login.handlers import Handlers
from couchreg.auth.options import Options
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.blobstore.spool import Spool
from couchreg.designdocs.functions import Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.validating import Validators
from couchreg.designdocs.views.engine import ViewEngine
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.cached_config import CachedConfig
from couchreg.docstore.layers import LayeredStore
from couchreg.http.couch.door import CouchDoor
from couchreg.http.couch.frame.services import CouchServices
from couchreg.http.forwarded import Proxies
from couchreg.model.user import User
from tests.blob_stores import blob_store
from tests.document_stores import document_store

ADMIN = User("admin", ("_admin",))
FACTS = {"chttpd": {"port": "1234"}, "couchdb": {"database_dir": "/data"}}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def etag(self) -> str:
        return str(self.headers["ETag"])


class Everybody:
    """Whoever sends no credentials is the admin; a Basic header names an ordinary user."""

    def __init__(self, store: CachedConfig) -> None:
        self.options = Options(store.config)
        self.handlers = Handlers(store.config)
        self.passwords = PasswordWork(store.config, iterations=10)

    def recognize(self, headers: Mapping[str, str], address: str) -> Identity | None:
        """Nobody is remembered here."""
        return None

    async def identify(self, headers: Mapping[str, str], address: str) -> Identity:
        name = headers.get("Authorization")
        if name is None:
            return Identity(ADMIN, "default")
        return NOBODY if name == "nobody" else Identity(User(name), "default")

    async def confirm(self, identity: Identity, headers: Mapping[str, str], address: str) -> None:
        """Nobody comes and goes here, and no other process writes."""


class Couch:
    """A client of one server. Paths that begin with `/` are below the database, `//` below the root."""

    def __init__(self, url: str, session: aiohttp.ClientSession, data: Path, store: CachedConfig) -> None:
        self.url = url
        self.session = session
        self.data = data
        self.store = store

    async def __call__(
        self, method: str, path: str, json: Any = None, *, data: Any = None, headers: Any = None
    ) -> Reply:
        url = URL(self._address(path), encoded=True)
        wanted = {"Accept": "application/json", **(headers or {})}
        if json is not None:
            data = _encoded(json)
            wanted.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method,
            url,
            data=data,
            headers=wanted,
            allow_redirects=False,
            skip_auto_headers=["Content-Type", "Accept-Encoding"],
        ) as reply:
            return Reply(reply.status, reply.headers, await reply.read())

    def _address(self, path: str) -> str:
        return self.url + path[1:] if path.startswith("//") else f"{self.url}/db{path}"

    async def rev(self, doc_id: str, body: Any, rev: str | None = None) -> str:
        """Save a document; its revision."""
        reply = await self("PUT", f"/{doc_id}", body if rev is None else {**body, "_rev": rev})
        assert reply.status == 201, reply.body
        return str(reply.json["rev"])

    async def graft(self, *docs: dict[str, Any]) -> None:
        """Write revisions as a replicator does."""
        reply = await self("POST", "/_bulk_docs", {"new_edits": False, "docs": list(docs)})
        assert (reply.status, reply.json) == (201, [])

    def blobs(self) -> list[Path]:
        """The files that hold bytes of attachments, stored or on their way."""
        return [
            path
            for folder in ("blobs", "spool")
            for path in (self.data / folder).rglob("*")
            if path.is_file()
        ]


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.fixture
async def couch(tmp_path: Path) -> AsyncIterator[Couch]:
    """A running door with an empty database called `db`."""
    contexts = Contexts(lambda: store.config())
    functions = Functions(contexts)
    views = ViewEngine(functions, tmp_path / "views")
    store = await CachedConfig.load(LayeredStore(await document_store(tmp_path), Validators(functions)))
    await store.create("db")
    await (await store.open("db")).set_setting("security", {})
    blobs, spool = await blob_store(tmp_path / "blobs"), Spool(tmp_path / "spool")
    attachments = Attachments(blobs, spool, lambda *_: None, lambda: Compression.of({}))
    auth = Everybody(store)
    services = CouchServices(
        store,
        attachments,
        cast(Authenticator, auth),
        functions,
        views,
        proxies=Proxies("127.0.0.2"),
        facts=FACTS,
    )
    door = CouchDoor(services)
    runner = web.ServerRunner(door.server(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Couch(f"http://127.0.0.1:{runner.addresses[0][1]}", session, tmp_path, store)
    await runner.cleanup()
    await door.close()
    await views.close()
    await contexts.close()
    auth.passwords.close()
    await spool.close()
    await blobs.close()
    await store.close()
