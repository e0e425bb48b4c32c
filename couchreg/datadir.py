"""The data directory of a server: made when absent, writable, and held by one process at a time.

Owns the lock file and the names of the entries of the directory; what lies in them is the back ends'.

Passwords, tokens and the secret that signs cookies are among it. So its owner alone reads it, whatever a copy
or a backup has made of it; `datastore/` alone may be open.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from pathlib import Path
from typing import Self

from couchreg.config import CannotStart
from couchreg.durable import make_directory, sync, write_new
from couchreg.os_errors import belongs

LOCK_NAME = "couchreg.lock"
ASIDE = ".damaged"  # in the name of what a rebuild has put aside
_TIMEOUT = 2.0  # seconds
OPEN = ("datastore", "spool", "publishing")  # what lies in these is published, or is about to be
OURS = (
    "contents.sqlite",
    "databases",
    "following.json",
    "format",
    "graphs",
    "logins.json",
    "downloads.sqlite",
    "search",
    "search-restricted",
    "server.sqlite",
    "tables.sqlite",
    "upload-secret",
    "views",
    LOCK_NAME,
    *OPEN,
)


class DataDirError(CannotStart):
    """The directory cannot be used."""


class DataDir:
    """A data directory that this process holds until `close()` (or its death, `kill -9` included)."""

    def __init__(self, path: Path) -> None:
        """Raises DataDirError when it cannot be made, written, or is another server's."""
        self.path = path.absolute()
        try:
            make_directory(self.path, mode=0o700)
            _tighten(self.path)
            self._lock = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirError(_remedy(Path(error.filename or self.path), error)) from error
        if not _held(self._lock):
            os.close(self._lock)
            raise DataDirError(f"The data directory {self.path} is in use by another couchreg server.")

    @property
    def server_file(self) -> Path:
        """Settings, server admins and the secret that signs cookies."""
        return self.path / "server.sqlite"

    @property
    def databases(self) -> Path:
        return self.path / "databases"

    @property
    def datastore(self) -> Path:
        """The blob store: flat files that anyone may read without couchreg."""
        return self.path / "datastore"

    @property
    def spool(self) -> Path:
        """Beside the blob store, so that finished bytes move there by a link."""
        return self.path / "spool"

    @property
    def publishing(self) -> Path:
        """Publishes under way, with the files that have come."""
        return self.path / "publishing"

    @property
    def views(self) -> Path:
        return self.path / "views"

    @property
    def search(self) -> Path:
        return self.path / "search"

    @property
    def restricted_search(self) -> Path:
        """The search of the restricted packages."""
        return self.path / "search-restricted"

    @property
    def notes(self) -> Path:
        """What a follower of another registry could not read."""
        return self.path / "following.json"

    @property
    def logins(self) -> Path:
        """Logins at the pages, while no server runs."""
        return self.path / "logins.json"

    @property
    def graphs(self) -> Path:
        """Packages as RDF; may be deleted."""
        return self.path / "graphs"

    @property
    def tables(self) -> Path:
        """What is known of tables; the rest of it lies in the datastore."""
        return self.path / "tables.sqlite"

    @property
    def contents(self) -> Path:
        """Which versions have files of which hashes; may be deleted."""
        return self.path / "contents.sqlite"

    @property
    def counts(self) -> Path:
        """How often packages were downloaded from this server."""
        return self.path / "downloads.sqlite"

    def upload_secret(self) -> bytes:
        """What the addresses that files are uploaded to are signed with; made at the first start, so that
        they are good after a restart. Raises DataDirError."""
        path = self.path / "upload-secret"
        try:
            if not path.exists():
                _write_private(path, secrets.token_bytes(32))
            found = path.read_bytes()
        except OSError as error:
            raise DataDirError(f"{path} cannot be used: {error.strerror}.") from error
        if len(found) < 32:
            raise DataDirError(f"{path} is damaged: remove it, and a new one will be created.")
        return found

    def close(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _held(lock: int) -> bool:
    """Whether the lock could be had. A process that a server was starting when it was killed has it, too,
    until it runs its program, so a lock that is held is tried for some seconds."""
    until = time.monotonic() + _TIMEOUT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


def _tighten(root: Path) -> None:
    """Take everything from the group and from others, but for what lies in the folders that are open.

    The directory itself may be passed through (0711), where its owner lets others go on to `datastore/`.
    Raises OSError with the path that is somebody else's.
    """
    if root.stat().st_mode & 0o066:
        _close(root)
    for entry in root.iterdir():
        if not entry.name.startswith(OURS) and entry.stat().st_uid != os.geteuid():
            continue  # the settings as an administrator has put them there, `lost+found` of a disk
        _close(entry, but=0o777 if entry.name == OPEN[0] else 0)
        if entry.is_dir() and entry.name not in OPEN:
            for folder, folders, files in os.walk(entry):
                for name in (*folders, *files):
                    _close(Path(folder, name), needed=ASIDE not in name)
        elif entry.name == OPEN[0] and entry.is_dir():
            for inside in entry.resolve().glob("_*"):  # what is not packages, of which there may be many
                _check(inside)


def _close(path: Path, *, but: int = 0, needed: bool = False) -> None:
    """Leave the owner's permissions, and those of `but`. Raises OSError for what is ours to write, or is
    `needed`, and cannot be."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077 & ~but:
            path.chmod(mode & (0o700 | but))
        if needed or path.name.startswith(OURS):
            _check(path)
    except FileNotFoundError:
        return  # a link to nowhere, or gone meanwhile


def _check(path: Path) -> None:
    """Raises OSError for what this user may not write."""
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        why = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(why, os.strerror(why), str(path))


def _remedy(path: Path, error: OSError) -> str:
    """What cannot be used, and what to do about it."""
    said = f"{path} cannot be used: {error.strerror}."
    if not isinstance(error, PermissionError):
        return f"{said} Mend it, or choose another data directory with --data-dir."
    remedy = belongs(path)
    return f"{said} {remedy[0].upper()}{remedy[1:]}"


def _write_private(path: Path, data: bytes) -> None:
    """A file that is whole or not there, and nobody else's to read."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    write_new(new, data)
    new.rename(path)
    sync(path.parent)
