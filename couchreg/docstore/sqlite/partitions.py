"""Partitions in a database file: what each holds is counted by triggers, in the transaction of every change.

Only the files of partitioned databases have the table and the triggers, so that others pay nothing. A name is
kept as its bytes, in which SQLite finds a colon also behind a NUL.
"""

from collections.abc import Collection, Sequence
from typing import Final

import apsw

from couchreg.docstore.base import Edit
from couchreg.docstore.optional import PartitionInfo
from couchreg.docstore.sqlite.sql import query, query_in
from couchreg.model.partitions import check_id, partition_of

_NAME: Final = "substr(CAST({0}.id AS BLOB), 1, instr(CAST({0}.id AS BLOB), x'3a') - 1)"
_IN_ONE: Final = "substr({0}.id, 1, 1) <> '_' AND instr(CAST({0}.id AS BLOB), x'3a') > 0"
_NEW, _OLD = _NAME.format("new"), _NAME.format("old")
TABLE: Final = f"""
CREATE TABLE partitions (
    name BLOB PRIMARY KEY,
    live INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER document_added AFTER INSERT ON docs WHEN {_IN_ONE.format("new")} BEGIN
    INSERT INTO partitions VALUES ({_NEW}, new.deleted = 0, new.deleted, new.size)
    ON CONFLICT (name) DO UPDATE SET
        live = live + excluded.live, deleted = deleted + excluded.deleted, size = size + excluded.size;
END;
CREATE TRIGGER document_changed AFTER UPDATE OF deleted, size ON docs WHEN {_IN_ONE.format("new")} BEGIN
    UPDATE partitions SET
        live = live + old.deleted - new.deleted,
        deleted = deleted + new.deleted - old.deleted,
        size = size + new.size - old.size
    WHERE name = {_NEW};
END;
CREATE TRIGGER document_removed AFTER DELETE ON docs WHEN {_IN_ONE.format("old")} BEGIN
    UPDATE partitions SET
        live = live - (old.deleted = 0), deleted = deleted - old.deleted, size = size - old.size
    WHERE name = {_OLD};
    DELETE FROM partitions WHERE name = {_OLD} AND live = 0 AND deleted = 0;
END;
"""  # noqa: S608 — names of our own
COUNTED: Final = (
    f"SELECT {_NAME.format('d')}, sum(deleted = 0), sum(deleted), sum(size)"  # noqa: S608
    f" FROM docs d WHERE {_IN_ONE.format('d')} GROUP BY 1"
)


def info(conn: apsw.Connection, name: str) -> PartitionInfo:
    found = query(conn, "SELECT live, deleted, size FROM partitions WHERE name = ?", (name.encode(),))
    return PartitionInfo(*found[0]) if found else PartitionInfo(0, 0, 0)


def check_ids(edits: Sequence[Edit]) -> None:
    """Raises IllegalDocid, IllegalPartition."""
    for edit in edits:
        check_id(edit.id)


def full(conn: apsw.Connection, edits: Sequence[Edit], most: int) -> Collection[str]:
    """The partitions of these edits that have `most` bytes or more; none if that is 0."""
    names = {name for edit in edits if (name := partition_of(edit.id)) is not None}
    if most <= 0 or not names:
        return ()
    text = "SELECT j.value, p.size FROM json_each(?) j JOIN partitions p ON p.name = CAST(j.value AS BLOB)"
    return {name for name, size in query_in(conn, text, list(names)) if size >= most}
