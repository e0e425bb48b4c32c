"""SQLite's failures as the errors of this project."""

import apsw

from couchreg.errors import CouchregError, StorageFailure


def foreseen(error: Exception) -> Exception:
    """The error to tell a client; SQLite's own words stay in the chain for the log."""
    if not isinstance(error, apsw.Error):
        return error
    told = _told(error)
    told.__cause__ = error
    return told


def _told(error: apsw.Error) -> CouchregError:
    if isinstance(error, apsw.FullError):
        return StorageFailure("The disk is full.", error="insufficient_storage")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StorageFailure("The database file is damaged.", error="file_corrupt")
    return StorageFailure("The database file could not be read or written.", error="file_error")
