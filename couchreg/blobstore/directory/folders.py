"""The directories below a root: made durable, pruned when empty, and their spelling checked.

Making and pruning exclude each other. A new directory is durable when its parent has been fsynced; no put
below it returns before that. A put that finds its directory pruned at the last moment prepares it again.
"""

import errno
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from couchreg.durable import sync

REMEMBERED = 8192  # directories known to be durable; forgetting one costs an fsync, no more


class Folders:
    """The directories of one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folds = _folds(root)
        self._durable: set[str] = set()
        self._new: dict[str, object] = {}  # those whose parents are to be synced, and which making it was
        self._lock = threading.Lock()

    def prepare(self, folder: str) -> Mapping[str, object]:
        """Make sure that `folder` (relative, "" for the root) exists; those of it and the folders above it
        that a power cut might still take. Sync their parents, and tell it to `stays`.

        Raises NotADirectoryError when a file is in the way.
        """
        with self._lock:
            if len(self._durable) + len(self._new) >= REMEMBERED:
                self._durable.clear()
                self._new.clear()
            self._prepare(folder)
            return {name: self._new[name] for name in _chain(folder) if name in self._new}

    def is_durable(self, folder: str) -> bool:
        """Whether `folder` exists and is certain to stay, unless somebody prunes it in this moment."""
        return folder in self._durable

    def stays(self, prepared: Mapping[str, object]) -> None:
        """The parents of these have been synced. One that was pruned and made again meanwhile is another."""
        with self._lock:
            for name, made in prepared.items():
                if self._new.get(name) is made:
                    del self._new[name]
                    self._durable.add(name)

    def sync(self, folder: str) -> None:
        """Make the names in `folder` durable."""
        sync(self.root / folder)

    def sync_deepest(self, folder: str) -> None:
        """Make the names durable in `folder`, or in the deepest folder above it that there is."""
        while True:
            try:
                return sync(self.root / folder)
            except (FileNotFoundError, NotADirectoryError):
                if not folder:
                    raise
                folder = parent(folder)

    def prune(self, folder: str) -> None:
        """Remove `folder` and its parents as far as they are empty; never the root."""
        with self._lock:
            while folder:
                self._durable.discard(folder)
                self._new.pop(folder, None)
                try:
                    (self.root / folder).rmdir()
                except FileNotFoundError:
                    pass
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return  # there are other blobs
                    raise
                folder = parent(folder)

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
        if folder in self._durable or folder in self._new:
            return
        if folder:
            self._prepare(parent(folder))
            _make(self.root / folder)
            self._new[folder] = object()
        else:
            self._durable.add(folder)


def parent(folder: str) -> str:
    """The folder that a folder or a key is in; "" for the root."""
    return folder.rpartition("/")[0]


def _chain(folder: str) -> Iterator[str]:
    """A folder and those above it, without the root."""
    while folder:
        yield folder
        folder = parent(folder)


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
