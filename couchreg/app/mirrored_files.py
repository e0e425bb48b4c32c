"""The files of a datastore, followed by a folder elsewhere: as links on one disk, as copies on another.

Bytes under a key never change, so what is there already is left alone. Files that share their bytes share
them in a copy, too. Blocking.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from couchreg.blobstore.directory.listing import walk
from couchreg.durable import naming
from couchreg.package.layout import CLAIMS, PARQUET, UPLOADS

DERIVED = (PARQUET, UPLOADS, CLAIMS)  # made again from the rest, not published yet, or of this moment
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})
_PART = ".part-"


class Counts(Protocol):
    copied: int
    kept: int


class Links:
    """From the files below `source` to those below `target`."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._shared: dict[tuple[int, int], Path] = {}  # of files with several names: where a copy lies

    def follow(self, done: Counts) -> None:
        """Take over what is not there yet; what goes meanwhile is not missed."""
        self._target.mkdir(mode=0o755, parents=True, exist_ok=True)
        for blob in walk(self._source, ""):
            if blob.key.startswith(DERIVED):
                continue
            try:
                taken = self._take(blob.key)
            except FileNotFoundError:
                if not (self._source / blob.key).exists():
                    continue
                raise
            done.copied += taken
            done.kept += not taken

    def gone(self) -> Iterator[str]:
        """Keys that have been here and are not at the source now."""
        for blob in walk(self._target, ""):
            if not (self._source / blob.key).exists():
                yield blob.key

    def remove(self, keys: Iterable[str]) -> int:
        """Those of them that have not come again; how many."""
        removed = 0
        for key in keys:
            if not (self._source / key).exists():
                (self._target / key).unlink(missing_ok=True)
                removed += 1
                self._prune((self._target / key).parent)
        return removed

    def _take(self, key: str) -> bool:
        source, target = self._source / key, self._target / key
        wanted = source.stat()
        if target.exists() and _is_same(wanted, target.stat()):
            return False
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = target.with_name(f"{_PART}{os.getpid()}")
        part.unlink(missing_ok=True)
        try:
            self._lay(source, wanted, part)
            part.rename(target)
        except BaseException:  # a disk that is full needs the room
            part.unlink(missing_ok=True)
            raise
        if wanted.st_nlink > 1:
            self._shared[wanted.st_dev, wanted.st_ino] = target
        return True

    def _lay(self, source: Path, wanted: os.stat_result, part: Path) -> None:
        shared = self._shared.get((wanted.st_dev, wanted.st_ino))
        for link in (source, shared):
            if link is None:
                continue
            try:
                os.link(link, part)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
            else:
                return
        with naming(self._target):
            shutil.copy2(source, part)

    def _prune(self, folder: Path) -> None:
        while folder != self._target:
            try:
                folder.rmdir()
            except OSError:
                return  # something else lies in it
            folder = folder.parent


def _is_same(wanted: os.stat_result, there: os.stat_result) -> bool:
    if (wanted.st_dev, wanted.st_ino) == (there.st_dev, there.st_ino):
        return True
    return (wanted.st_size, wanted.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
