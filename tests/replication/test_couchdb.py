"""With a real CouchDB on the other side (`COUCHREG_TEST_COUCHDB`, its URL with an administrator's login):
as the source, as the target, and as the one that replicates; and one goes on where the other has stopped."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from tests.replication.conftest import Peer
from tests.replication.test_replicating import fill

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = urlsplit(os.environ["COUCHREG_TEST_COUCHDB"])
LOGIN = (URL.username or "", URL.password or "")
NAMES = tuple(f"couchreg-test-{end}-{os.getpid()}" for end in ("src", "dst"))  # others may test beside


class CouchDB(Peer):
    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        return await super().__call__(method, path, body, **{"who": LOGIN, **more})

    def end(self, db: str) -> dict[str, Any]:
        auth = {"basic": {"username": LOGIN[0], "password": LOGIN[1]}}
        return {"url": f"{self.url}/{db}", "auth": auth}


@pytest_asyncio.fixture(loop_scope="module")
async def couchdb() -> AsyncIterator[Peer]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        peer = CouchDB(f"{URL.scheme}://{URL.hostname}:{URL.port}", session)
        for name in NAMES:
            await peer("DELETE", f"/{name}")
        yield peer
        for name in NAMES:
            await peer("DELETE", f"/{name}")


SRC, DST = NAMES


@pytest.mark.parametrize("local", [True, False])
async def test_it_is_the_source(here: Peer, couchdb: Peer, local: bool) -> None:
    await fill(couchdb, SRC)
    target = "dst" if local else here.end("dst")
    _, answer = await here.replicate(couchdb.end(SRC), target, create_target=True)
    assert answer["history"][0]["doc_write_failures"] == 0
    assert await here.leafs("dst") == await couchdb.leafs(SRC)
    _, again = await here.replicate(couchdb.end(SRC), target)
    assert again["no_changes"] is True


@pytest.mark.parametrize("local", [True, False])
async def test_it_is_the_target(here: Peer, couchdb: Peer, local: bool) -> None:
    await fill(here, "src")
    source = "src" if local else here.end("src")
    _, answer = await here.replicate(source, couchdb.end(DST), create_target=True)
    assert answer["history"][0]["doc_write_failures"] == 0
    assert await couchdb.leafs(DST) == await here.leafs("src")
    _, again = await here.replicate(source, couchdb.end(DST))
    assert again["no_changes"] is True


async def test_a_continuous_one_follows_it(here: Peer, couchdb: Peer) -> None:
    await fill(couchdb, SRC)
    asked = {"source": couchdb.end(SRC), "target": here.end("dst"), "create_target": True, "continuous": True}
    await here.ok("POST", "/_replicate", asked)
    await couchdb.ok("PUT", f"/{SRC}/late", {})
    async with asyncio.timeout(60):
        while (await here("GET", "/dst/late"))[0] != 200:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("first", ["couchreg", "couchdb"])
async def test_one_goes_on_where_the_other_has_stopped(here: Peer, couchdb: Peer, first: str) -> None:
    """With the UUID of the CouchDB, which is part of replication ids."""
    uuid = (await couchdb.ok("GET", "/"))["uuid"]
    await fill(couchdb, SRC)
    await here.ok("PUT", "/_node/_local/_config/couchdb/uuid", uuid)
    ends = (couchdb.end(SRC), here.end("dst"))
    one, other = (here, couchdb) if first == "couchreg" else (couchdb, here)
    _, begun = await one.replicate(*ends, create_target=True)
    assert begun["ok"] is True
    await couchdb.ok("PUT", f"/{SRC}/late", {})
    _, then = await other.replicate(*ends, create_target=True)
    assert then["history"][0]["start_last_seq"] == begun["source_last_seq"]
    assert [entry["session_id"] for entry in then["history"]][1] == begun["session_id"]
    assert then["history"][0]["missing_found"] == begun["history"][0]["missing_found"] + 1
    assert await here.leafs("dst") == await couchdb.leafs(SRC)
    _, last = await one.replicate(*ends, create_target=True)
    assert (last["no_changes"], last["session_id"]) == (True, then["session_id"])
    await here.ok("DELETE", "/_node/_local/_config/couchdb/uuid")
