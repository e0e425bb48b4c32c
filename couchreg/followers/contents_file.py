"""Which documents have a file of some bytes: a small SQLite file of its own, which may be deleted any time.

Of each SHA-256 a few documents are remembered, the last one of each place: so bytes that many versions share
take no more room than those of a few. What is written here is a hint: the documents say whether it is so.
Blocking; one thread calls it.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

from couchreg.followers.base import Checkpoint
from couchreg.followers.derived_file import DerivedFile

PLACES = 4  # documents that are remembered of each hash
_SCHEMA = """
CREATE TABLE IF NOT EXISTS contents (
    sha256 BLOB NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (sha256, place)
) WITHOUT ROWID, STRICT;
"""
_ADD = "INSERT OR REPLACE INTO contents VALUES (?, ?, ?)"
_FIND = "SELECT sha256, id FROM contents WHERE sha256 IN (SELECT unhex(value) FROM json_each(?))"

Row = tuple[str, str]  # SHA-256 in hex, and the id of a document


class ContentsFile(DerivedFile):
    """The file at `path`. Raises what is in `BROKEN` for one that is damaged."""

    schema = _SCHEMA

    def add(self, rows: Iterable[Row], checkpoint: Checkpoint) -> None:
        """Remember, and how far that was: all of it or nothing."""
        connection = self._connection
        with connection:
            placed = [(bytes.fromhex(sha256), _place(doc_id), doc_id) for sha256, doc_id in rows]
            connection.executemany(_ADD, placed).fetchall()
            self._move(checkpoint)

    def find(self, hashes: str) -> Sequence[Row]:
        """What is remembered of some hashes, which come as a JSON list of hex digits."""
        return [(found.hex(), doc_id) for found, doc_id in self._connection.execute(_FIND, (hashes,))]


def _place(doc_id: str) -> int:
    return crc32(doc_id.encode()) % PLACES
