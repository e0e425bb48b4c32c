"""A network between two servers that breaks off, waits, refuses and spoils, whatever passes through it."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

PIECE = 64 << 10
ANSWERS = {
    b"500 Internal Server Error": b"",
    b"503 Service Unavailable": b"",
    b"429 Too Many Requests": b"Retry-After: 0\r\n",
}
_FILE = re.compile(rb"GET /[a-z]+/[^/ ]+/f\?")  # what is asked for as an attachment of that name


class RoughNetwork:
    """Passes connections on to `target`, which may change; `rate` of them suffer something. Bytes are flipped
    in answers with attachments alone: of JSON nobody could tell. `passed` counts bytes of answers."""

    def __init__(self, target: str, chance: random.Random) -> None:
        self.target = target
        self.rate = 0.0
        self.passed = 0
        self.done: Counter[str] = Counter()
        self.url = ""
        self._chance = chance

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = ""
        if self._chance.random() < self.rate:
            fault = self._chance.choice(("cut", "wait", "answer", "flip"))
        self.done[fault] += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if fault == "answer":
                    await self._answer(reader, writer)
                else:
                    await self._pass(reader, writer, fault)
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        line, more = self._chance.choice(list(ANSWERS.items()))
        writer.write(b"HTTP/1.1 " + line + b"\r\n" + more + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> None:
        parts = urlsplit(self.target)
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        left = self._chance.randrange(2_000_000) if fault == "cut" else None
        if fault == "wait":
            await asyncio.sleep(self._chance.random())
        flips = [fault == "flip"]
        try:
            ways = (self._up(reader, back, flips), self._down(there, writer, left, flips))
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            back.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, flips: list[bool]) -> None:
        while data := await reader.read(PIECE):
            flips[:] = [flips[0], *([True] if flips[0] and _FILE.match(data) else [])]
            back.write(data)
            await back.drain()

    async def _down(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None, flips: list[bool]
    ) -> None:
        while data := await there.read(PIECE):
            if left is not None:
                left -= len(data)
                if left < 0:
                    return
            if len(flips) == 2 and len(data) > PIECE // 2:
                data, flips[:] = self._spoilt(data), [False]
            self.passed += len(data)
            writer.write(data)
            await writer.drain()

    def _spoilt(self, data: bytes) -> bytes:
        """Far enough from the head of an answer."""
        at = self._chance.randrange(len(data) // 2, len(data))
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@asynccontextmanager
async def rough_network(target: str, chance: random.Random) -> AsyncIterator[RoughNetwork]:
    """On a free port of this machine."""
    network = RoughNetwork(target, chance)
    server = await asyncio.start_server(network.connected, "127.0.0.1", 0, limit=PIECE)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        server.close()
