"""The blocking half of the directory store: one file at a time, in a thread of the caller's."""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from couchreg.blobstore.base import BlobInfo, Spooled
from couchreg.blobstore.directory.folders import Folders
from couchreg.durable import sync
from couchreg.errors import Unavailable

INCOMING = ".incoming"  # below the root: copies of files that were spooled on another device
ATTEMPTS = 100  # a put loses its directory only to a prune at the same instant


def prepare(folders: Folders, folder: str) -> Mapping[str, object] | None:
    """See `Folders.prepare`; None when a file is in the way."""
    try:
        return folders.prepare(folder)
    except NotADirectoryError:
        return None


def sync_parent(folders: Folders, folder: str) -> None:
    """Make the name of a folder durable; nothing is to be done for one that has been pruned meanwhile."""
    with suppress(FileNotFoundError):
        folders.sync(folder.rpartition("/")[0])


def put(folders: Folders, key: str, spooled: Spooled, *, synced: bool) -> bool:
    """Link `spooled` (whose bytes may be `synced`) to `key`, and make the link durable in its directory;
    False if the key holds something else. The directory itself is the caller's care."""
    for _ in range(ATTEMPTS):
        try:
            return _put(folders, key, spooled, synced)
        except NotADirectoryError:
            return False
        except FileNotFoundError:
            if not spooled.path.exists():
                raise
    raise Unavailable("The blob store does not answer: a directory is removed again and again")


def _put(folders: Folders, key: str, spooled: Spooled, synced: bool) -> bool:
    path = folders.root / key
    folder = key.rpartition("/")[0]
    folders.prepare(folder)
    try:
        _link_new(folders.root, spooled.path, path, synced)
    except FileExistsError:
        if not _holds(path, spooled) or not folders.spelt(key):
            return False
    else:
        if not folders.spelt(key):
            path.unlink()
            return False
    # Also when the blob was there: whoever linked it may not have come to its fsync yet.
    folders.sync(folder)
    return True


def _link_new(root: Path, source: Path, target: Path, synced: bool) -> None:
    """Raises FileExistsError; looks first, to save the fsync of bytes that are already stored."""
    if os.path.lexists(target):
        raise FileExistsError
    if not synced:
        sync(source)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK):  # another device; as many links as there may be
            raise
        copy = _copied(root, source)
        try:
            os.link(copy, target)
        finally:
            copy.unlink()


def _copied(root: Path, source: Path) -> Path:
    copy = root / INCOMING / secrets.token_hex(12)
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, copy)
    sync(copy)
    return copy


def _holds(path: Path, spooled: Spooled) -> bool:
    """Whether the file at `path` has just these bytes."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != spooled.length:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == spooled.sha256


def info(root: Path, key: str) -> BlobInfo | None:
    try:
        found = os.stat(root / key)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return BlobInfo(key, found.st_size, found.st_mtime) if stat.S_ISREG(found.st_mode) else None


def delete(folders: Folders, key: str, *, durably: bool) -> None:
    folder = key.rpartition("/")[0]
    try:
        os.unlink(folders.root / key)
    except IsADirectoryError:
        return
    except (FileNotFoundError, NotADirectoryError):
        if not durably:
            return  # else whoever removed it may not have come to the fsync
    else:
        folders.prune(folder)
    if durably:
        folders.sync_deepest(folder)


def clear_incoming(root: Path) -> None:
    """Remove the copies that a previous run did not finish."""
    if (root / INCOMING).is_dir():
        shutil.rmtree(root / INCOMING)
