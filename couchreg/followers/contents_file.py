"""Which documents have a file of some bytes: a small SQLite file of its own, which may be deleted any time.

Of each SHA-256 a few documents are remembered, the last one of each place: so bytes that many versions share
take no more room than those of a few. What is written here is a hint: the documents say whether it is so.
Blocking; one thread calls it.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

import apsw

from couchreg.followers.base import Checkpoint

log = logging.getLogger(__name__)

PLACES = 4  # documents that are remembered of each hash
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS contents (
    sha256 BLOB NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (sha256, place)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1), incarnation TEXT NOT NULL, seq TEXT NOT NULL
) STRICT;
"""
_ADD = "INSERT OR REPLACE INTO contents VALUES (?, ?, ?)"
_FIND = "SELECT sha256, id FROM contents WHERE sha256 IN (SELECT unhex(value) FROM json_each(?))"
_MOVE = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)"
BROKEN = (apsw.CorruptError, apsw.NotADBError)

Row = tuple[str, str]  # SHA-256 in hex, and the id of a document


class ContentsFile:
    """The file at `path`. Raises what is in `BROKEN` for one that is damaged."""

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
                connection.execute(_SCHEMA).fetchall()
            except apsw.Error:
                connection.close()
                raise
            self._opened = connection
        return self._opened

    def checkpoint(self) -> Checkpoint | None:
        rows = self._connection.execute("SELECT incarnation, seq FROM checkpoint").fetchall()
        return Checkpoint(str(rows[0][0]), str(rows[0][1])) if rows else None

    def add(self, rows: Iterable[Row], checkpoint: Checkpoint) -> None:
        """Remember, and how far that was: all of it or nothing."""
        connection = self._connection
        with connection:
            placed = [(bytes.fromhex(sha256), _place(doc_id), doc_id) for sha256, doc_id in rows]
            connection.executemany(_ADD, placed).fetchall()
            connection.execute(_MOVE, tuple(checkpoint)).fetchall()

    def find(self, hashes: str) -> Sequence[Row]:
        """What is remembered of some hashes, which come as a JSON list of hex digits."""
        return [(found.hex(), doc_id) for found, doc_id in self._connection.execute(_FIND, (hashes,))]

    def forget(self) -> None:
        """Everything, the file with it."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _place(doc_id: str) -> int:
    return crc32(doc_id.encode()) % PLACES
