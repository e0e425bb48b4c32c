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
CREATE TABLE IF NOT EXISTS statistics (
    name TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL, sha256 TEXT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (name, version, resource) ) WITHOUT ROWID, STRICT;
"""
_ADD = "INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OF = "SELECT * FROM tables WHERE name = ? AND version = ? ORDER BY place"
_ONE = "SELECT * FROM tables WHERE name = ? AND version = ? AND resource = ?"
_DROP = (
    "DELETE FROM tables WHERE name = ?1 AND version = ?2",
    "DELETE FROM statistics WHERE name = ?1 AND version = ?2",
)
_STATISTICS = "SELECT body FROM statistics WHERE name = ? AND version = ? AND resource = ? AND sha256 = ?"
_KEEP = (
    "INSERT OR REPLACE INTO statistics SELECT name, version, resource, sha256, ?5 FROM tables "
    "WHERE name = ?1 AND version = ?2 AND resource = ?3 AND sha256 = ?4"
)
_NAMES = "SELECT DISTINCT name FROM tables WHERE state = 'ready' AND name > ? ORDER BY name LIMIT ?"
_NEXT = (
    "SELECT * FROM tables WHERE state = 'pending' AND source_bytes <= ? "
    "ORDER BY attempts, source_bytes, name, version, place LIMIT ?"
)
_UP_TO = "SELECT count(*), sum(source_bytes) FROM tables WHERE state = 'pending' AND source_bytes <= ?"
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


class TableCounts(NamedTuple):
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
                self._drop(connection, version)
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
            self._drop(connection, (tables[0].name, tables[0].version))
        connection.executemany(_ADD, tables).fetchall()

    @staticmethod
    def _drop(connection: apsw.Connection, version: tuple[str, str]) -> None:
        for statement in _DROP:
            connection.execute(statement, version).fetchall()

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

    def pending_up_to(self, most_bytes: int) -> TableCounts:
        """Those to be made whose sources are no larger."""
        rows: list[Any] = self._connection.execute(_UP_TO, (most_bytes,)).fetchall()
        [[count, size]] = rows
        return TableCounts(int(count), int(size or 0))

    def counted(self) -> dict[str, TableCounts]:
        """By state."""
        rows: list[Any] = self._connection.execute(_COUNT).fetchall()
        return {str(state): TableCounts(int(count), int(size)) for state, count, size in rows}

    def statistics(self, table: Table) -> bytes | None:
        """What was kept of the very bytes of this table."""
        key = (table.name, table.version, table.resource, table.sha256)
        rows: list[Any] = self._connection.execute(_STATISTICS, key).fetchall()
        return bytes(rows[0][0]) if rows else None

    def keep_statistics(self, table: Table, body: bytes) -> None:
        """For as long as this is the table."""
        values = (table.name, table.version, table.resource, table.sha256, body)
        with self._connection as connection:
            connection.execute(_KEEP, values).fetchall()

    def names(self, after: str, limit: int) -> list[str]:
        """Packages of which some version has a table, in the order of their names."""
        rows: list[Any] = self._connection.execute(_NAMES, (after, limit)).fetchall()
        return [str(row[0]) for row in rows]

    def _tables(self, query: str, values: tuple[str | int, ...]) -> list[Table]:
        rows: list[Any] = self._connection.execute(query, values).fetchall()
        return [Table(*row) for row in rows]


def failure(error: apsw.Error) -> StorageFailure:
    return StorageFailure(f"What is known of tables cannot be read or written: {error}")
