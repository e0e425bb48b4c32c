"""Running statements. Results are read to the end at once: a half-read one would hold a transaction open.

SQLite's failures leave here as errors of this project. A connection that has met trouble with its file is
marked, since it may keep what it has misread: whoever holds it opens another one.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from couchreg.docstore.sqlite.failures import foreseen
from couchreg.journal.failing import tell
from couchreg.model.json import encode

log = logging.getLogger(__name__)

FAILS = (apsw.Error, UnicodeDecodeError)  # the latter where a text is none any more
DAMAGED = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)
OF_THE_FILE = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError, apsw.FullError)


class SqliteConnection(apsw.Connection):
    """`suspect` once a statement has failed for the sake of the file."""

    suspect = False


def query(conn: apsw.Connection, text: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows (tuples) of a statement."""
    try:
        return conn.execute(text, values).fetchall()
    except FAILS as error:
        raise _met(conn, error) from error


def query_each(conn: apsw.Connection, text: str, sets: Iterable[Sequence[Any]]) -> list[Any]:
    """All rows of a statement run with each set of values in turn."""
    try:
        return conn.executemany(text, sets).fetchall()
    except FAILS as error:
        raise _met(conn, error) from error


def query_in(conn: apsw.Connection, text: str, values: Sequence[str | int]) -> list[Any]:
    """All rows, in any order, of a statement that reads these values from `json_each(?)`.

    It takes a sixth of the time of a statement run for each of them.
    """
    return query(conn, text, (encode(values),))


def query_some(
    conn: apsw.Connection, text: str, values: Sequence[Any], *, columns: Sequence[int], most: int
) -> list[Any]:
    """The first rows, until their `columns` (text or bytes) amount to `most`; at least one, if any."""
    rows: list[Any] = []
    weight = 0
    try:
        cursor = conn.execute(text, values)
        for row in cursor:
            rows.append(row)
            weight += sum([len(row[column] or b"") for column in columns])
            if weight >= most:
                break
        cursor.close(True)
    except FAILS as error:
        raise _met(conn, error) from error
    return rows


def distrust(conn: apsw.Connection) -> None:
    """Another connection is to take its place."""
    if isinstance(conn, SqliteConnection):
        conn.suspect = True


def _met(conn: apsw.Connection, error: Exception) -> Exception:
    if isinstance(error, OF_THE_FILE):
        distrust(conn)
    told = foreseen(error)
    if isinstance(error, DAMAGED):  # clients are not told which file it is
        tell(log, f"Reading {conn.filename}", told)
    return told
