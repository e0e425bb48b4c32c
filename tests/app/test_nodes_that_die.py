"""Two servers over a cluster of three CouchDB nodes and a bucket, each of which goes away and comes back
while clients publish: of each version one publish wins, with its files, and every node has it in the end.

Over a real cluster (`nodes.py`) both servers are processes of their own with the times of a real one, and
whatever may happen happens again and again until all is published. COUCHREG_TEST_SEVERAL says how many
versions are published, COUCHREG_TEST_CLIENTS by how many clients, COUCHREG_TEST_QUIET that nothing is to
happen meanwhile, COUCHREG_TEST_REST how many seconds pass between two troubles, COUCHREG_TEST_S3_KILLS how
often in a round of them the S3 server is killed (1), COUCHREG_TEST_KILLS that nothing stands still or is cut
off, and COUCHREG_TEST_SECONDS after how many seconds no publish begins any more.
"""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from yarl import URL

from couchreg.docstore.remote import calls, copies, members, rounds
from couchreg.docstore.remote.members import Rhythm
from tests.app.nodes import REAL, Nodes, Restarted, Way, real_one, standing_for_one
from tests.app.test_several import Wanted, ask, check, publish_all, wanted
from tests.conftest import ServerFactory
from tests.docstore import couchdbs
from tests.docstore.cluster import NODES
from tests.s3_servers import KilledS3, new_bucket, ours

VERSIONS = int(os.environ.get("COUCHREG_TEST_SEVERAL", "12"))
CLIENTS = int(os.environ.get("COUCHREG_TEST_CLIENTS", "6"))
QUIET = "COUCHREG_TEST_QUIET" in os.environ
REST = float(os.environ.get("COUCHREG_TEST_REST", "10"))
S3_KILLS = int(os.environ.get("COUCHREG_TEST_S3_KILLS", "1"))
KILLS_ALONE = "COUCHREG_TEST_KILLS" in os.environ
SECONDS = float(os.environ.get("COUCHREG_TEST_SECONDS", "36000"))

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.timeout(6 * 3600)] if REAL else []


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    if REAL:
        async with real_one() as found:
            yield found
        return
    with couchdbs.couch_door(tmp_path) as url:
        async with standing_for_one(url) as found:
            yield found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, no server in this process is taken for dead."""
    monkeypatch.setattr(members, "SEVERAL", Rhythm(0.3, 3600, 3600))
    monkeypatch.setattr(calls, "FIRST_DOUBT", 0.0)
    monkeypatch.setattr(rounds, "LATE", 0.0)
    monkeypatch.setattr(copies, "SHOWN", 60.0)


class Trouble(NamedTuple):
    name: str
    seconds: float  # that it lasts
    begin: Callable[[], Awaitable[None] | None]
    end: Callable[[], Awaitable[None] | None]


def troubles(
    nodes: Nodes, bucket: Way, s3: KilledS3, first: Restarted, second: Restarted | None
) -> list[Trouble]:
    """In the order in which they happen."""
    found = of_nodes_and_servers(nodes, bucket, first, second)
    dies = Trouble("the S3 server is killed", 5, s3.kill, s3.start)
    for number in range(S3_KILLS, 0, -1):  # spread over them
        found.insert(number * len(found) // (S3_KILLS + 1), dies)
    return [one for one in found if "killed" in one.name or not KILLS_ALONE]


def of_nodes_and_servers(
    nodes: Nodes, bucket: Way, first: Restarted, second: Restarted | None
) -> list[Trouble]:
    found = [
        Trouble(f"node {n} is killed", 15, lambda n=n: nodes.kill(n), lambda n=n: nodes.start(n))
        for n in NODES
    ]
    found[1:1] = [Trouble("the bucket is away", 10, bucket.close, bucket.open)]
    found[3:3] = [Trouble("a server is killed", 1, first.kill, lambda: None)]
    halts = [
        Trouble(f"node {n} stands still", s, lambda n=n: nodes.halt(n), lambda n=n: nodes.go(n))
        for n, s in zip(NODES, (20, 60, 30), strict=True)
    ]
    if second is None:
        return [*found, halts[1]]
    still = Trouble("a server stands still", 12, second.halt, second.go)
    killed = Trouble("the other server is killed", 1, second.kill, lambda: None)
    return [*found, halts[0], killed, halts[1], still, halts[2]]


async def happen(wanted: list[Trouble], left: Callable[[], float], done: asyncio.Event) -> list[str]:
    """Each of them once, by how much is done; those of a real cluster by the clock, until all is. Each ends
    by the clock, too: while the bucket is away nothing may be done at all."""
    happened: list[str] = []

    async def until(part: float, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not done.is_set() and time.monotonic() < ends and (REAL or left() > 1 - part):
            await asyncio.sleep(0.05)

    while True:
        for at, one in enumerate(wanted):
            await until((at + 0.3) / (len(wanted) + 1), REST if REAL else math.inf)
            if REAL and done.is_set():
                return happened
            log.info("%.0f %% are left: %s", 100 * left(), one.name)
            happened.append(one.name)
            for step in (one.begin, one.end):
                if (going := step()) is not None:
                    await going
                if step == one.begin:
                    await until((at + 0.9) / (len(wanted) + 1), one.seconds)
        if not REAL:
            return happened


@asynccontextmanager
async def settings_for(nodes: Nodes, s3: KilledS3) -> AsyncIterator[tuple[dict[str, Any], Way]]:
    """Those of the servers, and their way to a bucket."""
    options = await new_bucket(s3.server)
    async with Way.to([URL(options.endpoint).port or 80]) as bucket:
        yield (
            {
                "docstore": f"{nodes.url}/{couchdbs.new_prefix()}",
                "cluster_trial": "on",
                "blobstore": options.address,
                "s3_endpoint": f"http://127.0.0.1:{bucket.port}",
                "s3_access_key_id": options.access_key,
                "s3_secret_access_key": options.secret_key,
            },
            bucket,
        )


def process(data_dir: Path, settings: dict[str, Any]) -> Restarted:
    names = {"docstore", "s3_access_key_id", "s3_secret_access_key"}
    env = {f"COUCHREG_{key.upper()}": settings[key] for key in names}
    flags = [(f"--{key.replace('_', '-')}", value) for key, value in settings.items() if key not in names]
    return Restarted(data_dir, [part for flag in flags for part in flag], env)


async def test_nothing_is_lost_whatever_goes_away_and_comes_back(
    server: ServerFactory, tmp_path: Path, nodes: Nodes
) -> None:
    async with AsyncExitStack() as stack:
        s3 = stack.enter_context(ours(tmp_path / "s3"))
        settings, bucket = await stack.enter_async_context(settings_for(nodes, s3))
        first, second = process(tmp_path / "one", settings), process(tmp_path / "two", settings)
        processes = [first, second] if REAL else [first]
        urls = ["", ""]
        for side, one in enumerate(processes):
            stack.push_async_callback(one.stop)
            await one.start()
            one.watch(urls, side)
        if not REAL:
            inside = await server(data_dir=tmp_path / "two", **settings)
            urls[1] = inside.registry_url
        work, done, begun = wanted(VERSIONS), asyncio.Event(), time.monotonic()
        total = len(work)

        async def trouble() -> list[str]:
            chosen = [] if QUIET else troubles(nodes, bucket, s3, first, second if REAL else None)
            return await happen(chosen, lambda: len(work) / total, done) if chosen else []

        async def publishing() -> dict[Wanted, int]:
            stopping = asyncio.get_running_loop().call_later(SECONDS, leave_out, work)
            try:
                return await publish_all(urls, work, CLIENTS)
            finally:
                stopping.cancel()
                done.set()

        outcomes, happened = await asyncio.gather(publishing(), trouble())
        seconds = time.monotonic() - begun
        log.info("%d publishes in %.0f s, while %d things happened", len(outcomes), seconds, len(happened))
        log.info("servers ended with %s", [one.ended for one in processes])
        for side in range(2):
            await until_ready(urls, side)
            couch_url = processes[side].there.couch_url if side < len(processes) else inside.couch_url
            await check(outcomes, [urls[side]], [couch_url])
        await check_nodes(nodes, URL(settings["docstore"]).path[1:], outcomes)


async def until_ready(urls: list[str], side: int) -> None:
    """What happened last may have been that it ended, and its next life has another address."""
    until = time.monotonic() + 300
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            if (await ask(f"{urls[side]}/-/health/ready"))[0] == 200:
                return
        assert time.monotonic() < until
        await asyncio.sleep(0.2)


def leave_out(work: list[Wanted]) -> None:
    """What is not published yet."""
    log.info("%d are left out", len(work))
    work.clear()


async def check_nodes(nodes: Nodes, prefix: str, outcomes: dict[Wanted, int]) -> None:
    """All have the same leafs in the end: one of each version, beside deletions put upon what never came."""
    until_equal = time.monotonic() + 300
    while True:
        found = await nodes.leafs(f"{prefix}/registry")
        if found[0] == found[1] == found[2] or time.monotonic() > until_equal:
            break
        await asyncio.sleep(1)
    assert found[0] == found[1] == found[2]
    published = {f"{one.name}@{one.version}" for one in outcomes}
    assert published <= found[0].keys()
    several = [doc_id for doc_id in published if len(found[0][doc_id]) > 1]
    log.info("%d versions at each node, %d with a deleted leaf beside", len(published), len(several))
