"""What is known of tables: a small SQLite file of its own, which may be deleted any time.

It says of each table of each version whether its Parquet file is there, and if not, why. What is pending in
it is work that goes on after a restart. Blocking; one thread calls it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apsw

from couchreg.errors import StorageFailure
from couchreg.followers.base import Checkpoint
from couchreg.followers.derived_file import DerivedFile

PENDING, READY, FAILED = "pending", "ready", "failed"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (
    name TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL, place INTEGER NOT NULL,
    rev TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, source_bytes INTEGER NOT NULL,
    key TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, md5 BLOB NOT NULL, rows INTEGER NOT NULL,
    columns TEXT NOT NULL, reason TEXT NOT NULL, row INTEGER, field TEXT, PRIMARY KEY (name, version,
    resource) ) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS pending ON tables (source_bytes) WHERE state = 'pending';
"""
_ADD = "INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OF = "SELECT * FROM tables WHERE name = ? AND version = ? ORDER BY place"
_ONE = "SELECT * FROM tables WHERE name = ? AND version = ? AND resource = ?"
_DROP = "DELETE FROM tables WHERE name = ? AND version = ?"
_NEXT = (
    "SELECT * FROM tables WHERE state = 'pending' AND source_bytes <= ? "
    "ORDER BY attempts, source_bytes, name, version, place LIMIT ?"
)
_COUNT = "SELECT state, count(*), sum(source_bytes) FROM tables GROUP BY state"


class Table(NamedTuple):
    """A resource that is a table, and what became of it. `rev` is the version's revision; `place` its place
    in the package; `columns` is JSON, see `inside/converting`. `reason`, `row` and `field` are of a table
    that failed."""

    name: str
    version: str
    resource: str
    place: int
    rev: str
    state: str
    attempts: int
    source_bytes: int
    key: str
    size: int = 0  # bytes of the Parquet file
    sha256: str = ""
    md5: bytes = b""
    rows: int = 0
    columns: str = "[]"
    reason: str = ""
    row: int | None = None
    field: str | None = None


class Counted(NamedTuple):
    """How many tables are in a state, and the bytes of their sources."""

    tables: int
    bytes: int


class Ledger(DerivedFile):
    """The file at `path`. Raises what is in `BROKEN` for one that is damaged, StorageFailure for what else
    fails."""

    schema = _SCHEMA

    def follow(
        self, gone: Iterable[tuple[str, str]], came: Iterable[Sequence[Table]], checkpoint: Checkpoint
    ) -> None:
        """Forget the tables of the versions that are `gone`, know those that `came`, and how far that was:
        all of it or nothing. What is known of the same revision already stays."""
        connection = self._connection
        with connection:
            for version in gone:
                connection.execute(_DROP, version).fetchall()
            for tables in came:
                self._add_new(connection, tables)
            self._move(checkpoint)

    def _add_new(self, connection: apsw.Connection, tables: Sequence[Table]) -> None:
        known = (
            {table.resource: table for table in self.of(tables[0].name, tables[0].version)} if tables else {}
        )
        if {(table.resource, table.rev) for table in tables} == {
            (old.resource, old.rev) for old in known.values()
        }:
            return
        if tables:
            connection.execute(_DROP, (tables[0].name, tables[0].version)).fetchall()
        connection.executemany(_ADD, tables).fetchall()

    def of(self, name: str, version: str) -> list[Table]:
        """The tables of a version, in their order."""
        return self._tables(_OF, (name, version))

    def one(self, name: str, version: str, resource: str) -> Table | None:
        return next(iter(self._tables(_ONE, (name, version, resource))), None)

    def settle(self, table: Table) -> bool:
        """Write what became of a table; False where its version has gone or is another one now."""
        connection = self._connection
        with connection:
            known = self.one(table.name, table.version, table.resource)
            if known is None or known.rev != table.rev:
                return False
            connection.execute(_ADD, table).fetchall()
        return True

    def pending(self, most_bytes: int, limit: int) -> list[Table]:
        """Tables to be made, small ones first; those that were tried already come last."""
        return self._tables(_NEXT, (most_bytes, limit))

    def counted(self) -> dict[str, Counted]:
        """By state."""
        rows: list[Any] = self._connection.execute(_COUNT).fetchall()
        return {str(state): Counted(int(count), int(size)) for state, count, size in rows}

    def _tables(self, query: str, values: tuple[str | int, ...]) -> list[Table]:
        rows: list[Any] = self._connection.execute(query, values).fetchall()
        return [Table(*row) for row in rows]


def failure(error: apsw.Error) -> StorageFailure:
    return StorageFailure(f"What is known of tables cannot be read or written: {error}")
