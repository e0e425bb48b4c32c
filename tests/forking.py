"""`couchreg …` in a process of its own that is forked and has imported everything already.

Imports take a second or two of a core, more than most commands and tests do. They are done once, in a process
that waits to be forked (`multiprocessing`'s fork server). It has the library loaded that fails system calls,
which does nothing where the environment does not ask for it.
"""

import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

import pytest

from couchreg.cli import main as command_line
from tests import warm_forks
from tests.crash import faults

COMMANDS = sorted({lazy.module for lazy in command_line.COMMANDS.values()})


class Streams(NamedTuple):
    """The files behind its standard streams; output is appended."""

    stdin: str
    stdout: str
    stderr: str


class Forked:
    """A command at work: what tests need of a `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        streams: Streams,
        env: Mapping[str, str],
        cwd: Path | None = None,
        *,
        uid: int | None = None,
    ) -> None:
        """With `uid` it runs as this user."""
        job = (list(arguments), streams, dict(env), str(cwd or Path.cwd()), warm_forks.running, uid)
        self._process = _context().Process(target=_run, args=job)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """The exit status, once there is one."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise TimeoutError(f"The process did not end within {timeout} seconds.")
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Started:
    """The same of a process that begins at the beginning."""

    def __init__(self, arguments: Sequence[str], streams: Streams, env: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "couchreg", *arguments]
        with open(streams.stdin) as given, open(streams.stdout, "a") as out, open(streams.stderr, "a") as err:
            self._process = subprocess.Popen(command, stdin=given, stdout=out, stderr=err, env=env)
        self.pid: int = self._process.pid
        self.poll = self._process.poll
        self.wait = self._process.wait
        self.send_signal = self._process.send_signal
        self.terminate = self._process.terminate
        self.kill = self._process.kill


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["couchreg.app", *COMMANDS, __name__])
    with pytest.MonkeyPatch.context() as patch:
        if faults.missing() is None:
            patch.setenv("LD_PRELOAD", str(faults.library()))
        forkserver.ensure_running()
    return context


def _run(
    arguments: list[str],
    streams: Streams,
    env: dict[str, str],
    cwd: str,
    nursery: str | None,
    uid: int | None,
) -> None:
    """In the forked process: become `couchreg ARGUMENTS`."""
    assert len(os.listdir("/proc/self/task")) == 1, "something that was imported has started a thread"
    gc.freeze()  # what was imported stays, and whoever looks at it again copies its memory
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    if "LD_PRELOAD" in env:
        faults.begin()
    for number, (path, flags) in enumerate(
        [
            (streams.stdin, os.O_RDONLY),
            (streams.stdout, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
            (streams.stderr, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        ]
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    if uid is not None:
        importlib.import_module("importlib.readers")  # Python may lie where this user may not look
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 — `multiprocessing` has closed the first one
    sys.argv = ["couchreg", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with warm_forks.warm_forks(nursery) if nursery else nullcontext():
        command_line.main()
