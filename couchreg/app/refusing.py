"""What stops a start, as a sentence for whoever runs the server: what cannot be used, why, what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from couchreg.auth.policy import REGISTRY
from couchreg.blobstore.base import BlobStore
from couchreg.config import CannotStart, Settings
from couchreg.datadir import DataDir
from couchreg.docstore.base import Database, Store
from couchreg.docstore.maintenance.lacking import has_purged, some_record
from couchreg.docstore.sqlite import paths
from couchreg.errors import CouchregError, Failure, Unavailable
from couchreg.os_errors import belongs

BACKUP = (
    "Put it back from a backup, or choose another data directory with --data-dir. If there is no backup, "
    "couchreg rebuild makes a new one, and the next start an administrator: its settings are lost."
)
DAMAGED = "file_corrupt"  # the word of a database whose file turns out to be damaged when it is read
_OF_THE_DISK = ("insufficient_storage", "file_error")  # words of what says nothing of what the file holds
MENDING = "See that this user may write it and that the disk is not full, or choose another with --data-dir."


class DamagedDatabase(CannotStart):
    """A database that cannot be opened; `name` is its."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class DamagedFile(CannotStart):
    """A file of SQLite's at `path` that is damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


@contextmanager
def using(path: Path, remedy: str) -> Iterator[None]:
    """Turn what goes wrong with a file or folder into CannotStart, of a damaged file of SQLite's
    DamagedFile."""
    try:
        yield
    except CannotStart:
        raise
    except CouchregError as error:
        what = MENDING if error.error in _OF_THE_DISK else remedy
        said = f"{path} cannot be used. {error.reason.rstrip('.')}. {what}"
        raise (DamagedFile(path, said) if error.error == DAMAGED else CannotStart(said)) from error
    except OSError as error:
        what = remedy if error.errno == errno.ENOENT else MENDING
        raise CannotStart(f"{error.filename or path} cannot be used: {error.strerror}. {what}") from error


async def open_database(store: Store, name: str, folder: Path) -> Database:
    """The database, after a look into it. Raises CannotStart, of a damaged one DamagedDatabase."""
    with reading(name, folder):
        database = await store.open(name)
        await database.info()
    return database


@contextmanager
def reading(name: str, folder: Path) -> Iterator[None]:
    """Turn what goes wrong with a database, whose file is in `folder`, into CannotStart: where it is damaged,
    and not somebody else's or on a disk that is full, into DamagedDatabase."""
    try:
        yield
    except CannotStart:
        raise
    except Unavailable as error:
        raise CannotStart(f"The database {name} cannot be had. {error.reason}") from error
    except Failure as error:
        raise _refused(name, folder, error) from error


def _refused(name: str, folder: Path, error: Failure) -> CannotStart:
    file = next((found.path for found in _files(folder, name)), folder)
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        return CannotStart(f"{file} cannot be used: {belongs(file)}")
    if error.error in _OF_THE_DISK:
        return CannotStart(f"{file} cannot be used. {error.reason} {MENDING}")
    remedy = (
        "couchreg rebuild makes it again from the datastore."
        if name == REGISTRY
        else "Put it back from a backup, or move it away: then it is made anew, and empty."
    )
    return DamagedDatabase(name, f"{file} cannot be used. {error.reason} {remedy}")


def refuse_lost_server(settings: Settings, data: DataDir) -> None:
    """Raises CannotStart where databases have lost the file with the settings beside them: a new one would
    have other administrators, and the datastore would not be its."""
    files = [path for path in data.databases.glob("*.db") if paths.parse(path) is not None]
    if settings.docstore != "sqlite" or data.server_file.exists() or not files:
        return
    raise CannotStart(
        f"{data.server_file} is missing: the server's settings, its administrators and what logins are "
        "signed with. Put it back from a backup. If it is lost for good, couchreg rebuild makes a new one "
        "beside the databases, which stay, and the next start makes an administrator."
    )


async def refuse_bare(store: Store, blobs: BlobStore, *, is_new: bool) -> None:
    """Raises CannotStart where no document of packages is there, and the datastore has records of some:
    whoever published now could take the place of what was published before. A database that this start has
    made (`is_new`) goes then, so that the one that was there can be put back."""
    registry = await store.open(REGISTRY)
    counted = await registry.info()
    if counted.doc_count or counted.doc_del_count or await has_purged(registry):
        return
    key = await some_record(blobs)
    if key is None:
        return
    if is_new:
        await store.delete(REGISTRY)
    raise CannotStart(
        f"The database {REGISTRY} is empty, and the datastore has packages ({key}): its file was moved "
        "away, or is another one. Put it back, or run couchreg rebuild: it is made from the datastore."
    )


def set_aside(folder: Path, name: str) -> list[Path]:
    """Rename the file of a database that is damaged, and what SQLite has beside it; the new names."""
    return [moved for file in _files(folder, name) for moved in set_file_aside(file.path)]


def set_file_aside(file: Path) -> list[Path]:
    """The same of one file."""
    aside = file.with_name(f"{file.name}.damaged")
    there = [path for path in (file, *paths.companions(file)) if path.exists()]
    names = [path.with_name(path.name.replace(file.name, aside.name)) for path in there]
    return [path.rename(new) for path, new in zip(there, names, strict=True)]


def _files(folder: Path, name: str) -> list[paths.DatabaseFile]:
    found = [paths.parse(path) for path in folder.iterdir()] if folder.is_dir() else []
    return [file for file in found if file is not None and file.name == name]
