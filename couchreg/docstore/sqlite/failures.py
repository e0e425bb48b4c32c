"""SQLite's failures as the errors of this project."""

import apsw

from couchreg.errors import CouchregError, StorageFailure, damaged


def is_full(error: Exception) -> bool:
    """Whether the disk takes no more: a file, or what SQLite lays beside one that is opened (`…-shm`)."""
    return isinstance(error, apsw.FullError) or (
        isinstance(error, apsw.IOError)
        and getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE
    )


def foreseen(error: Exception) -> Exception:
    """The error to tell a client; SQLite's own words stay in the chain for the log."""
    if not isinstance(error, apsw.Error | UnicodeDecodeError):
        return error
    told = _told(error)
    told.__cause__ = error
    return told


def _told(error: Exception) -> CouchregError:
    if is_full(error):
        return StorageFailure("The disk is full.", error="insufficient_storage")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | UnicodeDecodeError):
        return damaged("The database file")
    return StorageFailure("The database file could not be read or written.", error="file_error")
