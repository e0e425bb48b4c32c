"""Somebody who is not root: a user whose files are not everybody's, for tests that run as root, too.

As root the commands of a test run as `nobody`, and what is somebody else's belongs to root. As any other user
they run as that one, and what stands for somebody else's is a file without rights, which the system refuses
with the same error.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
UID = NOBODY if os.geteuid() == 0 else None  # whom commands run as, where it is not this user


@contextmanager
def place() -> Iterator[Path]:
    """A folder of somebody's, in which they can be: nobody comes into those of `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        given(Path(folder))
        yield Path(folder)


def given(path: Path) -> Path:
    """The path, with all below it, as somebody's own."""
    if UID is not None:
        for one in (path, *path.rglob("*")):
            os.chown(one, UID, UID, follow_symlinks=False)
    return path


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Nobody but another user may use it meanwhile."""
    found = path.stat()
    if UID is not None:
        os.chown(path, 0, 0)
    path.chmod(0o700 if path.is_dir() and UID is not None else 0o600 if UID is not None else 0)
    try:
        yield
    finally:
        path.chmod(found.st_mode & 0o7777)
        if UID is not None:
            os.chown(path, found.st_uid, found.st_gid)


def remedied(said: str, path: Path) -> bool:
    """Whether a sentence names a file and what its owner, or somebody else, does about it."""
    remedy = f"chmod -R u+rwX {path}" if UID is None else f"chown -R nobody {path}"
    return str(path) in said and remedy in said
