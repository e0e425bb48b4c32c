"""What a request does to others: how long `/_up` waits because of it, and what memory it takes.

A second process asks for `/_up` every few milliseconds. Of each wait that time is taken off in which the
server's event loop, or the one who asks, was ready to run and had no core: on a loaded machine that is most
of a wait and says nothing of the server. What is left is the time in which the loop did something else.
"""

import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAUSE = 0.004  # seconds between two questions
CHILDREN_EVERY = 20  # questions between two looks at the memory of the children
TIMEOUT = 120  # seconds for an answer


def _delay(pid: int) -> float:
    """Seconds that the first thread of a process was ready to run and did not: Linux's `schedstat`."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1]) / 1e9


class Prober:
    """Asks for `/_up` over one connection that it keeps."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self._socket: socket.socket | None = None

    def ask(self) -> None:
        """Returns when the answer is there."""
        for _ in range(3):  # a connection that was idle for long may have been closed
            with suppress(ConnectionError):
                return self._ask()
            self._socket = None
        raise ConnectionError("the server does not answer /_up")

    def _ask(self) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
        self._socket.sendall(self._request)
        found = b""
        while b'"status":"ok"' not in found:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionResetError
            found += piece


def _children(pid: int) -> Iterator[int]:
    """The processes below one, at any depth."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _children(child)


def _memory_below(pid: int) -> int:
    """Bytes that processes below one have for themselves alone; what they share with it is not counted."""
    found = 0
    for child in set(_children(pid)):
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
            found += next(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty"))
    return found


def _probe(
    server: int, ports: Sequence[tuple[int, str]], longest: Any, below: Any, rounds: Any, stop: Any
) -> None:
    """The work of the second process; `longest` is in seconds, `below` in bytes."""
    own = multiprocessing.current_process().pid or 0
    probers = [Prober(*port) for port in ports]
    while not stop.is_set():
        for prober in probers:
            idle, began = _delay(server) + _delay(own), time.monotonic()
            with suppress(ConnectionError, FileNotFoundError):  # the server has ended
                prober.ask()
                waited = time.monotonic() - began - (_delay(server) + _delay(own) - idle)
                longest.value = max(longest.value, waited)
            rounds.value += 1
            if rounds.value % CHILDREN_EVERY == 0:
                below.value = max(below.value, _memory_below(server))
            time.sleep(PAUSE)


@dataclass(frozen=True)
class Watch:
    """Looks at a server while requests are sent to it."""

    server: int
    _longest: Any
    _below: Any
    _rounds: Any

    def reset(self) -> None:
        self._longest.value = 0.0

    def waited(self) -> float:
        """Seconds of the longest wait since `reset`, those that have begun by now included."""
        seen = self._rounds.value
        deadline = time.monotonic() + TIMEOUT
        while self._rounds.value < seen + 2 and time.monotonic() < deadline:
            time.sleep(PAUSE / 2)
        return float(self._longest.value)

    def below(self) -> int:
        """Bytes that all children together had at most, since the beginning."""
        return int(self._below.value)

    def mark_memory(self) -> int:
        """Bytes in memory now; the peak is counted from here."""
        Path(f"/proc/{self.server}/clear_refs").write_text("5")
        return self._status("VmRSS")

    def peak(self) -> int:
        return self._status("VmHWM")

    def cpu(self) -> float:
        """Seconds of processor time that the server has used."""
        fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.server}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


@contextmanager
def watching(server: int, ports: Sequence[tuple[int, str]]) -> Iterator[Watch]:
    """`ports`: where to ask, and for which path."""
    spawn = multiprocessing.get_context("spawn")
    longest, rounds, stop = spawn.Value("d", 0.0), spawn.Value("Q", 0), spawn.Event()
    below = spawn.Value("Q", 0)
    given = (server, ports, longest, below, rounds, stop)
    process = spawn.Process(target=_probe, args=given, daemon=True)
    process.start()
    try:
        yield Watch(server, longest, below, rounds)
    finally:
        stop.set()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
