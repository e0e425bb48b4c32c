"""A file whose bytes are certain: made anew elsewhere on the same disk and moved to its place. Blocking."""

import os
import secrets
from pathlib import Path

from couchreg.durable import sync, write_all

INCOMING = ".incoming"  # below the root: files on their way, removed by the next start


def incoming(root: Path) -> Path:
    """A name for a new file on the disk of the root."""
    found = root / INCOMING / secrets.token_hex(12)
    found.parent.mkdir(exist_ok=True)
    return found


def replace_durably(root: Path, key: str, data: bytes, *, if_other: bool = False) -> None:
    """Have these bytes, synced, under `key`; with `if_other` a file that has them stays, and is synced. The
    name is durable when its directory has been synced. Raises OSError."""
    path = root / key
    if if_other and _has(path, data):
        sync(path)
        return
    if path.is_dir():
        raise IsADirectoryError(str(path))
    beside = incoming(root)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _has(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except (FileNotFoundError, NotADirectoryError):
        return False
