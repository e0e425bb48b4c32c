"""A small SQLite file of a follower, made from the changes of a database: it may be deleted any time.

It holds how far the follower is, so that this and what it knows are written together. Blocking; one thread
calls it.
"""

import os
from pathlib import Path

import apsw

from couchreg.followers.base import Checkpoint

BROKEN = (apsw.CorruptError, apsw.NotADBError)
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1), incarnation TEXT NOT NULL, seq TEXT NOT NULL
) STRICT;
"""


class DerivedFile:
    """The file at `path`, with the tables that `schema` makes where they are not. Raises what is in `BROKEN`
    for one that is damaged."""

    schema: str

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: apsw.Connection | None = None

    @property
    def _connection(self) -> apsw.Connection:
        if self._opened is None:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = apsw.Connection(str(self._path))
            try:
                connection.set_busy_timeout(5000)
                connection.execute(_SCHEMA + self.schema).fetchall()
            except apsw.Error:
                connection.close()
                raise
            self._opened = connection
        return self._opened

    def checkpoint(self) -> Checkpoint | None:
        rows = self._connection.execute("SELECT incarnation, seq FROM checkpoint").fetchall()
        return Checkpoint(str(rows[0][0]), str(rows[0][1])) if rows else None

    def _move(self, checkpoint: Checkpoint) -> None:
        """How far it is now; for the transaction that writes what was found up to there."""
        values = tuple(checkpoint)
        self._connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)", values).fetchall()

    def forget(self) -> None:
        """Everything, the file with it."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
