"""The server's side of a fork server: starting it, asking it for children, starting it again."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from couchreg.errors import Unavailable
from couchreg.sandbox.child import Child

log = logging.getLogger(__name__)
_STARTING = 120  # seconds that imports may take
_FORKING = 30
_THREADS = ("OPENBLAS", "OMP", "MKL", "NUMEXPR")  # libraries that start threads when imported


class ForkServer:
    """Children that have `modules` imported. Whoever makes it calls `start` and `close`; `fork` starts it
    again when it has ended by itself."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._running: _Running | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def process(self) -> int | None:
        """Its process id, while it runs."""
        running = self._running
        return None if running is None or running.gone else running.process.pid

    async def start(self) -> None:
        """Start it, if it does not run. Returns at once; its imports go on meanwhile."""
        await self._started()

    async def fork(self, module: str) -> Child:
        """A new child for jobs of `module`. Raises Unavailable, also where the system has no descriptors or
        processes left: that passes, and whoever waits for children in a loop goes on."""
        try:
            return await self._forked(module)
        except (OSError, EOFError) as error:
            if not self._closed:
                log.error("no process could be made for %s: %r", module, error)
            raise Unavailable("The process for this work could not be started.", retry_after=5) from error

    async def _forked(self, module: str) -> Child:
        running = await self._started()
        try:
            async with asyncio.timeout(_STARTING):
                await asyncio.shield(running.ready)
            async with asyncio.timeout(_FORKING):
                return await running.fork(module)
        except (TimeoutError, EOFError, ConnectionError):
            await running.stop()
            raise

    async def close(self) -> None:
        """End it and every child."""
        self._closed = True
        async with self._starting:
            if self._running is not None:
                await self._running.stop()

    async def _started(self) -> "_Running":
        async with self._starting:
            if self._closed:
                raise Unavailable("The server is stopping.")
            if self._running is not None and self._running.gone:
                await self._running.stop()
                self._running = None
            if self._running is None:
                self._running = await _Running.start(self._modules)
            return self._running


def environment() -> dict[str, str]:
    """Nothing of the server's (credentials!) but what dates and Python's start need."""
    kept = {name: os.environ[name] for name in ("TZ",) if name in os.environ}
    single = {f"{library}_NUM_THREADS": "1" for library in _THREADS}
    root = str(Path(__file__).absolute().parents[2])
    single["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # Arrow's allocator
    return {**kept, **single, "PYTHONPATH": root, "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


@dataclass
class _Asked:
    """A child that was asked for: our ends of its connection and its lifeline."""

    forked: "asyncio.Future[Child]"
    connection: socket.socket
    lifeline: int

    def give_up(self, error: BaseException) -> None:
        self.connection.close()
        os.close(self.lifeline)
        if not self.forked.done():
            self.forked.set_exception(error)


class _Running:
    """One run of the fork server. `gone` when it has ended: then its children have, or are about to."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self.process = process
        self.gone = False
        self.ready: asyncio.Future[str] = self._loop.create_future()
        self._control = control
        self._rest = b""
        self._numbers = count()
        self._asked: dict[int, _Asked] = {}
        self._children: dict[int, Child] = {}
        self._outbox: deque[tuple[bytes, tuple[socket.socket | int, ...]]] = deque()
        self._loop.add_reader(control, self._receive)

    @classmethod
    async def start(cls, modules: Sequence[str]) -> "_Running":
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            command = [sys.executable, "-P", "-W", "ignore", "-m", "couchreg.sandbox.inside.fork_server"]
            command += [str(theirs.fileno()), str(os.getpid()), *modules]
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=environment(),
                    cwd="/",
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    async def fork(self, module: str) -> Child:
        """Raises EOFError when the fork server ends meanwhile, and OSError."""
        if self.gone:
            raise EOFError("the fork server has ended")
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            reader, writer = os.pipe()
        except OSError:
            _close((ours, theirs))
            raise
        asked = _Asked(self._loop.create_future(), ours, writer)
        self._asked[number] = asked
        self._post({"fork": number, "module": module}, theirs, reader)
        try:
            return await asked.forked
        except asyncio.CancelledError:
            # It may have come in the moment in which its caller left.
            if asked.forked.done() and not asked.forked.cancelled() and asked.forked.exception() is None:
                asked.forked.result().kill()
            raise

    async def stop(self) -> None:
        """Kill it and its children, and wait for its end."""
        self._end()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    def _post(self, message: dict[str, Any], *descriptors: socket.socket | int) -> None:
        """Send a line when there is room for it; the descriptors are closed behind it."""
        self._outbox.append((json.dumps(message).encode() + b"\n", descriptors))
        self._flush()

    def _flush(self) -> None:
        self._loop.remove_writer(self._control)
        while self._outbox:
            line, descriptors = self._outbox[0]
            numbers = [item if isinstance(item, int) else item.fileno() for item in descriptors]
            try:
                socket.send_fds(self._control, [line], numbers) if numbers else self._control.send(line)
            except BlockingIOError:
                self._loop.add_writer(self._control, self._flush)
                return
            except ConnectionError:
                self._end()
                return
            self._outbox.popleft()
            _close(descriptors)

    def _receive(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._end()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))

    def _understand(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            # The operator should know that a wall is missing.
            level = logging.WARNING if "python" in message["ready"] else logging.DEBUG
            log.log(level, "what child processes may do is held: %s", message["ready"])
            self.ready.set_result(message["ready"])
        elif "forked" in message:
            self._take(self._asked.pop(message["forked"]), message["process"])
        else:
            child = self._children.pop(message["ended"])
            child.status.set_result(message["status"])

    def _take(self, asked: _Asked, process: int) -> None:
        child = Child(process, asked.connection, asked.lifeline)
        self._children[process] = child
        child.when_killed(lambda: self._reap(process))
        if asked.forked.done():  # whoever asked has gone
            child.kill()
        else:
            asked.forked.set_result(child)

    def _reap(self, process: int) -> None:
        if not self.gone:
            self._post({"reap": process})

    def _end(self) -> None:
        """Nothing more comes from it: whoever waits is told so."""
        if self.gone:
            return
        self.gone = True
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        ended = EOFError("the fork server has ended")
        for _, descriptors in self._outbox:
            _close(descriptors)
        self._outbox.clear()
        if not self.ready.done():
            self.ready.set_exception(ended)
            self.ready.exception()  # nobody may be waiting
        for asked in self._asked.values():
            asked.give_up(ended)
        for child in self._children.values():
            child.status.set_result(None)


def _close(descriptors: Sequence[socket.socket | int]) -> None:
    for item in descriptors:
        if isinstance(item, int):
            os.close(item)
        else:
            item.close()
