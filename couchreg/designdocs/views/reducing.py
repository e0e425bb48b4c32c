"""From rows to reduced groups, with the help of blocks whose reductions are kept, and keeping new ones.

Rows that no block covers are cut into parts of about a hundred, where the key changes if that is near, so
that groups of a finer grouping are parts too. What is made of a part is kept, but for the last of a range,
which grows; a hundred blocks are a block of the level above.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from couchreg.designdocs.views import reading
from couchreg.designdocs.views.blocks import FEW, LEVELS, Block, WantedBlocks
from couchreg.designdocs.views.engine import Index
from couchreg.designdocs.views.reading import IndexRow, Read, size_of
from couchreg.designdocs.views.reducers import Reduces
from couchreg.designdocs.views.stretches import Rows
from couchreg.model import json
from couchreg.turns import TimeSlice

EXACT: Final = -1  # the group level of `group=true`
LEAST, USUAL, MOST = 50, 100, 150  # rows of a part, and blocks of one above
_HOLE: Final = object()  # the state of a part that is still to be reduced
FLUSH: Final = 1000  # rows of all groups that wait to be reduced, or as many bytes as are read together


class Group(NamedTuple):
    """A group as it is answered. `key` is a JSON value."""

    key: Any
    value: Any


def grouped_key(key: Any, level: int) -> Any:
    """What a key counts as in a grouping of this level."""
    if level == 0:
        return None
    return key[:level] if level > 0 and isinstance(key, list) else key


async def reduced(index: Index, read: Read, level: int, reducer: Reduces) -> AsyncIterator[Group]:
    """The groups of a range, in reading order."""
    if level == 0 and not reducer.is_ordered:  # one group, for which the direction makes no difference
        read = _upwards(read)
    if reducer.counts and level in (0, EXACT):
        # What is counted for the first time has no blocks yet, and making them takes ten times as long.
        found = await index.first_counts(read, by_key=level == EXACT)
        if found is not None:
            turn = TimeSlice()
            for key, number in found:
                yield Group(json.decode_own(key), number)
                if turn.is_over:
                    await turn.pass_on()
            return
    reducing = _Reducing(index, read, level, reducer)
    async for piece, changes in index.pieces(read, reducing.wanted):
        reducing.add(piece, changes)
        if reducing.waiting >= FLUSH or reducing.size >= reading.BYTES:
            for group in await reducing.finished():
                yield group
    for group in await reducing.finished(every=True):
        yield group


def _upwards(read: Read) -> Read:
    return Read(read.map, read.last, read.first, descending=False) if read.descending else read


@dataclass(slots=True)
class _Part:
    """A piece of a group, reduced: level 0 is of rows of which no block has been made."""

    level: int
    state: Any
    block: Block | None
    changes: int


@dataclass(slots=True)
class _Fresh:
    """Rows of a group, next to one another, that wait to be reduced."""

    rows: list[IndexRow]
    is_free: bool
    changes: int


@dataclass(slots=True)
class _Open:
    """A group, with its pieces in order."""

    sort: bytes
    key: Any
    pieces: list[_Part | _Fresh] = field(default_factory=list)

    @property
    def states(self) -> list[Any]:
        return [piece.state for piece in self.pieces if isinstance(piece, _Part)]


class _Reducing:
    def __init__(self, index: Index, read: Read, level: int, reducer: Reduces) -> None:
        self._index, self._read, self._level, self._reducer = index, read, level, reducer
        self._order = index.definition.order(read.map, None)
        self.wanted = WantedBlocks(reducer.digest, self._is_one_group) if not reducer.is_ordered else None
        self._groups: list[_Open] = []
        self._made: list[tuple[Block, int]] = []
        self.waiting = self.size = 0  # rows, and bytes of them

    def _is_one_group(self, first: bytes, last: bytes) -> bool:
        if self._level == 0 or first == last:
            return True
        return self._sort(json.decode_own(first)) == self._sort(json.decode_own(last))

    def _sort(self, key: Any) -> bytes:
        return self._order(grouped_key(key, self._level))

    # -- taking pieces

    def add(self, piece: Block | Rows, changes: int) -> None:
        if isinstance(piece, Block):
            group = self._group(piece.first[0], piece.first_key)
            group.pieces.append(_Part(piece.level, self._reducer.load(piece.value), piece, changes))
            self.waiting += 1
            return
        start = 0
        while start < len(piece.rows):
            group = self._group(piece.rows[start].sort, piece.rows[start].key)
            end = self._end(piece.rows, start, group.sort)
            self._fresh(group, piece, changes).rows += piece.rows[start:end]
            start = end
        self.waiting += len(piece.rows)
        self.size += size_of(piece.rows)

    def _end(self, rows: Sequence[IndexRow], start: int, sort: bytes) -> int:
        """Where the group of a row ends. Keys are looked at only where it has to be."""
        if self._level == 0:
            return len(rows)
        if self._level == EXACT:
            return next((at for at in range(start, len(rows)) if rows[at].sort != sort), len(rows))
        low, high = start + 1, len(rows)
        if high > low and self._sort(json.decode_own(rows[-1].key)) == sort:
            return high
        while low < high:
            middle = (low + high) // 2
            if self._sort(json.decode_own(rows[middle].key)) == sort:
                low = middle + 1
            else:
                high = middle
        return low

    def _group(self, sort: bytes, text: bytes) -> _Open:
        """The group of a key, of which this is the sort key and the JSON: the last one, or a new one."""
        key = json.decode_own(text)
        if self._level != EXACT:
            sort = self._sort(key)
        if not self._groups or self._groups[-1].sort != sort:
            self._groups.append(_Open(sort, grouped_key(key, self._level)))
        return self._groups[-1]

    @staticmethod
    def _fresh(group: _Open, piece: Rows, changes: int) -> _Fresh:
        last = group.pieces[-1] if group.pieces else None
        if isinstance(last, _Fresh) and (last.is_free, last.changes) == (piece.is_free, changes):
            return last
        made = _Fresh([], piece.is_free, changes)
        group.pieces.append(made)
        return made

    # -- reducing

    async def finished(self, *, every: bool = False) -> list[Group]:
        """Reduce what waits; the groups that are complete."""
        await self._start(every=every)
        for group in self._groups:
            await self._raise(group, is_over=every or group is not self._groups[-1])
        await self._keep()
        done = self._groups if every else self._groups[:-1]
        self._groups = [] if every else self._groups[-1:]
        values = await self._reducer.finish([group.states for group in done]) if done else []
        return [Group(group.key, value) for group, value in zip(done, values, strict=True)]

    async def _start(self, *, every: bool) -> None:
        """Turn rows into parts. The last rows of all wait for more, if there may be some."""
        parts: list[tuple[_Fresh, list[IndexRow], bool]] = []
        self.waiting = self.size = 0
        for group in self._groups:
            pieces: list[_Part | _Fresh] = []
            for piece in group.pieces:
                if isinstance(piece, _Part):
                    pieces.append(piece)
                    continue
                cut = list(_cut(piece.rows))
                is_end = group is self._groups[-1] and piece is group.pieces[-1]
                left = cut.pop() if is_end and not every else None
                for number, rows in enumerate(cut):
                    grows = is_end and every and number == len(cut) - 1
                    kept = piece.is_free and not grows and _is_worth_a_block(rows)
                    parts.append((piece, rows, kept))
                    pieces.append(_Part(1 if kept else 0, _HOLE, None, piece.changes))
                if left is not None:
                    pieces.append(_Fresh(left, piece.is_free, piece.changes))
                    self.waiting += len(left)
                    self.size += size_of(left)
            group.pieces = pieces
        made = await self._reducer.start([rows for _, rows, _ in parts]) if parts else []
        every_piece = [piece for group in self._groups for piece in group.pieces]
        holes = [piece for piece in every_piece if isinstance(piece, _Part) and piece.state is _HOLE]
        for hole, (_, rows, kept), state in zip(holes, parts, made, strict=True):
            hole.state = state
            if kept:
                self._note(hole, rows[0], rows[-1])

    def _note(self, part: _Part, first: IndexRow, last: IndexRow) -> None:
        text = self._reducer.dump(part.state)
        if text is None:
            part.level = 0
            return
        ends = (first.sort, first.id), (last.sort, last.id)
        part.block = Block(part.level, *ends, first.key, last.key, text)
        self._made.append((part.block, part.changes))

    async def _raise(self, group: _Open, *, is_over: bool) -> None:
        """Make blocks of blocks, a hundred at a time; of fewer when no more come."""
        for level in reversed(LEVELS[1:]):
            runs = list(_runs(group.pieces, level))
            for start, end in reversed(runs):
                ends = end < len(group.pieces) or is_over
                sizes = _sizes(end - start, ends=ends)
                parts = [group.pieces[at : at + size] for at, size in _places(start, sizes)]
                states = [[one.state for one in part if isinstance(one, _Part)] for part in parts]
                joined = await self._reducer.join(states) if parts else []
                above = [self._above(part, state) for part, state in zip(parts, joined, strict=True)]
                group.pieces[start : start + sum(sizes)] = above
        while len(group.pieces) > 2 * USUAL and all(isinstance(one, _Part) for one in group.pieces[:USUAL]):
            [state] = await self._reducer.join([group.states[:USUAL]])
            group.pieces[:USUAL] = [_Part(0, state, None, 0)]

    def _above(self, part: Sequence[_Part | _Fresh], state: Any) -> _Part:
        below = [one for one in part if isinstance(one, _Part)]
        changes = {one.changes for one in below}
        made = _Part(below[0].level + 1, state, None, min(changes))
        first, last = below[0].block, below[-1].block
        is_kept = len(changes) == 1 and not self._read.descending
        text = self._reducer.dump(state) if is_kept else None
        if text is not None and first is not None and last is not None:
            made.block = Block(made.level, first.first, last.last, first.first_key, last.last_key, text)
            self._made.append((made.block, made.changes))
        return made

    async def _keep(self) -> None:
        if self._made:
            await self._index.keep(self._read.map, self._reducer.digest, self._made)
            self._made = []


def _cut(rows: list[IndexRow]) -> Iterable[list[IndexRow]]:
    """Parts of about a hundred rows, or fewer long ones; those of one document with one key stay together."""
    start, are_long = 0, size_of(rows) > reading.BYTES
    while start < len(rows):
        end = _end(rows, start) if len(rows) - start > MOST else len(rows)
        end = _short(rows, start, end) if are_long else end
        yield rows[start:end]
        start = end


def _short(rows: list[IndexRow], start: int, end: int) -> int:
    """The end of a part that has no more bytes than are read together, if it may have fewer rows."""
    size = 0
    for at in range(start, end):
        if size >= reading.BYTES and rows[at - 1][:2] != rows[at][:2]:
            return at
        size += len(rows[at].key) + len(rows[at].value)
    return end


def _is_worth_a_block(rows: Sequence[IndexRow]) -> bool:
    return len(rows) >= FEW or size_of(rows) >= reading.BYTES


def _end(rows: list[IndexRow], start: int) -> int:
    usual = start + USUAL
    nearest = sorted(range(start + LEAST, start + MOST + 1), key=lambda at: abs(at - usual))
    for at in nearest:
        if at < len(rows) and rows[at - 1].sort != rows[at].sort:
            return at
    for at in range(usual, len(rows)):
        if rows[at - 1].id != rows[at].id:
            return at
    return len(rows)


def _runs(pieces: Sequence[_Part | _Fresh], level: int) -> Iterable[tuple[int, int]]:
    """Where there are blocks of this level next to one another."""
    start: int | None = None
    for at, piece in enumerate([*pieces, None]):
        if isinstance(piece, _Part) and piece.level == level and piece.block is not None:
            start = at if start is None else start
        elif start is not None:
            yield start, at
            start = None


def _sizes(length: int, *, ends: bool) -> list[int]:
    """Of the blocks that are made of so many."""
    sizes = [USUAL] * (length // USUAL)
    rest = length - USUAL * len(sizes)
    if ends and rest >= LEAST:
        sizes.append(rest)
    return sizes


def _places(start: int, sizes: Sequence[int]) -> Iterable[tuple[int, int]]:
    for size in sizes:
        yield start, size
        start += size
