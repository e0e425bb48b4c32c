"""No child outlives its parent, however the parent ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.processes import is_gone_within

ROOT = Path(__file__).parents[2]
WITHIN = 2.0  # seconds

# A server: it prints its fork server's process id and those of two children at work.
SERVER = """
import asyncio
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Kind
from couchreg.sandbox.pool import Pool

async def main():
    forks = ForkServer(["tests.sandbox.jobs"])
    pool = Pool(Kind("test jobs", "tests.sandbox.jobs", places=2), forks)
    async def work(job):
        async with pool.session() as session:
            async for part in session.stream(job):
                print(int(part), flush=True)
    await pool.start()
    print(forks.process, flush=True)
    await asyncio.gather(work(b"regex"), work(b"sleep 1000"))

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_children_end_with_the_server(end: signal.Signals) -> None:
    """One computes a regular expression in C code, one sleeps."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        processes = [int(server.stdout.readline()) for _ in range(3)]
        os.kill(server.pid, end)
        server.wait()
    assert [process for process in processes if not is_gone_within(process, WITHIN)] == []


# A process that binds itself to its parent in one way only, and then computes in C code.
ALONE = """
import os, re, sys
from couchreg.sandbox.inside import lifeline
way, parent, pipe = sys.argv[1:]
if way == "death":
    lifeline.end_with(int(parent))
else:
    lifeline.end_with_pipe(int(pipe))
print(os.getpid(), flush=True)
re.match("(a+)+$", "a" * 60 + "!")
"""
PARENT = """
import os, subprocess, sys
reader, writer = os.pipe()
command = [sys.executable, "-c", sys.argv[2], sys.argv[1], str(os.getpid()), str(reader)]
child = subprocess.Popen(command, pass_fds=[reader])
os.close(reader)
child.wait()
"""


@pytest.mark.parametrize("way", ["death", "pipe"])
def test_each_way_is_enough_by_itself(way: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT, way, ALONE]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert is_gone_within(child, WITHIN)


@pytest.mark.parametrize("way", ["death", "pipe"])
def test_a_parent_that_ended_before_is_noticed(way: str) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    command = [sys.executable, "-c", ALONE, way, "1" if way == "death" else "0", str(reader)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, pass_fds=[reader], capture_output=True, timeout=60)
    os.close(reader)
    assert (done.returncode, done.stdout) == (0, b"")


UNASKED = """
import os, socket
from couchreg.sandbox.inside import job
ours, theirs = socket.socketpair()
reader, writer = os.pipe()
ours.close()
job.run("tests.sandbox.jobs", theirs.detach(), reader, os.getppid())
"""


def test_a_child_that_is_given_up_before_it_is_asked_ends_in_silence() -> None:
    """As when the client of a request has gone while a child was being made for it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", UNASKED], env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
