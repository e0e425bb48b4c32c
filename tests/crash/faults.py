"""A library below a server that records its system calls, and delays or fails them: builds `faults.c`.

Structures here are those of `faults.c`.
"""

import atexit
import ctypes
import errno
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

SOURCE = Path(__file__).with_name("faults.c")
SIZE = 8192
FIELDS = struct.Struct("=QQQQ")  # ready, position, random, fsyncs
FIELDS_AT = 128
RULE = struct.Struct("=IiIIIIQ224s")
RULES = 8
EVERY = 0xFFFFFFFF


class Calls(IntFlag):
    """Kinds of system calls that a rule can be about."""

    OPEN = 1
    WRITE = 2
    SYNC = 4
    RENAME = 8
    LINK = 16
    UNLINK = 32
    MKDIR = 64
    TRUNCATE = 128


CHANGES = Calls.WRITE | Calls.SYNC | Calls.RENAME | Calls.LINK | Calls.UNLINK | Calls.MKDIR | Calls.TRUNCATE


def missing() -> str | None:
    """Why the library cannot be built here; None if it can, or has to (`CI` is set)."""
    if os.environ.get("CI"):
        return None
    if os.uname().sysname != "Linux":
        return "LD_PRELOAD below a server is Linux's"
    if shutil.which("gcc") is None:
        return "there is no gcc: scripts/setup installs it"
    return None


@cache
def library() -> Path:
    """The library, built into a temporary folder of this process."""
    folder = mkdtemp(prefix="couchreg-faults-")
    atexit.register(shutil.rmtree, folder)
    built = Path(folder) / "faults.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(built), str(SOURCE)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return built


def begin() -> None:
    """In a process that was forked with the library loaded: do as its environment says from now on."""
    ctypes.CDLL(None).faults_begin()


class Faults:
    """The rules for the processes of one server, and how far their record is. `with` unmaps it."""

    def __init__(self, folder: Path, below: Path) -> None:
        """`folder` is for the record; `below` is the directory whose changes count."""
        folder.mkdir(parents=True, exist_ok=True)
        self.below = below.absolute()
        self.record = folder / "record"
        self._control = folder / "control"
        self._control.write_bytes(bytes(SIZE))
        self.record.touch()
        with self._control.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    def environment(self) -> dict[str, str]:
        """What the server has to be started with."""
        return {
            "LD_PRELOAD": str(library()),
            "FAULTS_BELOW": str(self.below),
            "FAULTS_RECORD": str(self.record),
            "FAULTS_CONTROL": str(self._control),
        }

    @property
    def position(self) -> int:
        """Bytes of the record so far: a moment in what happened to the disk."""
        return int(FIELDS.unpack_from(self._map, FIELDS_AT)[1])

    @property
    def syncs(self) -> int:
        """How often the disk has been asked to make something durable."""
        return int(FIELDS.unpack_from(self._map, FIELDS_AT)[3])

    def rule(
        self,
        number: int,
        calls: Calls,
        error: int = 0,
        *,
        match: str = "",
        skip: int = 0,
        count: int = EVERY,
        permille: int = 1000,
        delay: int = 0,
    ) -> None:
        """From now on: `count` calls on paths with `match` in them, after `skip` others, are delayed by
        `delay` milliseconds and then, with an `error` (errno), fail."""
        text = match.encode()
        assert len(text) < 224
        at = self._at(number)
        RULE.pack_into(self._map, at, 0, error, skip, count, permille, delay, 0, text)
        struct.pack_into("=I", self._map, at, calls)  # last, so that no half rule is met

    def hits(self, number: int = 0) -> int:
        """How many calls a rule has met."""
        return int(RULE.unpack_from(self._map, self._at(number))[6])

    def clear(self) -> None:
        """No rules: the disk is well again."""
        for number in range(RULES):
            struct.pack_into("=I", self._map, self._at(number), 0)

    def close(self) -> None:
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def failing(self, calls: Calls, error: int, *, match: str = "") -> Iterator[None]:
        """While it lasts, these calls fail."""
        self.rule(0, calls, error, match=match)
        try:
            yield
        finally:
            self.clear()

    @staticmethod
    def _at(number: int) -> int:
        return FIELDS_AT + FIELDS.size + number * RULE.size


ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EMFILE": errno.EMFILE}
