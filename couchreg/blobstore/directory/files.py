"""The blocking half of the directory store: one file at a time, in a thread of the caller's."""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from couchreg.blobstore.base import BlobInfo, Spooled
from couchreg.blobstore.directory.folders import Folders
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.syncing import Syncing
from couchreg.durable import sync
from couchreg.errors import Unavailable

INCOMING = ".incoming"  # below the root: copies of files that were spooled on another device
ATTEMPTS = 100  # a put loses its directory only to a prune at the same instant


Prepared = tuple[Mapping[str, object], list["Future[None]"]]


def make_durable(folders: Folders, syncing: Syncing, folder: str) -> bool:
    """Make a directory that stays, those above it too; False if a file is in the way."""
    try:
        _settle(folders, _prepared(folders, syncing, folder))
    except NotADirectoryError:
        return False
    return True


def _prepared(folders: Folders, syncing: Syncing, folder: str) -> Prepared:
    """A directory and those above it, and what makes them stay."""
    prepared = folders.prepare(folder)
    return prepared, [syncing.ask(name, made) for name, made in prepared.items()]


def _settle(folders: Folders, prepared: Prepared) -> None:
    names, syncs = prepared
    for sync_of_parent in syncs:
        sync_of_parent.result()
    if names:
        folders.stays(names)


def put(folders: Folders, links: KeyLinks, syncing: Syncing, key: str, spooled: Spooled) -> bool:
    """Sync `spooled` and link it to `key`, and make the link durable in its directory, and that where it is
    new; False if the key holds something else."""
    for _ in range(ATTEMPTS):
        try:
            return _put(folders, links, syncing, key, spooled)
        except NotADirectoryError:
            return False
        except FileNotFoundError:
            if spooled.data is None and not spooled.path.exists():
                raise
    raise Unavailable("The blob store does not answer: a directory is removed again and again")


def _put(folders: Folders, links: KeyLinks, syncing: Syncing, key: str, spooled: Spooled) -> bool:
    path = folders.root / key
    folder = key.rpartition("/")[0]
    prepared = _prepared(folders, syncing, folder)
    linking = None
    try:
        if os.path.lexists(path):  # looks first, to save the fsync of bytes that are already stored
            raise FileExistsError
        linking = links.begin(key)
        _link_new(folders.root, spooled, path)
    except FileExistsError:
        if not _holds(path, spooled) or not folders.spelt(key):
            return False
    else:
        if not folders.spelt(key):
            path.unlink()
            return False
    # Also when the blob was there: whoever linked it may not have come to its fsync yet.
    if linking is not None or not links.is_durable(key):
        folders.sync(folder)
    if linking is not None:
        links.stays(key, linking)
    _settle(folders, prepared)
    return True


def _link_new(root: Path, spooled: Spooled, target: Path) -> None:
    """Raises FileExistsError."""
    if spooled.data is None:
        if spooled.kept is None:  # what lies under a key was synced before it got that
            sync(spooled.path)
        _link(root, spooled.path, target)
        return
    # A file of its own: others may be putting the same bytes, and what is linked has to be what was synced.
    source = spooled.path.with_name(secrets.token_hex(12))
    try:
        source.write_bytes(spooled.data)
        sync(source)
        _link(root, source, target)
    finally:
        source.unlink(missing_ok=True)


def _link(root: Path, source: Path, target: Path) -> None:
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


def delete(folders: Folders, links: KeyLinks, key: str, *, durably: bool) -> None:
    folder = key.rpartition("/")[0]
    links.forget(key)
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
