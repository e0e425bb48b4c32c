"""What survives a power cut: bytes after the fsync of their file, names after that of their directory.

Blocking. Knows nothing of what the files are for.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError of calls that know a descriptor alone, or only where bytes come from, name the file that
    is written."""
    try:
        yield
    except OSError as error:
        if error.filename2 is None and error.errno is not None:
            source = error.filename
            error.filename = str(path) if source is None else source
            if source is not None and str(source) != str(path):
                error.filename2 = str(path)
        raise


def sync(path: Path) -> None:
    """Make a file's bytes durable, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
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
        with naming(path), open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync(path.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise
