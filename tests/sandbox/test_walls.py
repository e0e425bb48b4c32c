"""What a child cannot reach. Where the kernel has no such walls, Python's hold and are named so."""

import ctypes
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.inside import audit, landlock, seccomp, walls
from couchreg.sandbox.kinds import ChildGrant, Kind
from couchreg.sandbox.pool import Pool
from tests.sandbox.conftest import Make

ROOT = Path(__file__).parents[2]


async def test_nothing_of_the_environment_is_there(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUCHREG_S3_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    names = (await pool.ask(b"environment")).decode().split("\n")
    assert [name for name in names if not name.endswith("_NUM_THREADS")] == [
        "JE_ARROW_MALLOC_CONF",
        "LC_ALL",
        "PYTHONPATH",
        "PYTHONUTF8",
    ]


async def test_no_thread_is_there_before_the_walls_are() -> None:
    """It would stand outside of them."""
    forks = ForkServer(["tests.sandbox.hasty"])
    pool = Pool(Kind("hasty jobs", "tests.sandbox.hasty"), forks)
    with pytest.raises(Stopped) as caught:
        await pool.ask(b"anything")
    assert caught.value.cause is Cause.FAILED
    await pool.close()
    await forks.close()


async def test_only_granted_files_are_reached(make: Make, tmp_path: Path) -> None:
    given, scratch, other = (tmp_path / name for name in ("given", "scratch", "other"))
    for folder in (given, scratch, other):
        folder.mkdir()
        (folder / "file").write_bytes(b"content")
    (given / "link").symlink_to(other / "file")
    (given / "hard").hardlink_to(other / "file")
    grant = ChildGrant([given], [scratch])
    pool = make()

    async def tried(job: str, path: Path) -> bytes:
        return await pool.ask(f"{job} {path}".encode(), grant=grant)

    refused = b"PermissionError"
    assert await tried("read", given / "file") == b"content"
    assert await tried("read", given / "hard") == b"content"
    assert await tried("read", scratch / "file") == b"content"
    assert await tried("write", scratch / "new") == b"7"
    assert await tried("read", other / "file") == refused
    assert await tried("read", given / "link") == refused
    assert await tried("read", given / ".." / "other" / "file") == refused
    assert await tried("read", Path("/etc/passwd")) == refused
    assert await tried("read", ROOT / "setup.cfg") == refused
    assert await tried("write", given / "file") == refused
    assert await tried("write", other / "new") == refused
    assert await tried("write", Path("/dev/shm/couchreg-test")) == refused
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and "new" in path.name) == [
        "new"
    ]


async def test_no_network_no_program_no_signal(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert await pool.ask(f"forbidden {port}".encode()) == b""


async def test_threads_are_no_programs(pool: Pool) -> None:
    assert await pool.ask(b"thread") == b"1"


# Each wall alone, with nothing of Python's before it.
ALONE = """
import ctypes, errno, os, sys
from couchreg.sandbox.inside import landlock, seccomp
which, folder, user = sys.argv[1:]
if int(user) != os.getuid():
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
held = landlock.enclose([sys.prefix], [folder]) if which == "landlock" else seccomp.enclose()
if not held:
    print("none"); raise SystemExit
libc = ctypes.CDLL(None, use_errno=True)
def failed(result):
    return result < 0 and ctypes.get_errno() in (errno.EPERM, errno.EACCES)
if which == "landlock":
    flags = os.O_WRONLY | os.O_CREAT
    print(failed(libc.open(b"/etc/passwd", os.O_RDONLY)),
          failed(libc.open(b"/tmp/couchreg-test", flags, 0o600)),
          failed(libc.open(f"{folder}/new".encode(), flags, 0o600)))
else:
    print(failed(libc.socket(2, 1, 0)), failed(libc.fork()), failed(libc.kill(os.getppid(), 0)),
          failed(libc.syscall(56, 17, 0, 0, 0, 0)) if os.uname().machine == "x86_64" else True,
          failed(libc.execve(b"/bin/true", None, None)), failed(libc.prctl(1, 0, 0, 0, 0)),
          failed(libc.chmod(folder.encode(), 0o700)), failed(libc.getpid()))
"""


def _alone(which: str, folder: Path, user: int) -> list[str]:
    if user != os.getuid() and os.getuid():
        pytest.skip("only root can be somebody else")
    command = [sys.executable, "-c", ALONE, which, str(folder), str(user)]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user reaches; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


NOBODY = 65534


@pytest.mark.parametrize("user", [os.getuid(), NOBODY])
def test_landlock_holds_for_c_code(folder: Path, user: int) -> None:
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    assert _alone("landlock", folder, user) == ["True", "True", "False"]


@pytest.mark.parametrize("user", [os.getuid(), NOBODY])
def test_seccomp_holds_for_c_code(folder: Path, user: int) -> None:
    if not seccomp.available():
        pytest.skip("this machine's calls are not known")
    assert _alone("seccomp", folder, user) == ["True"] * 7 + ["False"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of x86_64")
def test_a_filter_is_for_its_machine_only() -> None:
    """Calls of another architecture or ABI have other numbers: they are refused whole."""
    code = seccomp.program("x86_64", 1)
    lines = list(struct.iter_unpack("=HBBI", code))
    assert lines[1][3] == 0xC000003E
    assert lines[2][3] == 0x80000000  # another architecture: the process is ended
    assert lines[4][3] == 0x40000000
    for machine in ("x86_64", "aarch64"):
        numbers = [pair[machine == "aarch64"] for pair in seccomp.REFUSED.values()]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(set(known))


def test_the_walls_are_named_for_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr(seccomp, "available", lambda: False)
    assert walls.expected().text == "files by python, network by python, processes by python"


def test_python_s_wall_stands_where_the_kernel_has_none(tmp_path: Path) -> None:
    for name in ("given", "scratch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
    code = """
import os, sys, tempfile
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.inside import audit
given, scratch = sys.argv[1:]
audit.enclose([given], [scratch], reads_too=True)
def passes(work):
    try:
        work()
    except PermissionError:
        return False
    return True
def write(path):
    with open(path, "w"): pass
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder): pass
print([passes(work) for work in (
    lambda: open(given + "/file").close(), lambda: write(scratch + "/new"),
    lambda: os.remove(scratch + "/new"),
    lambda: open("/etc/passwd").close(), lambda: write(given + "/new"), lambda: os.remove(given + "/file"),
    lambda: os.mkdir(given + "/x"), os.fork, lambda: os.system("true"),
)])
"""
    command = [sys.executable, "-c", code, str(tmp_path / "given"), str(tmp_path / "scratch")]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == str([True] * 3 + [False] * 6), done.stderr
    assert audit.tempfile.tempdir is None or "scratch" not in str(audit.tempfile.tempdir)


def test_root_keeps_none_of_its_powers() -> None:
    if os.geteuid():
        pytest.skip("only root has powers to lose")
    code = "from couchreg.sandbox.inside import walls; walls.enclose(['/proc'], []); "
    code += "print(open('/proc/self/status').read())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "CapEff:\t0000000000000000" in done.stdout, done.stderr


def test_ctypes_sees_errors() -> None:
    """The walls judge by errno; this is how they get it."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.close(-1) == -1
    assert ctypes.get_errno() == 9
