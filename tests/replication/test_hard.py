"""What replications have to stand, in small; in full size with `COUCHREG_TEST_FULL_SIZE=1`, and `-s` for the
figures."""

import asyncio
import json
import os
import random
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conftest import ADMIN
from tests.processes import Server, running
from tests.replication.conftest import AUTH, Peer
from tests.replication.rough_network import RoughNetwork, rough_network

FULL = "COUCHREG_TEST_FULL_SIZE" in os.environ
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(3600 if FULL else 600)]


@dataclass(frozen=True)
class Size:
    """Of what is replicated through a network that breaks."""

    documents: int
    files: int
    largest: int  # bytes of one of them
    kills: int


SIZE = Size(10_000, 300, 2 << 30, 30) if FULL else Size(200, 12, 3 << 20, 2)
JOBS, SECONDS = (200, 60) if FULL else (12, 2)
CHANGES = 20  # a second


class Restarted:
    """A server that is killed and started again on its data; the network leads to where it is now."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._stack = ExitStack()
        self.peak = 0  # KiB of memory

    def start(self) -> Server:
        flags = ("--validation", "off")
        self.server: Server = self._stack.enter_context(running(self._data_dir, *flags))
        return self.server

    def kill(self) -> None:
        self.look()
        self.server.kill()
        self._stack.pop_all()

    def look(self) -> None:
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
        self.peak = max(self.peak, int(line.split()[1]))

    def stop(self) -> None:
        self._stack.close()


def chunks(size: int) -> Iterator[bytes]:
    chance = random.Random(size)
    while size > 0:
        yield chance.randbytes(min(size, 1 << 20))
        size -= 1 << 20


async def _body(size: int) -> AsyncIterator[bytes]:
    for chunk in chunks(size):
        yield chunk


async def fill(peer: Peer) -> None:
    await peer.ok("PUT", "/src")
    chance = random.Random(1)
    docs: list[dict[str, Any]] = [
        {"_id": f"d{n:05}", "text": "x" * chance.randrange(2000)} for n in range(SIZE.documents)
    ]
    for n in range(1, SIZE.files):
        data = chance.randbytes(chance.randrange(200_000))
        docs[n * (SIZE.documents // SIZE.files)]["_attachments"] = {
            "f": {
                "content_type": chance.choice(["text/plain", "image/png"]),
                "data": b64encode(data).decode(),
            }
        }
    for start in range(0, len(docs), 200):
        await peer.ok("POST", "/src/_bulk_docs", {"docs": docs[start : start + 200]})
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN), "Content-Type": "image/png"}
    async with peer.session.put(
        f"{peer.url}/src/large/f", data=_body(SIZE.largest), headers=headers
    ) as answer:
        assert answer.status == 201, await answer.text()


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as found:
        yield found


async def killed(
    source: Restarted, target: Restarted, up: RoughNetwork, found: aiohttp.ClientSession
) -> None:
    """Each time one of the ends, in the middle of the work."""
    chance = random.Random(9)
    for _ in range(SIZE.kills):
        await asyncio.sleep(chance.uniform(1, 8) if FULL else 0.3)
        end = chance.choice((source, target))
        await asyncio.to_thread(end.kill)
        server = await asyncio.to_thread(end.start)
        if end is source:
            up.target = server.couch_url
        else:
            await begun(Peer(server.couch_url, found), up)


async def begun(target: Peer, up: RoughNetwork) -> None:
    """The replication goes on at its checkpoint."""
    await configured(target)
    source = {"url": f"{up.url}/src", "auth": AUTH}
    options = {"continuous": True, "checkpoint_interval": 500, "worker_batch_size": 100}
    await target.ok("POST", "/_replicate", {"source": source, "target": "dst", **options})


async def configured(peer: Peer) -> None:
    """What a crash waits for is soon over."""
    for name, value in (("first_wait", "200"), ("retry_skipped_after", "1"), ("retries_per_request", "3")):
        await peer.ok("PUT", f"/_node/_local/_config/replicator/{name}", value)


async def test_ends_that_are_killed_and_a_network_that_breaks(tmp_path: Path) -> None:
    source, target = Restarted(tmp_path / "source"), Restarted(tmp_path / "target")
    try:
        servers = [await asyncio.to_thread(end.start) for end in (source, target)]
        async with session() as found, rough_network(servers[0].couch_url, random.Random(8)) as up:
            await fill(Peer(servers[0].couch_url, found))
            await Peer(servers[1].couch_url, found).ok("PUT", "/dst")
            began, up.rate = time.monotonic(), 0.2
            await begun(Peer(servers[1].couch_url, found), up)
            await killed(source, target, up, found)
            there, here = [Peer(end.server.couch_url, found) for end in (source, target)]
            await equal(there, here)
            took = time.monotonic() - began
            leafs = await there.leafs("src")
            assert await here.leafs("dst") == leafs
            await whole(here)
            files = sum(file["length"] for file in files_of(leafs))
            for end in (source, target):
                end.look()
            print(
                f"\n{SIZE}: {took:.0f} s; {files} bytes of files, {up.passed} bytes read; faults "
                f"{dict(up.done)}; peaks {source.peak} and {target.peak} KiB; load {os.getloadavg()[0]:.1f}"
            )
    finally:
        source.stop()
        target.stop()


def files_of(leafs: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    return (file for doc in leafs.values() for file in doc.get("_attachments", {}).values())


async def equal(source: Peer, target: Peer) -> None:
    """Wait until the target has as many documents."""
    async with asyncio.timeout(3000 if FULL else 300):
        while True:
            counts = [
                (await peer.ok("GET", f"/{db}"))["doc_count"]
                for peer, db in ((source, "src"), (target, "dst"))
            ]
            if counts[0] == counts[1]:
                return
            await asyncio.sleep(0.2)


async def whole(peer: Peer) -> None:
    """The largest file, byte by byte."""
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with peer.session.get(f"{peer.url}/dst/large/f", headers=headers) as answer:
        assert answer.status == 200
        for chunk in chunks(SIZE.largest):
            assert await answer.content.readexactly(len(chunk)) == chunk
        assert await answer.content.read() == b""


async def test_many_continuous_ones_at_once(tmp_path: Path) -> None:
    """Changes arrive everywhere, and the server answers meanwhile; how soon is only told."""
    both = Restarted(tmp_path / "here"), Restarted(tmp_path / "there")
    try:
        here, there = [await asyncio.to_thread(end.start) for end in both]
        async with session() as found:
            await continuous(Peer(here.couch_url, found), Peer(there.couch_url, found))
        both[0].look()
        print(f"the one that replicates has had {both[0].peak} KiB; load {os.getloadavg()[0]:.1f}")
    finally:
        for end in both:
            end.stop()


async def continuous(here: Peer, there: Peer) -> None:
    for n in range(JOBS):
        await there.ok("PUT", f"/src{n}")
        wanted = {"source": there.end(f"src{n}"), "target": f"dst{n}"}
        await here.ok("POST", "/_replicate", wanted | {"create_target": True, "continuous": True})
    lags: list[float] = []
    ups: list[float] = []
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(asked_often(here, ups, stop))
        writes = [
            group.create_task(arrived(here, there, n % JOBS, n, lags)) async for n in ticks(SECONDS * CHANGES)
        ]
        await asyncio.gather(*writes)
        stop.set()
        await watch
    assert len(lags) == SECONDS * CHANGES
    assert (await here.ok("GET", "/_scheduler/jobs?limit=1"))["total_rows"] == JOBS
    print(f"\n{JOBS} jobs, {CHANGES} changes a second, {SECONDS} s: lag {told(lags)}; /_up {told(ups)}")


def told(times: list[float]) -> str:
    found = sorted(times)
    shown = (("median", found[len(found) // 2]), ("99 %", found[len(found) * 99 // 100]), ("most", found[-1]))
    return ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in shown)


async def ticks(count: int) -> AsyncIterator[int]:
    begun = time.monotonic()
    for n in range(count):
        await asyncio.sleep(max(0.0, begun + n / CHANGES - time.monotonic()))
        yield n


async def arrived(here: Peer, there: Peer, place: int, n: int, lags: list[float]) -> None:
    await there.ok("PUT", f"/src{place}/n{n}", {"n": n})
    written = time.monotonic()
    async with asyncio.timeout(120):
        while (await here("GET", f"/dst{place}/n{n}"))[0] != 200:
            await asyncio.sleep(0.1 if FULL else 0.02)  # to ask is work, too
    lags.append(time.monotonic() - written)


async def asked_often(peer: Peer, ups: list[float], stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        found = await peer.ok("GET", "/_up")
        assert json.loads(json.dumps(found))["status"] == "ok"
        ups.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
