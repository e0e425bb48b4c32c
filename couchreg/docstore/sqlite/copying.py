"""Database files as they lie on a disk, of a server that may be writing them: copied, looked into. Blocking.

Nothing here changes a file, not even by tidying its log away when it is closed.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from couchreg import durable
from couchreg.docstore.sqlite import paths
from couchreg.docstore.sqlite.failures import is_full
from couchreg.docstore.sqlite.paths import DatabaseFile
from couchreg.docstore.sqlite.schema import make_private
from couchreg.errors import Failure

_BUSY_TIMEOUT: Final = 10_000  # milliseconds that a lock of somebody else's is waited for
_FAULTS: Final = 5  # of one file that are told
_OF_THE_DISK: Final = (apsw.IOError, apsw.CantOpenError, apsw.FullError, apsw.BusyError, apsw.LockedError)
_NUMBERS: Final = {apsw.BusyError: errno.EBUSY, apsw.LockedError: errno.EBUSY}
LOOK: Final = "couchreg doctor says what is wrong with it and what to do."


def copy_file(source: Path, target: Path) -> None:
    """What is committed in `source` at this moment becomes the new file `target`, durable, its owner's alone.

    In one step: a server goes on writing its log meanwhile, and would make a copy in steps begin again with
    each write. Raises OSError for a disk that is full and for what is somebody else's, and Failure for a file
    that is damaged or cannot be read.
    """
    make_private(target)
    try:
        with _opened(source) as read:
            written = apsw.Connection(str(target))
            try:
                with written.backup("main", read, "main") as backup:
                    backup.step(-1)
            finally:
                written.close()
    except apsw.FullError as error:
        raise _os_error(errno.ENOSPC, str(target)) from error
    except apsw.Error as error:
        if is_full(error):  # there is no room beside the source
            raise _os_error(errno.ENOSPC, f"{source}-shm") from error
        raise Failure(f"{source} cannot be copied to {target} ({error}). {LOOK}") from error
    durable.sync(target)


def faults_of_file(path: Path) -> list[str]:
    """What SQLite finds wrong with a file, in a few words each. Raises OSError for one that is closed to this
    user, or on a disk that fails or is full: nothing can be said of what is in it then."""
    try:
        with _opened(path) as conn:
            lines = [str(row[0]) for row in conn.execute(f"PRAGMA quick_check({_FAULTS})")]
    except _OF_THE_DISK as error:
        number = next((number for kind, number in _NUMBERS.items() if isinstance(error, kind)), errno.EIO)
        raise _os_error(errno.ENOSPC if is_full(error) else number, str(path)) from error
    except apsw.Error as error:
        return [str(error)]
    return [line.strip().splitlines()[-1] for line in lines if line != "ok"]


def missing_files(server: Path, directory: Path) -> list[DatabaseFile]:
    """The files that a `server.sqlite` knows of and that are not there; none where it cannot be read. Raises
    OSError where this user may not."""
    try:
        with _opened(server) as conn:
            known = conn.execute("SELECT name, incarnation FROM databases WHERE gone = 0").fetchall()
            if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'moved'").fetchall():
                known += conn.execute("SELECT name, incarnation FROM moved").fetchall()
    except apsw.Error:
        return []
    files = [paths.place(directory, str(name), str(incarnation)) for name, incarnation in known]
    return [file for file in files if not file.path.exists() and not paths.half(file).exists()]


def identity(path: Path) -> str | None:
    """Which server a `server.sqlite` belongs to; None where it cannot be read. Raises OSError where this user
    may not."""
    try:
        with _opened(path) as conn:
            rows = conn.execute("SELECT uuid FROM identity").fetchall()
    except apsw.Error:
        return None
    return str(rows[0][0]) if rows else None


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    """To be read only, though SQLite has to write beside it. Raises apsw.Error, and OSError for what this
    user may not write, which SQLite would call something else."""
    for needed in (path, path.parent):
        if not os.access(needed, os.R_OK | os.W_OK):
            needed.stat()  # which says what is not there at all
            why = errno.EROFS if os.statvfs(needed).f_flag & os.ST_RDONLY else errno.EACCES
            raise _os_error(why, str(needed))
    conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        conn.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        conn.set_busy_timeout(_BUSY_TIMEOUT)
        conn.execute("PRAGMA query_only=ON").fetchall()
        yield conn
    finally:
        conn.close()


def _os_error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
