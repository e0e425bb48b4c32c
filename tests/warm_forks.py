"""Fork servers of the sandbox that are forks themselves: what they import was imported once, for all tests.

A server's fork servers take up to a second of a core each for their imports, more than most tests do. One
process, the *nursery*, keeps a process for each set of modules that has imported them and waits; a fork of
that becomes the fork server that a test's server asks for. What it does then is the product's own code.
The sandbox's own tests, and servers that are started as programs, have theirs from the beginning.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from unittest import mock

from couchreg.sandbox import forks
from couchreg.sandbox.inside import fork_server, lifeline

_REQUEST = 4096
_READY = b"ready"
_COLD = forks._Running.start
running: str | None = None  # the address of the nursery that this process uses, for processes that it forks


@contextmanager
def nursery() -> Iterator[str]:
    """A nursery while the block lasts, for any process; it dies with this one at the latest."""
    with tempfile.TemporaryDirectory(prefix="nursery-") as folder:
        address = str(Path(folder) / "socket")
        command = [sys.executable, "-P", "-W", "ignore", "-m", "tests.warm_forks", address, str(os.getpid())]
        env = forks.environment() | {"PYTHONPATH": str(Path(__file__).parents[1])}
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as ready:
            assert ready.read(len(_READY)) == _READY
        try:
            yield address
        finally:
            process.kill()
            process.wait()


@contextmanager
def warm_forks(address: str) -> Iterator[None]:
    """Fork servers that are asked for in this process come from a nursery."""
    global running

    async def start(cls: type[forks._Running], modules: Sequence[str]) -> forks._Running:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        with theirs:
            loop = asyncio.get_running_loop()
            try:
                await loop.sock_connect(connection, address)
                socket.send_fds(connection, [json.dumps(list(modules)).encode()], [theirs.fileno(), 2])
                process = int(await loop.sock_recv(connection, _REQUEST))
            except BaseException:
                connection.close()
                ours.close()
                raise
        return cls(_Process(process, connection), ours)  # type: ignore[arg-type]

    running = address
    try:
        with mock.patch.object(forks._Running, "start", classmethod(start)):
            yield
    finally:
        running = None


@contextmanager
def cold_forks() -> Iterator[None]:
    """Fork servers as the product starts them."""
    with mock.patch.object(forks._Running, "start", _COLD):
        yield


class _Process:
    """What `forks` needs of an `asyncio.subprocess.Process`. The connection ends with the process."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection: socket.socket | None = connection

    async def wait(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with connection:
                await asyncio.get_running_loop().sock_recv(connection, 1)


def main(path: str, parent: int) -> None:
    """The nursery: passes what is asked for on to the process that has the modules."""
    lifeline.end_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who end
    os.chdir("/")
    kept: dict[str, socket.socket] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, _READY)
        os.dup2(2, 1)
        while True:
            connection, _ = listener.accept()
            with connection:
                asked, descriptors, _, _ = socket.recv_fds(connection, _REQUEST, 2)
                modules = asked.decode()
                if modules and modules not in kept:
                    kept[modules] = _prepared(json.loads(modules))
                if modules:  # else whoever has connected is gone
                    socket.send_fds(kept[modules], [b"fork"], [connection.fileno(), *descriptors])
            for descriptor in descriptors:
                os.close(descriptor)


def _prepared(modules: list[str]) -> socket.socket:
    """The connection to a new process that has the modules."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    if os.fork() == 0:
        lifeline.end_with(parent)
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if (
                descriptor > 2 and descriptor != theirs.fileno()
            ):  # among them the connection of who asked first
                with suppress(OSError):  # the one that has listed them
                    os.close(descriptor)
        _keep(theirs, modules)
    theirs.close()
    return ours


def _keep(requests: socket.socket, modules: list[str]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # while libraries are imported that may run programs
    fork_server.prepare(modules)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getpid()
    while True:
        _, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 3)
        if not descriptors:
            os._exit(0)  # the nursery has gone; what its frames hold was closed when this one began
        if os.fork() == 0:
            requests.close()
            _become(modules, parent, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(modules: list[str], parent: int, connection: int, control: int, errors: int) -> NoReturn:
    """The fork server of somebody's server. The connection stays open as long as this process is there."""
    lifeline.end_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    fork_server.leave_terminal()
    for number in (1, 2):
        os.dup2(errors, number)
    os.close(errors)
    kept = socket.socket(fileno=connection)
    with suppress(ConnectionError):  # whoever asked has gone before this was there
        kept.send(str(os.getpid()).encode())
        fork_server.serve(control, modules)
    sys.exit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
