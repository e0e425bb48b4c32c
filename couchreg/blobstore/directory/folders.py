"""The directories below a root: made durable, pruned when empty, and their spelling checked.

Making and pruning exclude each other, so that a directory in `_durable` exists and survives a power
cut. A put that finds its directory pruned at the last moment simply prepares it again.
"""

import errno
import os
import secrets
import threading
from pathlib import Path

from couchreg.durable import sync

REMEMBERED = 8192  # directories known to be durable; forgetting one costs an fsync, no more


class Folders:
    """The directories of one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folds = _folds(root)
        self._durable: set[str] = set()
        self._lock = threading.Lock()

    def prepare(self, folder: str) -> None:
        """Make sure that `folder` (relative, "" for the root) exists and stays.

        Raises NotADirectoryError when a file is in the way.
        """
        if folder in self._durable:
            return
        with self._lock:
            if len(self._durable) >= REMEMBERED:
                self._durable.clear()
            self._prepare(folder)

    def sync(self, folder: str) -> None:
        """Make the names in `folder` durable."""
        sync(self.root / folder)

    def prune(self, folder: str) -> None:
        """Remove `folder` and its parents as far as they are empty; never the root."""
        with self._lock:
            while folder:
                self._durable.discard(folder)
                try:
                    (self.root / folder).rmdir()
                except FileNotFoundError:
                    pass
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return  # there are other blobs
                    raise
                folder = folder.rpartition("/")[0]

    def spelt(self, key: str) -> bool:
        """Whether the file system knows `key` by just this spelling. Always so where names are
        bytes; a file system that folds case or Unicode forms may have answered for another key."""
        if not self.folds:
            return True
        folder = self.root
        for part in key.split("/"):
            if part not in os.listdir(folder):
                return False
            folder /= part
        return True

    def _prepare(self, folder: str) -> None:
        if folder in self._durable:
            return
        parent = folder.rpartition("/")[0]
        if folder:
            self._prepare(parent)
            _make(self.root / folder)
            sync(self.root / parent)
        self._durable.add(folder)


def _make(path: Path) -> None:
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(str(path)) from None


def _folds(root: Path) -> bool:
    """Whether `root` treats names as equal that differ in case or Unicode form."""
    probe = root / f".probe-{secrets.token_hex(8)}-a\u00e9"
    probe.touch()
    try:
        return any((root / (probe.name[:-2] + twin)).exists() for twin in ("A\u00e9", "ae\u0301"))
    finally:
        probe.unlink()
