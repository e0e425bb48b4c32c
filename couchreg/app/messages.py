"""What the processes of one server tell each other, for a `HandleChannel`, and the board that all look at."""

import mmap
import os
from enum import IntEnum
from typing import Final, NamedTuple, Self

import msgspec

from couchreg.app.channel import PIECE
from couchreg.journal.figures import FigureSums

_HEAD: Final = 10  # bytes: kind, door, number
DOORS: Final = ("registry", "couch")


class Topic(IntEnum):
    """Of a message."""

    SETTINGS = 1  # to a reading process, the first one: `Hello`
    CONNECTION = 2  # to it: the handle of a connection
    REOPEN = 3  # to it: go on in new files
    END = 4  # to it
    ARE_YOU_THERE = 5  # to it
    UP = 6  # from it: it may be given connections; and its answer to whether it is there
    TAKEN = 7  # from it: it has a connection, and nothing of that has been read so far
    CLOSED = 8  # from it: a connection has ended
    HANDED_ON = 9  # from it: the handle of a connection, with some of what has been read of it
    MORE = 10  # from it: more of that
    LAST = 11  # from it: all of that
    FIGURES = 12  # from it: `ToldFigures`


class Message(NamedTuple):
    """`connection` is a number that the process that answers everything has given it."""

    kind: Topic
    door: str = DOORS[0]
    connection: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        return bytes((self.kind, DOORS.index(self.door))) + self.connection.to_bytes(8, "big") + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        number = int.from_bytes(data[2:_HEAD], "big")
        return cls(Topic(data[0]), DOORS[data[1]], number, data[_HEAD:])


def pieces(data: bytes) -> list[bytes]:
    """What fits into a message, each; one at least."""
    most = PIECE - _HEAD
    return [data[start : start + most] for start in range(0, len(data), most)] or [b""]


class Hello(msgspec.Struct):
    """What a reading process starts with. `settings` are those of the server, paths as texts."""

    settings: dict[str, str | int | None]
    couch_port: int
    which: int
    upload_secret: bytes
    guest_requests: int  # its part of these limits
    guest_bytes: int


class ToldFigures(msgspec.Struct):
    """What a reading process has counted since it last told."""

    requests: FigureSums
    statuses: dict[int, int]  # of the couch door
    downloads: list[tuple[str, str, int]]  # package, version, how many


class Board:
    """One byte of memory that all processes see: whether reading processes answer anything."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._memory = mmap.mmap(handle, mmap.PAGESIZE)

    @classmethod
    def make(cls) -> Self:
        handle = os.memfd_create("couchreg", os.MFD_CLOEXEC)
        os.ftruncate(handle, mmap.PAGESIZE)
        return cls(handle)

    @property
    def is_open(self) -> bool:
        return self._memory[0] == 1

    def set(self, *, is_open: bool) -> None:
        self._memory[0] = 1 if is_open else 0

    def close(self) -> None:
        self._memory.close()
        os.close(self.handle)
