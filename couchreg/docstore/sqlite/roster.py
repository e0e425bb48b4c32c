"""Which databases there are, and which file each of them is: rows of `server.sqlite`.

A file is the database of its name if its row says so; no name of a file decides anything. Its life:

* It is written whole as `.new-<incarnation>.db`, and durable. A crash leaves a file without a row: swept.
* Its row is committed: this is the moment of creation. Then it gets its name, by a start if need be.
* Its row is marked as gone: this is the moment of deletion. Then its files are removed, by a start if need
  be, and the row is dropped only when no power cut can bring them back.

A database's file that has no row at all was put there by somebody, from a backup say: it is taken in. One
that has been moved away, damaged perhaps, is a database no more. What it needs of other stores is not known
then, so it is remembered until it is back, or a database of its name is made or deleted.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

from couchreg.docstore.sqlite import paths
from couchreg.docstore.sqlite.paths import DatabaseFile
from couchreg.docstore.sqlite.sql import query, query_each
from couchreg.errors import IllegalDatabaseName

log = logging.getLogger(__name__)

TABLES = """
CREATE TABLE IF NOT EXISTS databases (
    incarnation TEXT PRIMARY KEY, name TEXT NOT NULL, gone INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (incarnation TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS databases_by_name ON databases (name) WHERE gone = 0;
"""


class _Row(NamedTuple):
    incarnation: str
    name: str
    gone: int


def add(conn: apsw.Connection, file: DatabaseFile) -> None:
    query(conn, "INSERT INTO databases VALUES (?, ?, 0)", (file.incarnation, file.name))


def mark_gone(conn: apsw.Connection, file: DatabaseFile) -> None:
    query(conn, "UPDATE databases SET gone = 1 WHERE incarnation = ?", (file.incarnation,))


def drop(conn: apsw.Connection, removed: Sequence[DatabaseFile]) -> None:
    """Forget databases whose files have been removed for good."""
    query_each(conn, "DELETE FROM databases WHERE incarnation = ?", _keys(removed))


def forget_moved(conn: apsw.Connection, files: Sequence[DatabaseFile]) -> None:
    """Nobody waits for these any more."""
    query_each(conn, "DELETE FROM moved WHERE incarnation = ?", _keys(files))


def settle(conn: apsw.Connection, directory: Path) -> tuple[dict[str, DatabaseFile], list[DatabaseFile]]:
    """At a start: finish what a crash cut off. The databases by name, and those whose files have been moved
    away."""
    rows = [_Row(*row) for row in query(conn, "SELECT incarnation, name, gone FROM databases")]
    _remove(conn, directory, [_place(directory, row) for row in rows if row.gone])
    files = {row.name: _place(directory, row) for row in rows if not row.gone}
    for file in files.values():
        paths.complete(file)
    _let_go(conn, files)
    paths.sweep(directory)
    _take_in(conn, directory, files)
    return files, _moved(conn, directory, files)


def known(conn: apsw.Connection, directory: Path) -> dict[str, DatabaseFile]:
    """The databases by name, as they are now."""
    rows = [_Row(*row) for row in query(conn, "SELECT incarnation, name, gone FROM databases")]
    return {row.name: _place(directory, row) for row in rows if not row.gone}


def _place(directory: Path, row: _Row) -> DatabaseFile:
    return paths.place(directory, row.name, row.incarnation)


def _remove(conn: apsw.Connection, directory: Path, gone: list[DatabaseFile]) -> None:
    try:
        paths.remove(directory, gone)
    except OSError as error:
        log.warning("Files of deleted databases in %s stay for now: %s", directory, error.strerror)
        return
    if gone:
        with conn:
            drop(conn, gone)


def _let_go(conn: apsw.Connection, files: dict[str, DatabaseFile]) -> None:
    """Databases whose files somebody has moved away: nothing of ours takes a file before its row."""
    moved = [file for file in files.values() if not file.path.exists()]
    for file in moved:
        del files[file.name]
    if moved:
        with conn:
            pairs = [(file.incarnation, file.name) for file in moved]
            query_each(conn, "INSERT OR IGNORE INTO moved VALUES (?, ?)", pairs)
            drop(conn, moved)


def _moved(conn: apsw.Connection, directory: Path, files: dict[str, DatabaseFile]) -> list[DatabaseFile]:
    """Databases whose files were moved away and have not come back."""
    found = [
        paths.place(directory, name, key) for key, name in query(conn, "SELECT incarnation, name FROM moved")
    ]
    back = [file for file in found if files.get(file.name) == file]
    with conn:
        forget_moved(conn, back)
    missing = [file for file in found if file not in back]
    for file in missing:
        log.warning(
            "%s has been moved away: the database %s is no more. Until it is put back, or a database of "
            "that name is made or deleted, nothing is removed from the datastore, since what it needs is not "
            "known.",
            file.path,
            file.name,
        )
    return missing


def _keys(files: Sequence[DatabaseFile]) -> list[tuple[str]]:
    return [(file.incarnation,) for file in files]


def _take_in(conn: apsw.Connection, directory: Path, files: dict[str, DatabaseFile]) -> None:
    """Files without a row, the latest first: one becomes the database of its name, unless there is one."""
    known = {file.path for file in files.values()}
    strange = [file for path in directory.iterdir() if path not in known and (file := paths.parse(path))]
    with conn:
        for file in sorted(strange, key=lambda file: file.path.stat().st_mtime, reverse=True):
            if file.name in files or not _is_ours(file):
                log.warning("%s is not the file of a database here: it is left as it is.", file.path)
            else:
                add(conn, file)
                files[file.name] = file


def _is_ours(file: DatabaseFile) -> bool:
    """Whether we would give a file of this database this name."""
    try:
        return paths.place(file.path.parent, file.name, file.incarnation).path == file.path
    except IllegalDatabaseName:
        return False
