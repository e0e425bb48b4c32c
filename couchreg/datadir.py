"""The data directory of a server: made when absent, writable, and held by one process at a time.

Owns the lock file and the names of the entries of the directory; what lies in them is the back ends'.
"""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from couchreg.config import CannotStart

LOCK_NAME = "couchreg.lock"


class DataDirError(CannotStart):
    """The directory cannot be used."""


class DataDir:
    """A data directory that this process holds until `close()` (or its death, `kill -9` included)."""

    def __init__(self, path: Path) -> None:
        """Raises DataDirError when it cannot be made, written, or is another server's."""
        self.path = path.absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirError(
                f"The data directory {self.path} cannot be written: {error.strerror}."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DataDirError(
                f"The data directory {self.path} is in use by another couchreg server."
            ) from None

    @property
    def datastore(self) -> Path:
        """The blob store: flat files that anyone may read without couchreg."""
        return self.path / "datastore"

    @property
    def spool(self) -> Path:
        """Beside the blob store, so that finished bytes move there by a link."""
        return self.path / "spool"

    @property
    def search(self) -> Path:
        return self.path / "search"

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
            raise DataDirError(f"{path} is damaged: remove it, and a new one is made.")
        return found

    def close(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _write_private(path: Path, data: bytes) -> None:
    """A file that is whole or not there, and nobody else's to read."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)
