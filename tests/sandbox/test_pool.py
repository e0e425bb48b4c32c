"""Jobs, their answers, and how jobs end that have none."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace

import pytest

from couchreg.errors import TooManyRequests, Unavailable
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.messages import Tag
from couchreg.sandbox.pool import Pool
from tests.sandbox.conftest import SMALL, Make
from tests.sandbox.processes import gone, is_gone_within


async def test_a_job_is_answered(pool: Pool) -> None:
    assert await pool.ask(b"echo \x00\xff words") == b"\x00\xff words"
    assert await pool.ask(b"echo ") == b""


async def test_a_session_keeps_its_child_and_no_other_sees_it(pool: Pool) -> None:
    async with pool.session() as session:
        assert [await session.ask(b"count x") for _ in range(3)] == [b"1", b"2", b"3"]
        first = await session.ask(b"process")
    async with pool.session() as session:
        assert await session.ask(b"count x") == b"1"
        assert await session.ask(b"process") != first
    assert gone(int(first))


async def test_no_child_imports_pandas_for_libraries_that_look_for_it(pool: Pool) -> None:
    assert await pool.ask(b"frames") == b"False"


async def test_a_child_prepares_itself_once_and_for_itself(make: Make) -> None:
    pool = make(spares=1)
    for _ in range(2):
        async with pool.session() as session:
            assert [await session.ask(b"ahead") for _ in range(2)] == [b"True", b"True"]


async def test_an_answer_comes_in_parts_and_progress_is_told(pool: Pool) -> None:
    notes: list[bytes] = []
    async with pool.session() as session, aclosing(session.stream(b"parts 3", notes.append)) as parts:
        assert [part async for part in parts] == [b"0;", b"1;", b"2;", b"end"]
        assert await session.ask(b"parts 2") == b"0;1;end"
    assert notes == [b"at 0", b"at 1", b"at 2"]


async def test_a_child_waits_for_a_reader_that_is_behind(pool: Pool) -> None:
    """Otherwise 200 MB would be in the memory of either."""
    async with pool.session() as session, aclosing(session.stream(b"flood 200")) as parts:
        first = await anext(parts)
        child = session._child
        assert len(first) == 1 << 20
        assert child._reader is not None
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert len(child._reader._buffer) < 1 << 20  # type: ignore[attr-defined]
        assert sum([len(part) async for part in parts]) == 199 << 20


async def test_a_job_is_told_more_while_it_runs(pool: Pool) -> None:
    async with pool.session() as session:
        for _ in range(2):
            await session.begin(b"sum 1")
            for more, found in ((b"2", b"1"), (b"3", b"3"), (b"", b"6")):
                assert await session.receive() == (Tag.WANT, found)
                await session.more(more)
            assert await session.receive() == (Tag.DONE, b"sum 6")
        assert await session.ask(b"echo x") == b"x"


async def test_a_job_has_its_cpu_time_anew_for_what_it_is_told(pool: Pool) -> None:
    async with pool.session() as session:
        await session.begin(b"idle 0.05")
        assert await session.receive() == (Tag.WANT, b"")
        await session.more(b"5")
        with pytest.raises(Stopped) as caught:
            await session.receive()
    assert caught.value.cause is Cause.CPU


async def test_a_stream_that_is_left_ends_the_session(pool: Pool) -> None:
    async with pool.session() as session:
        async with aclosing(session.stream(b"parts 3")) as parts:
            await anext(parts)
        with pytest.raises(RuntimeError):
            await session.ask(b"echo x")
    assert await pool.ask(b"echo x") == b"x"


@pytest.mark.parametrize(
    ("job", "cause"),
    [
        (b"regex", Cause.CPU),
        (b"memory 3000000000", Cause.MEMORY),
        (b"full", Cause.DISK),
        (b"raise x", Cause.FAILED),
        (b"crash", Cause.FAILED),
        (b"exit 3", Cause.FAILED),
        (b"exit 0", Cause.FAILED),
        (b"sleep 100", Cause.TIME),
        (b"long 5000000", Cause.LENGTH),
    ],
)
async def test_a_job_that_has_no_answer_says_why(make: Make, job: bytes, cause: Cause) -> None:
    pool = make(replace(SMALL, seconds=1 if cause is Cause.TIME else 500, cpu_seconds=1))
    with pytest.raises(Stopped) as stopped:
        await pool.ask(job)
    assert stopped.value.cause is cause
    assert pool.busy == 0


async def test_a_job_that_was_stopped_is_followed_by_others(make: Make) -> None:
    pool = make(replace(SMALL, cpu_seconds=0.5))
    for _ in range(2):
        with pytest.raises(Stopped):
            await pool.ask(b"regex")
        assert await pool.ask(b"echo after") == b"after"


async def test_a_message_that_is_too_long_is_refused_unread(make: Make, forks: ForkServer) -> None:
    """Also when a child that does not keep to the protocol sends it."""
    pool = make()
    async with pool.session() as session:
        session._limits = replace(SMALL, message=100)
        with pytest.raises(Stopped) as stopped:
            await session.ask(b"long 101")
    assert stopped.value.cause is Cause.LENGTH


async def test_cpu_time_counts_for_each_job_and_not_for_waiting(make: Make) -> None:
    pool = make(replace(SMALL, cpu_seconds=0.5))
    async with pool.session() as session:
        for _ in range(4):  # 0.25 s of CPU each: together twice what one job may use
            assert await session.ask(b"spin 0.25") == b""
        assert await session.ask(b"sleep 1") != b""


async def test_a_cancelled_job_is_killed_and_its_turn_goes_on(make: Make) -> None:
    pool = make()
    processes: list[int] = []

    async def work() -> None:
        async with pool.session() as session:
            processes.append(int(await anext(session.stream(b"regex"))))
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    while not processes:
        await asyncio.sleep(0.01)
    next_one = asyncio.create_task(pool.ask(b"echo next"))
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert gone(processes[0])
    assert await next_one == b"next"
    assert pool.busy == 0


async def test_whoever_is_cancelled_while_a_child_is_made_leaves_none(make: Make, forks: ForkServer) -> None:
    pool = make(places=5)
    for wait in range(20):
        asking = asyncio.create_task(pool.ask(b"sleep 100"))
        for _ in range(wait):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert await pool.ask(b"echo x") == b"x"
    assert forks._running is not None
    while forks._running._children:  # each is reaped
        await asyncio.sleep(0.01)
    assert forks._running._asked == {}
    assert pool.busy == 0


async def test_closing_ends_what_runs_and_says_so(make: Make) -> None:
    pool = make(places=2, spares=1)
    async with pool.session() as session:
        parts = session.stream(b"regex")
        process = int(await anext(parts))
        waiting = asyncio.ensure_future(anext(parts))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(Unavailable):
            await waiting
    assert gone(process)
    with pytest.raises(Unavailable):
        await pool.ask(b"echo x")


async def test_a_fork_server_that_dies_is_started_again(pool: Pool, forks: ForkServer) -> None:
    async with pool.session() as session:
        parts = session.stream(b"sleep 100")
        process = int(await anext(parts))
        assert forks.process is not None
        os.kill(forks.process, signal.SIGKILL)
        with pytest.raises(Unavailable):
            await anext(parts)
    assert is_gone_within(process, 2)
    assert await pool.ask(b"echo again") == b"again"


@contextmanager
def no_descriptors(left: int) -> Iterator[None]:
    """One more than `left`, and no others, can be opened by this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = sorted(set(range(1000)) - {int(name) for name in os.listdir("/proc/self/fd")})
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[left], limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_process_without_descriptors_is_told_so_and_asked_again(pool: Pool, left: int) -> None:
    assert await pool.ask(b"echo a") == b"a"
    with no_descriptors(left), pytest.raises(Unavailable):
        await pool.ask(b"echo b")
    assert await pool.ask(b"echo c") == b"c"


async def test_a_fork_server_that_cannot_be_started_is_told_so(pool: Pool) -> None:
    with no_descriptors(1), pytest.raises(Unavailable):
        await pool.ask(b"echo a")
    assert await pool.ask(b"echo b") == b"b"


@pytest.mark.parametrize("has_read", [True, False])
def test_a_fork_server_ends_without_a_trace_when_its_server_has_gone(has_read: bool) -> None:
    """Linux resets a connection that is closed with something in it that nobody has read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-P", "-m", "couchreg.sandbox.inside.fork_server"]
        process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(os.getpid()), "json"],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
        )
        ours.settimeout(60)
        assert ours.recv(65536, 0 if has_read else socket.MSG_PEEK).startswith(b'{"ready"')
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


async def test_spares_are_there_before_anybody_asks(make: Make, forks: ForkServer) -> None:
    pool = make(spares=2, places=3)
    assert await pool.ask(b"count x") == b"1"
    while len(pool._spares) < 2:
        await asyncio.sleep(0.01)
    spare = pool._spares[0].process
    assert await pool.ask(b"process") == str(spare).encode()
    os.kill(pool._spares[0].process, signal.SIGKILL)  # a spare may die too
    with pytest.raises((Stopped, Unavailable)):
        await pool.ask(b"echo x")
    assert await pool.ask(b"echo x") == b"x"


async def test_what_waits_is_bounded_and_one_cannot_have_it_all(make: Make) -> None:
    pool = make(places=1, waiting=3, waiting_of_one=2)
    asked = [asyncio.create_task(pool.ask(b"echo x", askers=("anna",))) for _ in range(4)]
    asked += [asyncio.create_task(pool.ask(b"echo x", askers=(name,))) for name in ("bob", "carl")]
    found = await asyncio.gather(*asked, return_exceptions=True)
    kinds = [type(item) for item in found]
    assert kinds == [bytes, bytes, bytes, TooManyRequests, bytes, Unavailable]


async def test_a_module_that_cannot_be_imported_is_a_refusal_and_no_hanging(
    capfd: pytest.CaptureFixture[str],
) -> None:
    from couchreg.sandbox.kinds import Kind

    forks = ForkServer(["tests.sandbox.nothing"])
    pool = Pool(Kind("test jobs", "tests.sandbox.nothing"), forks)
    with pytest.raises(Unavailable):
        await pool.ask(b"echo x")
    await pool.close()
    await forks.close()
    assert "tests.sandbox.nothing" in capfd.readouterr().err


async def test_the_trace_of_a_failure_is_in_the_log(pool: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped) as stopped:
        await pool.ask(b"raise because")
    assert stopped.value.detail == "LookupError"
    assert "LookupError: because" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="ranks of Linux")
async def test_children_give_way_to_the_server(make: Make) -> None:
    for idle in (False, True):
        pool = make(replace(SMALL, nice=3, idle=idle))
        async with pool.session() as session:
            child = int(await session.ask(b"process"))
            assert os.getpriority(os.PRIO_PROCESS, child) >= (19 if idle else 3)
            assert os.sched_getscheduler(child) == (os.SCHED_IDLE if idle else os.SCHED_OTHER)
            # Linux may give each session an equal share, however nice its processes are.
            assert os.getsid(child) == os.getsid(0)
            assert os.getpgid(child) != os.getpgid(0)


TERMINAL = """
import os, sys
from couchreg.sandbox.inside import fork_server
os.open(sys.argv[1], os.O_RDWR)  # the session's terminal from now on
child = os.fork()
if child == 0:
    os.close(os.open("/dev/tty", os.O_RDWR))
    fork_server.leave_terminal()
    try:
        os.open("/dev/tty", os.O_RDWR)
    except OSError:
        os._exit(7)
    os._exit(1)
os.close(os.open("/dev/tty", os.O_RDWR))
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_server_leaves_the_terminal_of_its_session() -> None:
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", TERMINAL, os.ttyname(theirs)],
            start_new_session=True,
            capture_output=True,
            timeout=120,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 7, done.stderr
