"""One connection to a server that is measured, and the stopwatch. For `scripts/bench`."""

import base64
import http.client
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

PATIENCE = 600  # seconds for one request
TICKS = os.sysconf("SC_CLK_TCK")
_numbers = itertools.count(1)


class Refused(Exception):
    """An answer that was not expected, or a tool that failed."""


class Unsupported(Refused):
    """The server says that it has no such thing."""


class Measurable(Protocol):
    """A server, by its URL and, if it runs here, its process."""

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int | None: ...


@dataclass(frozen=True)
class Measured:
    amount: float  # of units
    seconds: float
    cpu: float | None  # seconds that the server's process used

    @property
    def rate(self) -> float:
        return self.amount / self.seconds


class Client:
    """Speaks JSON over one connection that is kept."""

    def __init__(self, subject: Measurable) -> None:
        parts = urlsplit(subject.url)
        self._pid = subject.pid
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 5984
        self.prefix = parts.path.rstrip("/")
        self.headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if parts.username:
            login = f"{parts.username}:{parts.password or ''}".encode()
            self.headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        self._connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """The body of an answer. Raises Unsupported, Refused."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        replaced = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, self.prefix + path, data, {**self.headers, **replaced})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status in (404, 405, 501):
            raise Unsupported(f"{method} {path}: {answer.status}")
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text

    def drain(self, path: str) -> int:
        """Read an answer piece by piece; returns its length."""
        self._connection.request("GET", self.prefix + path, headers={**self.headers, "Accept": "*/*"})
        answer = self._connection.getresponse()
        length = 0
        while piece := answer.read(1 << 20):
            length += len(piece)
        return length

    def database(self) -> str:
        """A new database; returns its path."""
        path = f"/bench-{os.getpid()}-{next(_numbers)}"
        self.send("PUT", path)
        return path

    def drop(self, path: str) -> None:
        self.send("DELETE", path)

    def timed(self, amount: float, work: Callable[[], object]) -> Measured:
        cpu, start = self._cpu(), time.perf_counter()
        work()
        return self._since(amount, start, cpu)

    def load(self, connections: int, seconds: int, lua: str) -> Measured:
        """Requests of a wrk script over several connections. Raises Unsupported without wrk, Refused."""
        headers = "".join(f"wrk.headers[{name!r}]={value!r}\n" for name, value in self.headers.items())
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "load.lua"
            script.write_text(headers + lua)
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
            cpu, start = self._cpu(), time.perf_counter()
            try:
                done = subprocess.run(
                    [*command, f"http://{self.host}:{self.port}"],
                    text=True,
                    capture_output=True,
                    timeout=seconds + PATIENCE,
                )
            except FileNotFoundError:
                raise Unsupported("wrk is not installed") from None
        count = re.search(r"(\d+) requests in", done.stdout)
        if count is None or "Non-2xx" in done.stdout:
            raise Refused(f"wrk: {done.stdout[-300:]}{done.stderr[-300:]}")
        return self._since(int(count[1]), start, cpu)

    def _since(self, amount: float, start: float, cpu: float | None) -> Measured:
        seconds, after = time.perf_counter() - start, self._cpu()
        return Measured(amount, seconds, None if cpu is None or after is None else after - cpu)

    def _cpu(self) -> float | None:
        """Seconds of processor time that the server's process has used so far, where Linux tells: by its
        threads, in nanoseconds, else in ticks; a measurement may be shorter than one."""
        stat = Path(f"/proc/{self._pid}/stat")
        if self._pid is None or not stat.exists():
            return None
        for _ in range(10):
            with suppress(OSError):  # a thread has just ended
                threads = list(stat.parent.glob("task/*/schedstat"))
                used = sum(int(one.read_text().split()[0]) for one in threads) / 1e9
                if used:
                    return used
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
