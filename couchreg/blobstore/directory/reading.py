"""Reading a part of a file in chunks: at once from the page cache, in a thread from the disk."""

import os
import stat
from types import TracebackType
from typing import Self

from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.errors import NotFound, Unavailable

NOWAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux: read only what needs no disk


class FileReader:
    """An open file and a place in it. Raises NotFound when there is no such file."""

    def __init__(self, path: str, start: int, length: int | None) -> None:
        with os_errors_as_unavailable():
            self._descriptor, size = _opened(path)
        self._at = start
        self._end = size if length is None else min(size, start + length)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def left(self) -> int:
        """Bytes still to come; nothing or less at the end."""
        return self._end - self._at

    def read_cached(self, most: int) -> bytes:
        """The next bytes if they are in memory, else nothing."""
        if not NOWAIT:
            return b""
        wanted = min(most, self.left)
        buffer = bytearray(wanted)
        try:
            got = os.preadv(self._descriptor, [buffer], self._at, NOWAIT)
        except OSError:
            # EAGAIN: not in memory; EOPNOTSUPP: a file system that cannot say. `read` waits, and
            # tells of real trouble.
            return b""
        self._at += got
        return bytes(buffer) if got == wanted else bytes(memoryview(buffer)[:got])

    def read(self, most: int) -> bytes:
        """The next bytes, waiting for the disk."""
        data = os.pread(self._descriptor, min(most, self.left), self._at)
        if not data:
            raise Unavailable("The blob store does not answer: a blob is shorter than it was")
        self._at += len(data)
        return data


def _opened(path: str) -> tuple[int, int]:
    """The file's descriptor, and how many bytes it has."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise NotFound
    return descriptor, found.st_size
