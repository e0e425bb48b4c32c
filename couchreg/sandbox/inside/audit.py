"""What Python itself refuses: a hook that sees every attempt before it is made and cannot be removed.

It stands in front of the kernel's walls, where its errors read better, and is the only wall where the kernel
has none. C code that does not ask Python passes it by.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

_FORBIDDEN = frozenset(
    {
        "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
        "socket.sendmsg", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
        "os.forkpty", "os.kill", "os.killpg", "os.link", "os.symlink", "os.chmod", "os.chown",
        "resource.setrlimit", "resource.prlimit",
    }
)  # fmt: skip
_CHANGES = frozenset({"os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.rename"})


def enclose(read: Sequence[str], write: Sequence[str], *, reads_too: bool) -> None:
    """From now on: no network, no program, no writing outside `write`. With `reads_too` no reading outside
    of both either; it costs a look at every path that is opened."""
    if write:
        tempfile.tempdir = write[0]
    writable = [_real(path) for path in write]
    readable = [*writable, *(_real(path) for path in read)] if reads_too else []

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"{event}: nothing outside of the job's own files is reached")
        if event == "open":
            if _writes(args):
                _check(args[0], writable)
            elif reads_too:
                _check(args[0], readable)
        elif event in _CHANGES and args[-1] in (-1, None):  # else the name is one below an open folder
            _check(args[0], writable)

    sys.addaudithook(guard)


def _check(path: Any, allowed: Sequence[str]) -> None:
    if isinstance(path, int):  # a descriptor: it was judged when it was opened
        return
    real = _real(os.fsdecode(path))
    if not any(real.startswith(folder) for folder in allowed):
        raise PermissionError("open: only the job's own files are reached")


def _real(path: str) -> str:
    return os.path.join(os.path.realpath(path), "")


def _writes(args: tuple[Any, ...]) -> bool:
    flags = args[2] if isinstance(args[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
