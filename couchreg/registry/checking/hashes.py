"""Whether any of very many 64-bit hashes repeats, in little memory: parts of them wait on disk.

Runs only in the child process of a worker.
"""

import tempfile
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

PARTS = 256  # by the leading bits, so that one part at a time is enough to find what repeats
IN_MEMORY = 4_000_000  # hashes; beyond that all parts go to disk
LARGEST = 1 << 30  # bytes of a file from which on another is begun: a child may write no file of any length
_BOUNDARIES = [-(1 << 63) + (part << 56) for part in range(1, PARTS)]


class Hashes:
    """`add` any number, then ask for what `repeats`."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(PARTS)]
        self._places: list[list[tuple[BinaryIO, int, int]]] = [[] for _ in range(PARTS)]  # offset, bytes
        self._files: list[BinaryIO] = []
        self._waiting = 0

    def add(self, hashes: Iterable[int]) -> None:
        ordered = array("q", sorted(hashes))
        start = 0
        for part, boundary in enumerate(_BOUNDARIES):
            end = bisect_left(ordered, boundary, start)
            if end > start:
                self._parts[part].extend(ordered[start:end])
                start = end
        self._parts[-1].extend(ordered[start:])
        self._waiting += len(ordered)
        if self._waiting > IN_MEMORY:
            self._write()

    def repeats(self, most: int) -> frozenset[int]:
        """The hashes that came more than once, `most` of them at most."""
        found: set[int] = set()
        for part in range(PARTS):
            hashes = self._read(part)
            if len(set(hashes)) < len(hashes):
                found.update(value for value, times in Counter(hashes).items() if times > 1)
            if len(found) >= most:
                break
        return frozenset(sorted(found)[:most])

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _write(self) -> None:
        if not self._files or self._files[-1].tell() >= LARGEST:
            self._files.append(tempfile.TemporaryFile())  # noqa: SIM115 — closed by `close`
        file = self._files[-1]
        for hashes, places in zip(self._parts, self._places, strict=True):
            places.append((file, file.tell(), len(hashes) * hashes.itemsize))
            hashes.tofile(file)
            del hashes[:]
        self._waiting = 0

    def _read(self, part: int) -> "array[int]":
        hashes = array("q", self._parts[part])
        for file, offset, length in self._places[part]:
            file.seek(offset)
            hashes.frombytes(file.read(length))
        return hashes
