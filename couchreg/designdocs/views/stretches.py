"""A range of rows in pieces: blocks whose reductions are kept, and the rows of what none covers. Blocking.

Source of the order: whoever reads on gets the pieces in reading order, some at a time.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from couchreg.designdocs.views import reading
from couchreg.designdocs.views.blocks import FEW, Block, Position, WantedBlocks, larger, nearest
from couchreg.designdocs.views.reading import ALL, IndexRow, KeyBound, Read, rows_of, size_of

BEHIND: Final = 1 << 62  # a number behind those of all rows of one document
COST: Final = 4  # of a block, in rows


class Rows(NamedTuple):
    """Consecutive rows. `is_free` if no block covers them, so that one may be made of them."""

    rows: Sequence[IndexRow]
    is_free: bool


Piece = Block | Rows


class Stretch(NamedTuple):
    """The next pieces, and how to read on; None at the end."""

    pieces: list[Piece]
    rest: Read | None


def stretch(connection: Any, read: Read, wanted: WantedBlocks, most: int) -> Stretch:
    """About as many pieces as are worth `most` rows, or as have so many bytes as are read together."""
    pieces: list[Piece] = []
    left, room = most, reading.BYTES
    while left > 0 and room > 0:
        block = _next_block(connection, read, wanted)
        gap, is_whole = rows_of(connection, _up_to(read, block), 0, left)
        if gap and (block is None or not is_whole):
            pieces.append(Rows(gap, is_free=not read.descending))
        if block is None or not is_whole:
            return Stretch(pieces, None if is_whole else read._replace(after=gap[-1]))
        known = len(pieces)
        is_few = 0 < len(gap) < FEW and not read.descending
        chosen = _chosen(connection, read, wanted, block, only_larger=is_few)
        if chosen is None:
            is_few = is_few and _fits(read, wanted, block)
            read = _read_through(connection, read, block, gap, pieces, is_few=is_few)
        else:
            if gap:
                pieces.append(Rows(gap, is_free=not read.descending))
            pieces.append(chosen)
            read = read._replace(after=_behind(chosen, read))
        rows = [row for piece in pieces[known:] if isinstance(piece, Rows) for row in piece.rows]
        left, room = left - len(rows) - COST, room - size_of(rows)
    return Stretch(pieces, read)


def _next_block(connection: Any, read: Read, wanted: WantedBlocks) -> Block | None:
    """The next one that begins within the range."""
    position: Position | None = None
    inclusive = True
    if read.after is not None:
        position, inclusive = (read.after.sort, read.after.id), False
    elif read.first is not None:
        position, inclusive = _edge(read.first, read), read.first.inclusive
    block = nearest(
        connection, read.map, wanted.reduce, position, inclusive=inclusive, descending=read.descending
    )
    begins = None if block is None else block.last if read.descending else block.first
    return block if begins is not None and _is_within(begins, read) else None


def _edge(bound: KeyBound, read: Read) -> Position:
    """The position that stands for a bound where reading begins."""
    if bound.id is not None:
        return bound.sort, bound.id
    return (bound.sort, "\U0010ffff") if read.descending == bound.inclusive else (bound.sort, "")


def _is_within(position: Position, read: Read) -> bool:
    """Whether a position comes before the end of the range."""
    bound = read.last
    if bound is None:
        return True
    end = (bound.sort,) if bound.id is None else (bound.sort, bound.id)
    at = position[: len(end)]
    if at == end:
        return bound.inclusive
    return at > end if read.descending else at < end


def _up_to(read: Read, block: Block | None) -> Read:
    if block is None:
        return read
    begins = block.last if read.descending else block.first
    return read._replace(last=KeyBound(*begins, inclusive=False))


def _fits(read: Read, wanted: WantedBlocks, block: Block) -> bool:
    ends = block.first if read.descending else block.last
    return _is_within(ends, read) and wanted.is_one_group(block.first_key, block.last_key)


def _chosen(
    connection: Any, read: Read, wanted: WantedBlocks, block: Block, *, only_larger: bool
) -> Block | None:
    """The largest block that begins here and serves."""
    for one in larger(connection, read.map, wanted.reduce, block, descending=read.descending):
        if _fits(read, wanted, one):
            return one
    return block if not only_larger and _fits(read, wanted, block) else None


def _behind(block: Block, read: Read) -> IndexRow:
    ends = block.first if read.descending else block.last
    return IndexRow(*ends, BEHIND, b"", b"")


def _read_through(
    connection: Any,
    read: Read,
    block: Block,
    gap: list[IndexRow],
    pieces: list[Piece],
    *,
    is_few: bool,
) -> Read:
    """The rows of a block that does not serve, or, with the few before it, is to be made anew. All of them:
    what is left would be taken for rows that no block covers, and a block be made of it that might begin amid
    the rows of one document with one key."""
    ends = block.first if read.descending else block.last
    within = read._replace(last=KeyBound(*ends)) if _is_within(ends, read) else read
    after = within._replace(after=gap[-1]) if gap else within
    rows = rows_of(connection, after, 0, ALL, is_bounded=False).rows
    if is_few:
        pieces.append(Rows([*gap, *rows], is_free=True))
    else:
        pieces += [Rows(some, free) for some, free in ((gap, not read.descending), (rows, False)) if some]
    return read._replace(after=_behind(block, read))
