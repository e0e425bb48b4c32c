"""Running statements. Results are read to the end at once: a half-read one would hold a transaction open."""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw


def query(conn: apsw.Connection, text: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows (tuples) of a statement."""
    return conn.execute(text, values).fetchall()


def query_each(conn: apsw.Connection, text: str, sets: Iterable[Sequence[Any]]) -> list[Any]:
    """All rows of a statement run with each set of values in turn."""
    return conn.executemany(text, sets).fetchall()


def value(conn: apsw.Connection, text: str) -> Any:
    """The one value that a statement gives."""
    return conn.execute(text).fetchall()[0][0]
