"""Reductions that are kept: of blocks of consecutive rows, and of blocks of blocks. Blocking.

A block is the rows of one map between two of them, both within, and what a reduce function has made of
these. It is good for as long as no row comes, goes or changes between the two: whoever changes rows removes
the blocks around them in the same transaction. Blocks of one level do not overlap, and there need be none: a
reader takes the rows of what no block covers, and may keep what it has made of them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple

LEVELS: Final = (3, 2, 1)  # each of about a hundred of those below
FEW: Final = 25  # rows that are not worth a block of their own: those behind them are read as well
SCHEMA: Final = """
    drop table if exists blocks; -- of which some lacked rows
    create table if not exists whole_blocks(
        map integer, reduce blob, level integer, first_sort blob, first_id text, last_sort blob, last_id text,
        first_key blob, last_key blob, value blob,
        primary key (map, reduce, level, first_sort, first_id)) without rowid;
"""

Position = tuple[bytes, str]  # of a row: its sort key and its document
Kind = tuple[int, bytes, int]  # a map, the digest of a reduce function, a level


class Block(NamedTuple):
    """A block as it is stored. Keys and the value are JSON text."""

    level: int
    first: Position
    last: Position
    first_key: bytes
    last_key: bytes
    value: bytes


class WantedBlocks(NamedTuple):
    """Which blocks serve a reader: of this function, and those whose rows are all of one group."""

    reduce: bytes
    is_one_group: Callable[[bytes, bytes], bool]  # of two keys


_COLUMNS: Final = "level, first_sort, first_id, last_sort, last_id, first_key, last_key, value"
_OF: Final = "map = ? and reduce = ? and level = ?"
_BEFORE: Final = (
    f"select {_COLUMNS} from whole_blocks where {_OF}"  # noqa: S608
    " and (first_sort, first_id) <= (?, ?) order by first_sort desc, first_id desc limit 1"
)
_REMOVE: Final = f"delete from whole_blocks where {_OF} and (first_sort, first_id) = (?, ?)"  # noqa: S608
_WITHIN: Final = (
    f"delete from whole_blocks where {_OF}"  # noqa: S608
    " and (first_sort, first_id) >= (?, ?) and (first_sort, first_id) <= (?, ?)"
)


def _made(row: Any) -> Block:
    level, first_sort, first_id, last_sort, last_id, first_key, last_key, value = row
    return Block(level, (first_sort, first_id), (last_sort, last_id), first_key, last_key, value)


def kinds(connection: Any) -> set[Kind]:
    """Those of which there are blocks."""
    return set(connection.execute("select distinct map, reduce, level from whole_blocks").fetchall())


def remove_around(connection: Any, known: Collection[Kind], places: Iterable[tuple[int, Position]]) -> None:
    """Remove the blocks in which a row has changed. `places` are of those rows: a map, and where."""
    for place, position in places:
        for kind in known:
            if kind[0] != place:
                continue
            found = connection.execute(_BEFORE, (*kind, *position)).fetchone()
            if found is not None and _made(found).last >= position:
                connection.execute(_REMOVE, (*kind, *_made(found).first))


def store(connection: Any, place: int, reduce: bytes, blocks: Iterable[Block]) -> None:
    """Keep blocks, in the place of those of their level that have rows in common with them."""
    for block in blocks:
        kind = (place, reduce, block.level)
        before = connection.execute(_BEFORE, (*kind, *block.first)).fetchone()
        if before is not None and _made(before).last >= block.first:
            connection.execute(_REMOVE, (*kind, *_made(before).first))
        connection.execute(_WITHIN, (*kind, *block.first, *block.last))
        values = (*kind, *block.first, *block.last, *block[3:])
        connection.execute("insert into whole_blocks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def nearest(
    connection: Any,
    place: int,
    reduce: bytes,
    position: Position | None,
    *,
    inclusive: bool,
    descending: bool,
) -> Block | None:
    """The next block of the lowest level, in reading order: it begins at the position, or behind it."""
    order = " desc" if descending else ""
    query = f"select {_COLUMNS} from whole_blocks where {_OF}"  # noqa: S608
    values: list[Any] = [place, reduce, 1]
    if position is not None:
        column = "last" if descending else "first"
        sign = ("<" if descending else ">") + ("=" if inclusive else "")
        query += f" and ({column}_sort, {column}_id) {sign} (?, ?)"
        values += position
    found = connection.execute(
        f"{query} order by first_sort{order}, first_id{order} limit 1", values
    ).fetchone()
    return None if found is None else _made(found)


def larger(connection: Any, place: int, reduce: bytes, block: Block, *, descending: bool) -> Iterator[Block]:
    """The blocks above a block that begin where it does, in reading order; the largest first."""
    for level in LEVELS[:-1]:
        found = connection.execute(_BEFORE, (place, reduce, level, *block.first)).fetchone()
        one = None if found is None else _made(found)
        if one is not None and (one.last == block.last if descending else one.first == block.first):
            yield one
