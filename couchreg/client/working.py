"""Being at work in a folder: one process at a time, and a journal that outlives a killed one.

The journal holds the SHA-256 of everything that installations of this folder were about to write. What is
found with such a hash in a half-finished folder was ours, and may be replaced.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from couchreg.client.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two processes apart there; the hashes still do their part
    fcntl = None  # type: ignore[assignment]

PARTS = ".couchreg-parts"
_JOURNAL = "journal"


class Journal:
    """Hashes, one a line; the last line may be torn."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, hashes: set[str]) -> frozenset[str]:
        """All hashes so far, after these are on disk, too."""
        self._file.seek(0)
        known = {line.strip() for line in self._file}
        self._file.write("\n" + "".join(f"{item}\n" for item in sorted(hashes - known)))
        self._file.flush()
        os.fsync(self._file.fileno())
        return frozenset((known | hashes) - {""})


@contextmanager
def at_work(folder: Path, parts: Path) -> Iterator[Journal]:
    """Hold a folder. When the work is done `parts` is removed; when it fails it stays for the next time.

    Raises UsageError when the folder cannot be written, or somebody else is at work in it.
    """
    try:
        if parts.is_symlink():
            raise UsageError(f"{parts} is a link: remove it, it is the place of unfinished downloads.")
        parts.mkdir(parents=True, exist_ok=True)
        no_link(parts / _JOURNAL)
        with (parts / _JOURNAL).open("a+", encoding="ascii") as file:
            _hold(file, folder)
            yield Journal(file)
            shutil.rmtree(parts, ignore_errors=True)  # may hold parts of another version
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None


def no_link(path: Path) -> None:
    """Whoever prepared the folder may have put a link there, to something that is not to be written."""
    if path.is_symlink():
        path.unlink()


def _hold(file: IO[str], folder: Path) -> None:
    """The kernel lets go when the process ends, however it ends."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"Another installation is at work in {folder}: wait until it is done.") from None
