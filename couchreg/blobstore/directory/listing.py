"""Walking the files of a directory store, a batch at a time, whatever their number."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from couchreg.blobstore.base import BlobInfo


def walk(root: Path, prefix: str) -> Iterator[BlobInfo]:
    """The blobs whose keys begin with `prefix`. Hidden names at the top are the store's own."""
    folder = prefix.rpartition("/")[0]
    if ".." in folder.split("/") or folder.startswith("/") or "\0" in prefix:
        return
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        for key, entry in _entries(root, folder):
            if entry.is_dir(follow_symlinks=False):
                if key.startswith(prefix) or prefix.startswith(key + "/"):
                    waiting.append(key)
            elif key.startswith(prefix) and (info := _info(key, entry)):
                yield info


def take(walked: Iterator[BlobInfo], count: int) -> list[BlobInfo]:
    return list(islice(walked, count))


def _entries(root: Path, folder: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if folder:
                    yield f"{folder}/{entry.name}", entry
                elif not entry.name.startswith("."):
                    yield entry.name, entry
    except (FileNotFoundError, NotADirectoryError):
        return  # gone since its parent was read, or never there


def _info(key: str, entry: "os.DirEntry[str]") -> BlobInfo | None:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return BlobInfo(key, found.st_size, found.st_mtime) if stat.S_ISREG(found.st_mode) else None
