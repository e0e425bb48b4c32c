"""Published bytes as a file object that fetches what is read, and can seek."""

import io
from typing import Protocol

from couchreg.client.reading import OpenedFile


class Ranges(Protocol):
    def read_range(self, opened: OpenedFile, start: int, end: int | None) -> bytes: ...


class RangedFile(io.RawIOBase):
    """One file or resource; put an `io.BufferedReader` around it."""

    def __init__(self, source: Ranges, opened: OpenedFile) -> None:
        self._source, self._opened = source, opened
        self._whole: bytes | None = None
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._at = base + offset
        return self._at

    @property
    def _size(self) -> int:
        return self._opened.length if self._opened.length is not None else len(self._all())

    def _all(self) -> bytes:
        """What has no known length is fetched whole."""
        if self._whole is None:
            self._whole = self._source.read_range(self._opened, 0, None)
        return self._whole

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        if self._opened.length is None:
            data = self._all()[self._at : end]
        else:
            data = self._source.read_range(self._opened, self._at, end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
