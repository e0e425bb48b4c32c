"""A module of jobs, for the tests of the room; imported in children only."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from couchreg.sandbox.inside.channel import Reply

_kept: list[bytes] = []
_prepared: list[int] = []


def warm() -> None:
    re.compile("warm")


def prepare() -> None:
    _prepared.append(os.getpid())


def answer(job: bytes, reply: Reply) -> bytes:
    name, _, argument = job.partition(b" ")
    return JOBS[name.decode()](argument, reply)


def _echo(argument: bytes, reply: Reply) -> bytes:
    return argument


def _count(argument: bytes, reply: Reply) -> bytes:
    _kept.append(argument)
    return str(len(_kept)).encode()


def _process(argument: bytes, reply: Reply) -> bytes:
    return str(os.getpid()).encode()


def _frames(argument: bytes, reply: Reply) -> bytes:
    """Whether Arrow, which looks for pandas at every list, has imported it."""
    import pyarrow as pa

    pa.array([1])
    return str("pandas" in sys.modules).encode()


def _ahead(argument: bytes, reply: Reply) -> bytes:
    return str(_prepared == [os.getpid()]).encode()


def _parts(argument: bytes, reply: Reply) -> bytes:
    for number in range(int(argument)):
        reply.note(b"at %d" % number)
        reply.part(b"%d;" % number)
    return b"end"


def _flood(argument: bytes, reply: Reply) -> bytes:
    for _ in range(int(argument)):
        reply.part(bytes(1 << 20))
    return b""


def _long(argument: bytes, reply: Reply) -> bytes:
    return bytes(int(argument))


def _spin(argument: bytes, reply: Reply) -> bytes:
    until = time.process_time() + float(argument)
    while time.process_time() < until:
        pass
    return b""


def _regex(argument: bytes, reply: Reply) -> bytes:
    reply.part(str(os.getpid()).encode())
    re.match("(a+)+$", "a" * 60 + "!")  # C code that never comes back to Python
    return b""


def _sleep(argument: bytes, reply: Reply) -> bytes:
    reply.part(str(os.getpid()).encode())
    time.sleep(float(argument))
    return b""


def _memory(argument: bytes, reply: Reply) -> bytes:
    return bytes(int(argument))[:1]


def _raise(argument: bytes, reply: Reply) -> bytes:
    raise LookupError(argument.decode())


def _full(argument: bytes, reply: Reply) -> bytes:
    raise OSError(errno.ENOSPC, "there is no room")


def _crash(argument: bytes, reply: Reply) -> bytes:
    signal.raise_signal(signal.SIGSEGV)
    return b""


def _exit(argument: bytes, reply: Reply) -> bytes:
    os._exit(int(argument))


def _environment(argument: bytes, reply: Reply) -> bytes:
    return "\n".join(sorted(os.environ)).encode()


def _read(argument: bytes, reply: Reply) -> bytes:
    return _tried(lambda: Path(argument.decode()).read_bytes())


def _write(argument: bytes, reply: Reply) -> bytes:
    return _tried(lambda: str(Path(argument.decode()).write_bytes(b"written")).encode())


def _tried(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except OSError as error:
        return type(error).__name__.encode()


def _thread(argument: bytes, reply: Reply) -> bytes:
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(1))
    thread.start()
    thread.join()
    return str(len(done)).encode()


def _forbidden(argument: bytes, reply: Reply) -> bytes:
    attempts: dict[str, Callable[[], object]] = {
        "socket": lambda: socket.create_connection(("127.0.0.1", int(argument)), 1),
        "name": lambda: socket.getaddrinfo("localhost", 80),
        "program": lambda: subprocess.run(["true"], check=True),
        "fork": os.fork,
        "kill": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "parent": lambda: os.kill(os.getppid(), 0),
        "chmod": lambda: os.chmod("/", 0o755),
    }
    passed = [name for name, attempt in attempts.items() if _passes(attempt)]
    return " ".join(passed).encode()


def _passes(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _sum(argument: bytes, reply: Reply) -> bytes:
    """The sum of what the server has to say until it says nothing."""
    total, more = 0, argument
    while more:
        total += int(more)
        more = reply.want(b"%d" % total, 1)
    return b"sum %d" % total


def _idle(argument: bytes, reply: Reply) -> bytes:
    """Work for so long after it was given more."""
    return _spin(reply.want(b"", float(argument)), reply)


JOBS: dict[str, Callable[[bytes, Reply], bytes]] = {
    "ahead": _ahead, "long": _long, "spin": _spin, "sum": _sum, "idle": _idle,
    "echo": _echo, "count": _count, "process": _process, "parts": _parts, "flood": _flood, "regex": _regex,
    "sleep": _sleep, "memory": _memory, "raise": _raise, "crash": _crash, "exit": _exit,
    "environment": _environment, "read": _read, "write": _write, "thread": _thread, "forbidden": _forbidden,
    "full": _full, "frames": _frames,
}  # fmt: skip
