"""Two servers over a cluster of three CouchDB nodes and a bucket, each of which goes away and comes back
while clients publish: of each version one publish wins, with its files, and every node has it in the end.

COUCHREG_TEST_CLUSTER names three nodes of a real CouchDB, `http://name:password@host:port` with a blank
between them, and COUCHREG_TEST_CLUSTER_NODES a program that is called with `kill N` and `start N`; else
`tests/docstore/cluster.py` stands for them. COUCHREG_TEST_SEVERAL says how many versions are published, and
COUCHREG_TEST_CLIENTS by how many clients.
"""

import asyncio
import contextlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from yarl import URL

from couchreg.docstore.remote import calls, copies, members, rounds
from couchreg.docstore.remote.members import Rhythm
from tests.app.test_several import ask, check, publish_all, wanted
from tests.conftest import ServerFactory
from tests.docstore import couchdbs
from tests.docstore.cluster import NODES, cluster_at
from tests.fault_proxy import fault_proxy
from tests.processes import running
from tests.s3_servers import S3Server, new_bucket

REAL = os.environ.get("COUCHREG_TEST_CLUSTER", "").split()
PROGRAM = os.environ.get("COUCHREG_TEST_CLUSTER_NODES", "")
VERSIONS = int(os.environ.get("COUCHREG_TEST_SEVERAL", "10"))
CLIENTS = int(os.environ.get("COUCHREG_TEST_CLIENTS", "6"))


class Nodes(NamedTuple):
    """A cluster: an address that goes to any node which is there, and what may happen to them."""

    url: str
    kill: Callable[[int], Awaitable[None]]
    start: Callable[[int], Awaitable[None]]
    leafs: Callable[[str], Awaitable[list[dict[str, list[str]]]]]  # of a database: of each node, by id


def leafs_in(feed: Any) -> dict[str, list[str]]:
    return {row["id"]: sorted(one["rev"] for one in row["changes"]) for row in feed["results"]}


@asynccontextmanager
async def standing_for_one(couch_door: str) -> AsyncIterator[Nodes]:
    async with cluster_at(couch_door) as (url, cluster):

        async def kill(node: int) -> None:
            cluster.up = [one for one in NODES if one != node]

        async def start(node: int) -> None:
            cluster.up = list(NODES)
            await cluster.level()

        async def leafs(database: str) -> list[dict[str, list[str]]]:
            await cluster.level()
            found = []
            for node in NODES:
                _, feed = await cluster.copy(node, database, "/_changes", {"style": "all_docs"})
                found.append(
                    {row["id"]: sorted(one["rev"] for one in row["changes"]) for row in feed["results"]}
                )
            return found

        yield Nodes(url, kill, start, leafs)


@asynccontextmanager
async def real_one() -> AsyncIterator[Nodes]:
    ports = [URL(one).port or 5984 for one in REAL]

    async def run(what: str, node: int) -> None:
        program = await asyncio.create_subprocess_exec(PROGRAM, what, str(node))
        assert await program.wait() == 0

    async def leafs(database: str) -> list[dict[str, list[str]]]:
        found = []
        about = (await ask(f"{REAL[0]}/_node/_local/_dbs/{quote(database, safe='')}", login=None))[1]
        shard = quote(f"shards/00000000-ffffffff/{database}{bytes(about['shard_suffix']).decode()}", safe="")
        for node in about["by_range"]["00000000-ffffffff"]:
            _, feed = await ask(f"{REAL[0]}/_node/{node}/{shard}/_changes?style=all_docs", login=None)
            feed = feed if isinstance(feed, dict) else json.loads(feed)
            found.append(leafs_in(feed))
        return found

    async with balancer(ports) as port:
        url = str(URL(REAL[0]).with_port(port)).rstrip("/")
        yield Nodes(url, lambda node: run("kill", node), lambda node: run("start", node), leafs)


@asynccontextmanager
async def balancer(ports: list[int]) -> AsyncIterator[int]:
    """A port that goes on to the next of these that is open."""
    turn = 0

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        for at in range(len(ports)):
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", ports[(turn + at) % len(ports)])
                await asyncio.gather(pipe(reader, back), pipe(there, writer))
                return
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    if REAL:
        async with real_one() as found:
            yield found
        return
    with couchdbs.couch_door(tmp_path) as url:
        async with standing_for_one(url) as found:
            yield found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, none of the servers here is taken for dead."""
    monkeypatch.setattr(members, "SEVERAL", Rhythm(0.3, 3600, 3600))
    monkeypatch.setattr(calls, "FIRST_DOUBT", 0.0)
    monkeypatch.setattr(rounds, "LATE", 0.0)
    monkeypatch.setattr(copies, "SHOWN", 60.0)


async def test_nothing_is_lost_whatever_goes_away_and_comes_back(
    server: ServerFactory, tmp_path: Path, nodes: Nodes, moto_server: S3Server
) -> None:
    prefix = couchdbs.new_prefix()
    options = await new_bucket(moto_server)
    async with fault_proxy(options.endpoint, random.Random(1)) as bucket:
        settings = {
            "docstore": f"{nodes.url}/{prefix}",
            "cluster_trial": "on",
            "blobstore": options.address,
            "s3_endpoint": bucket.url,
            "s3_access_key_id": options.access_key,
            "s3_secret_access_key": options.secret_key,
        }
        names = {"docstore", "s3_access_key_id", "s3_secret_access_key"}
        env = {f"COUCHREG_{key.upper()}": value for key, value in settings.items() if key in names}
        flags = [
            part
            for key, value in settings.items()
            if key not in names
            for part in (f"--{key.replace('_', '-')}", value)
        ]
        with ExitStack() as stack:  # in a thread, since the cluster may be served by this loop
            starting = running(tmp_path / "one", *flags, env=env)
            first = await asyncio.to_thread(stack.enter_context, starting)
            second = await server(data_dir=tmp_path / "two", **settings)
            urls, work = [first.registry_url, second.registry_url], wanted(VERSIONS)
            total, done = len(work), asyncio.Event()

            async def until(part: float) -> None:
                """Until so much is done."""
                while len(work) > total * (1 - part) and not done.is_set():
                    await asyncio.sleep(0.05)

            async def trouble() -> None:
                for number in NODES:
                    await until(number * 0.2 - 0.1)
                    await nodes.kill(number)
                    await until(number * 0.2)
                    await nodes.start(number)
                await until(0.7)
                first.kill()
                await until(0.8)
                bucket.faults, bucket.rate = ("unavailable",), 1.0
                await asyncio.sleep(1)
                bucket.rate = 0.0

            async def publishing() -> dict[object, int]:
                try:
                    return dict(await publish_all(urls, work, CLIENTS))
                finally:
                    done.set()

            outcomes, _ = await asyncio.gather(publishing(), trouble())
        again = await server(data_dir=tmp_path / "one", **settings)
        for app in (second, again):
            await check(outcomes, [app.registry_url], [app.couch_url])  # type: ignore[arg-type]
        until_equal = time.monotonic() + 300
        while True:
            found = await nodes.leafs(f"{prefix}/registry")
            if found[0] == found[1] == found[2] or time.monotonic() > until_equal:
                break
            await asyncio.sleep(1)
        assert found[0] == found[1] == found[2]
        published = {f"{one.name}@{one.version}" for one in outcomes}  # type: ignore[attr-defined]
        assert published <= found[0].keys()
