"""Which rows of an index are read, and how they are asked for. Blocking."""

from collections.abc import Iterable
from itertools import starmap
from typing import Any, Final, NamedTuple

BYTES: Final = 1 << 20  # of keys and values that are read together; of one row there may be more
ALL: Final = -1  # rows, as SQLite takes it


class IndexRow(NamedTuple):
    """A row of a view. `key` and `value` are JSON text."""

    sort: bytes
    id: str
    number: int
    key: bytes
    value: bytes


class KeyBound(NamedTuple):
    """One end of a range of rows."""

    sort: bytes
    id: str | None  # None: whatever the id
    inclusive: bool = True


class Read(NamedTuple):
    """Which rows of a map, in which direction. `after` is the row at which the part before ended."""

    map: int
    first: KeyBound | None
    last: KeyBound | None
    descending: bool
    after: IndexRow | None = None


class FoundRows(NamedTuple):
    """Rows of a range; `is_last`: no more follow."""

    rows: list[IndexRow]
    is_last: bool


def rows_of(connection: Any, read: Read, skip: int, limit: int, *, is_bounded: bool = True) -> FoundRows:
    """The rows of a range after the first `skip`, `limit` at most, or fewer where they are long and
    `is_bounded`: then all of a document with one key are there."""
    condition, values = where(read)
    order = " desc" if read.descending else ""
    query = (
        f"select sort, id, number, key, value from rows where {condition} "  # noqa: S608 — no text of users
        f"order by sort{order}, id{order}, number limit ? offset ?"
    )
    found: list[IndexRow] = []
    size = 0
    cursor = connection.execute(query, (*values, limit, skip))
    for row in starmap(IndexRow, cursor):
        if is_bounded and size >= BYTES and row[:2] != found[-1][:2]:
            cursor.close()
            return FoundRows(found, is_last=False)
        found.append(row)
        size += len(row.key) + len(row.value)
    return FoundRows(found, is_last=limit == ALL or len(found) < limit)


def size_of(rows: Iterable[IndexRow]) -> int:
    """Bytes of their keys and values."""
    return sum([len(row.key) + len(row.value) for row in rows])


def counts_of(connection: Any, read: Read, *, by_key: bool) -> list[tuple[bytes, int]]:
    """How many rows a range has: for each key, as it stands in the first of its rows, in reading order, or of
    all, as those of `null`. Of an empty range nothing."""
    condition, values = where(read)
    if not by_key:
        query = f"select count(*) from rows where {condition}"  # noqa: S608 — no text of users
        [(number,)] = connection.execute(query, values).fetchall()
        return [(b"null", number)] if number else []
    first = "max" if read.descending else "min"
    query = f"select key, count(*), {first}(id) from rows where {condition} group by sort order by sort"  # noqa: S608
    found = [(key, number) for key, number, _ in connection.execute(query, values).fetchall()]
    return found[::-1] if read.descending else found


def where(read: Read) -> tuple[str, list[Any]]:
    """The condition that says which rows are read, and its parameters."""
    first = None if _is_behind(read) else read.first  # SQLite would begin there again, and pass over all
    low, high = (read.last, first) if read.descending else (first, read.last)
    terms: list[str] = ["map = ?"]
    values: list[Any] = [read.map]
    for bound, sign in ((low, ">"), (high, "<")):
        if bound is not None:
            term, more = _term(bound, sign)
            terms.append(term)
            values += more
    if read.after is not None:  # the rows of one document with one key keep their order in both directions
        sign = "<" if read.descending else ">"
        terms.append(f"(sort, id) {sign}= (?, ?) and ((sort, id) {sign} (?, ?) or number > ?)")
        values += [*read.after[:2], *read.after[:3]]
    return " and ".join(terms), values


def _term(bound: KeyBound, sign: str) -> tuple[str, list[Any]]:
    equal = "=" if bound.inclusive else ""
    if bound.id is None:
        return f"sort {sign}{equal} ?", [bound.sort]
    return f"(sort, id) {sign}{equal} (?, ?)", [bound.sort, bound.id]


def _is_behind(read: Read) -> bool:
    """Whether the last part has ended beyond the beginning of the range."""
    if read.after is None or read.first is None:
        return False
    return read.after.sort < read.first.sort if read.descending else read.after.sort > read.first.sort
