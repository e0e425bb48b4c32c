"""HTTP requests over kept connections, as fast as they are answered. For `scripts/bench_publishing`.

Requests are bytes made by the caller, and of an answer only status and length are looked at, so that the
client costs little beside the server.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench_servers import Subject

TICKS = os.sysconf("SC_CLK_TCK")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)

Request = bytes
Make = Callable[[int], Request]


class Refused(Exception):
    """An answer that is no success."""


@dataclass(frozen=True)
class Measured:
    """Requests a second; seconds of processor time of one, None where it is not known."""

    rate: float
    cpu: float | None


class Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 80))

    async def send(self, request: Request) -> bytes:
        """The body of the answer. Raises Refused."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length:
            body = await self._reader.readexactly(int(length[1]))
        else:
            body = await self._chunks() if _CHUNKED.search(head) else b""
        if not head.startswith((b"HTTP/1.1 2", b"HTTP/1.1 304")):
            raise Refused(f"{request[:80]!r}: {head[:60]!r} {body[:300]!r}")
        return body

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return body

    def close(self) -> None:
        self._writer.close()


class Load:
    """So many clients of one server, each with one request under way at any time."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._count = 0

    async def run(self, make: Make, clients: int, seconds: float) -> Measured:
        """Raises Refused when the server refuses one."""
        connections = [await Connection.to(self._subject.url) for _ in range(clients)]
        cpu, start = cpu_seconds(self._subject.pid), time.perf_counter()
        try:
            await asyncio.gather(*[self._repeat(one, make, start + seconds) for one in connections])
        finally:
            for one in connections:
                one.close()
        passed, after = time.perf_counter() - start, cpu_seconds(self._subject.pid)
        used = None if cpu is None or after is None else (after - cpu) / self._count
        return Measured(self._count / passed, used)

    async def _repeat(self, connection: Connection, make: Make, end: float) -> None:
        while time.perf_counter() < end:
            self._count += 1
            await connection.send(make(self._count))


def cpu_seconds(pid: int | None) -> float | None:
    """Processor time that a process and its children have used so far, where Linux tells."""
    if pid is None or not Path(f"/proc/{pid}").exists():
        return None
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        number = int(stat.parent.name)
        parents[number], used[number] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {pid}
    for number in sorted(parents):  # children have higher numbers than their parents, as a rule
        if parents[number] in family:
            family.add(number)
    return sum(used.get(number, 0) for number in family) / TICKS
