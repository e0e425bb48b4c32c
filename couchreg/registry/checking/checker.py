"""The pool of workers that check packages, seen from the server's event loop.

A fixed number of processes is started early, because importing frictionless takes a third of a second.
What waits is bounded. A worker that does not answer in time is killed and replaced; what its package
did to it is answered honestly.
"""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import couchreg
from couchreg.errors import Unavailable
from couchreg.model import json
from couchreg.package.report import Report, problem

log = logging.getLogger(__name__)
_LINE = 64 << 20  # bytes of one answer; reports are cut to far less
_STARTING = 120  # seconds a worker may take to import what it needs
_GRACE = 5  # seconds a worker has for its answer beyond the child's own alarm


@dataclass(frozen=True, slots=True)
class Limits:
    """What checking one package may use, and how many are checked and wait at once."""

    seconds: int = 300
    cpu_seconds: int = 300
    memory: int = 2 << 30  # bytes of address space
    file_size: int = 4 << 30  # bytes of one temporary file, for compressed data
    workers: int = 2
    waiting: int = 32


class Checker:
    """`await check(…)` from any task; `start()` and `close()` by the owner."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers = [_Worker(self.limits) for _ in range(self.limits.workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._inside = 0

    @property
    def busy(self) -> int:
        """How many packages are being checked or wait for it."""
        return self._inside

    async def start(self) -> None:
        """Start the workers; returns at once, they warm up while the server already answers."""
        for worker in self._workers:
            await worker.start()

    async def check(self, folder: Path, scratch: Path, descriptor: Path) -> dict[str, Any]:
        """The report on the package in `folder` (see `checks.check`).

        Raises Unavailable when too many packages wait already.
        """
        if self._inside >= self.limits.workers + self.limits.waiting:
            raise Unavailable("Too many packages wait to be checked: try again in a while.", retry_after=10)
        self._inside += 1
        try:
            worker = await self._idle.get()
            try:
                return await worker.check(folder, scratch, descriptor)
            finally:
                self._idle.put_nowait(worker)
        finally:
            self._inside -= 1

    async def close(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))


class _Worker:
    """One worker process, started again after it had to be killed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: Process | None = None
        self._ready = False

    async def start(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._ready = False
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-W",
                "ignore",
                "-m",
                "couchreg.registry.checking.worker",
                stdin=PIPE,
                stdout=PIPE,
                limit=_LINE,
                start_new_session=True,
                env=environment(),
            )
        return self._process

    async def check(self, folder: Path, scratch: Path, descriptor: Path) -> dict[str, Any]:
        try:
            process = await self.start()
            if not self._ready:
                await asyncio.wait_for(_line(process), _STARTING)
                self._ready = True
            await _send(process, self._job(folder, scratch, descriptor))
            answer = await asyncio.wait_for(_line(process), self._limits.seconds + _GRACE)
        except (TimeoutError, ConnectionError, EOFError) as error:
            await self.stop()
            log.error("a worker that checks packages had to be replaced: %r", error)
            raise Unavailable("The package could not be checked: the checking process stopped.") from error
        except BaseException:
            await self.stop()  # its answer must not be taken for the next job's
            raise
        return _understood(answer, self._limits)

    def _job(self, folder: Path, scratch: Path, descriptor: Path) -> bytes:
        limits = self._limits
        return json.encode(
            {
                "folder": str(folder),
                "scratch": str(scratch),
                "descriptor": str(descriptor),
                "seconds": limits.seconds,
                "cpu_seconds": limits.cpu_seconds,
                "memory": limits.memory,
                "file_size": limits.file_size,
            }
        )

    async def stop(self) -> None:
        """Kill the worker and its child, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # it has just ended by itself
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()


def environment() -> dict[str, str]:
    """Nothing of the server's environment (credentials!) but what Python needs to start."""
    wanted = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")
    kept = {key: os.environ[key] for key in wanted if key in os.environ}
    return {**kept, "PYTHONPATH": str(Path(couchreg.__file__).parent.parent), "PYTHONUTF8": "1"}


async def _send(process: Process, line: bytes) -> None:
    if process.stdin is None:
        raise EOFError
    process.stdin.write(line + b"\n")
    await process.stdin.drain()


async def _line(process: Process) -> bytes:
    line = await process.stdout.readline() if process.stdout else b""
    if not line.endswith(b"\n"):
        raise EOFError("the worker ended")
    return line


def _understood(answer: bytes, limits: Limits) -> dict[str, Any]:
    """The report in a worker's answer; a check that was stopped is a report of one problem."""
    found: dict[str, Any] = json.decode(answer)
    if "problems" in found:
        return found
    report = Report()
    report.complete = False
    report.add(problem("check-stopped", _why(found, limits)))
    return report.to_json()


def _why(found: Mapping[str, str], limits: Limits) -> str:
    if "killed" in found:
        allowed = f"{limits.seconds} s, {limits.cpu_seconds} s of CPU, {limits.memory >> 20} MiB of memory"
        return (
            f"The check used more {found['killed']} than it may ({allowed}) and was stopped, "
            "so it is not known whether the package is valid."
        )
    log.error("checking a package failed: %s", found.get("failed"))
    return "The check itself failed, so it is not known whether the package is valid."
