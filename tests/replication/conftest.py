"""Whole servers that replicate with each other, and clients of them."""

import io
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from couchreg.app import App, build
from couchreg.config import load
from couchreg.replication import calls, files
from tests.blob_stores import blob_settings
from tests.conftest import ADMIN

collect_ignore = [] if "COUCHREG_TEST_COUCHDB" in os.environ else ["test_couchdb.py"]

AUTH = {"basic": {"username": ADMIN[0], "password": ADMIN[1]}}


@dataclass
class Peer:
    """A server, or a CouchDB, and how to talk to it as its administrator."""

    url: str
    session: aiohttp.ClientSession
    app: App | None = None

    async def __call__(
        self, method: str, path: str, body: Any = None, *, who: tuple[str, str] | None = ADMIN, **more: Any
    ) -> tuple[int, Any]:
        headers = {"Authorization": aiohttp.encode_basic_auth(*who)} if who else {}
        sent: dict[str, Any] = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent["data"] = io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, self.url + path, headers=headers, **sent, **more) as answer:
            data = await answer.read()
            return answer.status, json.loads(data) if data else None

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        status, found = await self(method, path, body, **more)
        assert status < 300, (method, path, status, found)
        return found

    def end(self, db: str) -> dict[str, Any]:
        """A database as one end of a replication."""
        return {"url": f"{self.url}/{quote(db, safe='')}", "auth": AUTH}

    def by_door(self, db: str) -> dict[str, Any]:
        """The same, where the server that is asked does not see that it is itself."""
        return {**self.end(db), "headers": {"X-Asked": "at the door"}}

    async def replicate(self, source: Any, target: Any, **options: Any) -> tuple[int, Any]:
        return await self("POST", "/_replicate", {"source": source, "target": target, **options})

    async def leafs(self, db: str) -> Mapping[str, Any]:
        """Every document with its leaf revisions, and the attachments' digests of each."""
        rows = (await self.ok("GET", f"/{db}/_changes?style=all_docs"))["results"]
        wanted = [{"id": row["id"], "rev": change["rev"]} for row in rows for change in row["changes"]]
        answer = await self.ok("POST", f"/{db}/_bulk_get?revs=true", {"docs": wanted})
        docs = [doc["ok"] for row in answer["results"] for doc in row["docs"]]
        assert len(docs) == len(wanted)
        return {(doc["_id"], doc["_rev"]): doc for doc in docs}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    for module in (calls, files):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.01)


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[Peer]:
    given = {"port": 0, "couch_port": 0, "data_dir": data_dir, "admin": ":".join(ADMIN)}
    settings = await blob_settings(data_dir) | given | {"password_iterations": 1000}
    app = build(load(settings, environ={}))
    await app.start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Peer(app.couch_url.rstrip("/"), session, app)
    finally:
        await app.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Peer, Peer]]:
    """Two of them, for all tests of a file: to start one takes longer than most of what is tried here."""
    folder = tmp_path_factory.mktemp("servers")
    async with running(folder / "here") as here, running(folder / "there") as there:
        yield here, there


@pytest_asyncio.fixture(loop_scope="module")
async def here(servers: tuple[Peer, Peer]) -> AsyncIterator[Peer]:
    """The server whose replicator is tried; what a test made is gone behind it."""
    yield servers[0]
    await emptied(servers[0])


@pytest_asyncio.fixture(loop_scope="module")
async def there(servers: tuple[Peer, Peer]) -> AsyncIterator[Peer]:
    """Another one."""
    yield servers[1]
    await emptied(servers[1])


async def emptied(peer: Peer) -> None:
    assert peer.app is not None
    scheduler = peer.app.replicator.scheduler
    for job in list(scheduler.all()):
        await scheduler.remove(job)
    for name in await peer.ok("GET", "/_all_dbs"):
        if name not in ("_users", "_replicator", "_global_changes", "registry"):
            await peer.ok("DELETE", "/" + quote(name, safe=""))
