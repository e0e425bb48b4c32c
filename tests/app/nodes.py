"""What a registry of several processes rests on, where each part can be taken away and given back: the nodes
of a cluster, the way to a bucket, and servers that are started again when they end.

COUCHREG_TEST_CLUSTER names three nodes of a real CouchDB, `http://name:password@host:port` with a blank
between them, and COUCHREG_TEST_CLUSTER_NODES a program that is called with `kill N`, `start N`, `halt N`
(SIGSTOP) and `go N` (SIGCONT); else `tests/docstore/cluster.py` stands for them.
"""

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from yarl import URL

from tests.app.test_several import ask
from tests.docstore.cluster import NODES, cluster_at
from tests.processes import Server, running

REAL = os.environ.get("COUCHREG_TEST_CLUSTER", "").split()
PROGRAM = os.environ.get("COUCHREG_TEST_CLUSTER_NODES", "")
WHOLE = "00000000-ffffffff"

Leafs = dict[str, list[str]]  # by id
Change = Callable[[int], Awaitable[None]]  # of a node


class Nodes(NamedTuple):
    """A cluster: an address that goes to any node which can be reached, and what may happen to them."""

    url: str
    kill: Change
    start: Change
    halt: Change  # it stands still: connections to it stay open
    go: Change
    leafs: Callable[[str], Awaitable[list[Leafs]]]  # of a database: of each node


def leafs_in(feed: Any) -> Leafs:
    return {row["id"]: sorted(one["rev"] for one in row["changes"]) for row in feed["results"]}


@asynccontextmanager
async def standing_for_one(couch_door: str) -> AsyncIterator[Nodes]:
    async with cluster_at(couch_door) as (url, cluster):

        async def kill(node: int) -> None:
            cluster.up = [one for one in NODES if one != node]

        async def start(node: int) -> None:
            cluster.up = list(NODES)
            await cluster.level()

        async def halt(node: int) -> None:
            cluster.still = {node}

        async def go(node: int) -> None:
            cluster.still = set()
            await cluster.level()

        async def leafs(database: str) -> list[Leafs]:
            await cluster.level()
            feeds = [await cluster.copy(node, database, "/_changes", {"style": "all_docs"}) for node in NODES]
            return [leafs_in(feed) for _, feed in feeds]

        yield Nodes(url, kill, start, halt, go, leafs)


@asynccontextmanager
async def real_one() -> AsyncIterator[Nodes]:
    def run(what: str) -> Change:
        async def change(node: int) -> None:
            program = await asyncio.create_subprocess_exec(PROGRAM, what, str(node))
            assert await program.wait() == 0

        return change

    async def leafs(database: str) -> list[Leafs]:
        about = (await ask(f"{REAL[0]}/_node/_local/_dbs/{quote(database, safe='')}", login=None))[1]
        shard = quote(f"shards/{WHOLE}/{database}{bytes(about['shard_suffix']).decode()}", safe="")
        found = []
        for node in about["by_range"][WHOLE]:
            _, feed = await ask(f"{REAL[0]}/_node/{node}/{shard}/_changes?style=all_docs", login=None)
            found.append(leafs_in(feed if isinstance(feed, dict) else json.loads(feed)))
        return found

    async with Way.to([URL(one).port or 5984 for one in REAL]) as way:
        url = str(URL(REAL[0]).with_port(way.port)).rstrip("/")
        yield Nodes(url, *map(run, ("kill", "start", "halt", "go")), leafs=leafs)


class Way:
    """A port of this machine that goes on to the next of some others that is open."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._going: set[asyncio.StreamWriter] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, ports: Sequence[int]) -> AsyncIterator["Way"]:
        way = cls(ports)
        await way.open()
        try:
            yield way
        finally:
            way.close()

    async def open(self) -> None:
        """At the same port each time."""
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """As if what is behind it were killed: nobody is let in, and what is under way breaks off."""
        if self._server is not None:
            self._server.close()
        for writer in self._going:
            writer.transport.abort()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        self._going.add(writer)  # also while the other end is looked for
        try:
            for at in range(len(self._ports)):
                port = self._ports[(self._turn + at) % len(self._ports)]
                with contextlib.suppress(OSError):
                    there, back = await asyncio.open_connection("127.0.0.1", port)
                    await self._joined(reader, writer, there, back)
                    return
        finally:
            self._going.discard(writer)
            writer.close()

    async def _joined(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        self._going.add(back)
        try:
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
        finally:
            self._going.discard(back)
            back.close()

    @staticmethod
    async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()


class Restarted:
    """A server in a process of its own, started again whenever it ends. `urls[side]` is where it is."""

    def __init__(self, data_dir: Path, flags: Sequence[str], env: dict[str, str]) -> None:
        self._data_dir = data_dir
        self._flags = flags
        self._env = env
        self._stack = ExitStack()
        self._watching: asyncio.Task[None] | None = None
        self._going = threading.Lock()
        self.now: Server | None = None
        self.ended: list[int] = []  # exit statuses

    async def start(self) -> Server:
        """In a thread, since what it needs may be served by this loop."""
        starting = running(self._data_dir, *self._flags, env=self._env)
        self.now = await asyncio.to_thread(self._stack.enter_context, starting)
        return self.now

    def watch(self, urls: list[str], side: int) -> None:
        urls[side] = self.there.registry_url
        self._watching = asyncio.create_task(self._watch(urls, side), name=f"server {side}")

    @property
    def there(self) -> Server:
        assert self.now is not None
        return self.now

    async def _watch(self, urls: list[str], side: int) -> None:
        while True:
            await asyncio.sleep(0.1)
            status = self.there.process.poll()
            if status is None:
                continue
            self.ended.append(status)
            await asyncio.to_thread(self._stack.close)
            with contextlib.suppress(AssertionError):  # it did not start: tried again
                urls[side] = (await self.start()).registry_url

    def kill(self) -> None:
        self.there.process.kill()

    def halt(self) -> None:
        self.there.process.send_signal(signal.SIGSTOP)

    def go(self) -> None:
        self.there.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await asyncio.to_thread(self._stack.close)
