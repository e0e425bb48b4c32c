"""What survives a power cut: bytes after the fsync of their file, names after that of their directory.

Blocking. Knows nothing of what the files are for.
"""

import os
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Make a file's bytes durable, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, also where a signal or a disk that is just filling up lets only a part through."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def make_directory(path: Path, *, mode: int = 0o777) -> None:
    """A directory that stays, its parents with it.

    Its own name is synced even when it is there: whoever made it may not have come to that.
    """
    absent = [folder for folder in path.parents if not folder.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for folder in (path, *absent):
        with suppress(PermissionError):  # a parent that we may not list is not ours to look after
            sync(folder.parent)


def write_new(path: Path, data: bytes) -> None:
    """A new file, for its owner only: whole and durable, or none. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync(path.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise
