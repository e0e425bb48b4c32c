"""What is counted of items: how the values of facets lie in the SQLite index, and how they are counted.

A value has a number, and a row of `counted` has the numbers of an item's values, packed: how many there are
of each facet, and then these. What a search finds is read in one walk over that table, whatever it counts.
`value` says of how many packages and resources each value is one, which is the answer where everything is
found.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import apsw
import numpy as np
from numpy.typing import NDArray

from couchreg.followers.base import RebuildNeeded
from couchreg.followers.search.items import FACETS, PACKAGES
from couchreg.followers.search.query import Query
from couchreg.followers.search.remembering import Counts
from couchreg.model import json

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS value (
    id INTEGER PRIMARY KEY, name INTEGER NOT NULL, text TEXT NOT NULL,
    packages INTEGER NOT NULL DEFAULT 0, resources INTEGER NOT NULL DEFAULT 0, UNIQUE (name, text)
) STRICT;
CREATE TABLE IF NOT EXISTS counted (id INTEGER PRIMARY KEY, packed BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS value_packages ON value (name, packages DESC, text) WHERE packages > 0;
CREATE INDEX IF NOT EXISTS value_resources ON value (name, resources DESC, text) WHERE resources > 0;
"""
_KINDS: Final = ("packages", "resources")
Values = NDArray[np.uint32]  # numbers of values
Places = NDArray[np.int64]  # numbers of items, or of what belongs to them
_Number = TypeVar("_Number", np.uint32, np.int64)
_REMEMBERED: Final = 150_000  # values of facets
_CHANGED: Final = 50_000  # of those, whose totals have changed
_MOST_EQUALS: Final = 5_000  # values that occur equally often and are put in order
MOST_BYTES_KNOWN: Final = 48 << 20  # of what is remembered of items, and as much again while it grows
MOST_BYTES_AHEAD: Final = 36 << 20  # of them, what may have been read before somebody asked for it
_NUMBERS, _BYTES = "I", 4  # of each, in this machine's order: an index does not travel
_DAMAGED: Final = "the search index is damaged: what is counted of an item has another length than it says"
_FEW: Final = 2_000  # values that are sorted in no time
_SPARSE: Final = 64  # to count by number costs as much as there are numbers
_ADDED: Final = "INSERT INTO counted VALUES (?, ?)"
_READ: Final = "SELECT counted.id, packed FROM json_each(?) CROSS JOIN counted ON counted.id = value"
_NEXT: Final = "SELECT id, packed FROM counted WHERE id > ? ORDER BY id LIMIT ?"
_AHEAD: Final = 2_000  # items that are read at a time before somebody asks for them
_NUMBER: Final = "SELECT id FROM value WHERE name = ? AND text = ?"
_NUMBERED: Final = "INSERT INTO value (name, text) VALUES (?, ?) RETURNING id"
_COUNTED: Final = "UPDATE value SET packages = packages + ?, resources = resources + ? WHERE id = ?"
_UNUSED: Final = "DELETE FROM value WHERE id = ? AND packages = 0 AND resources = 0 RETURNING name, text"
_REMOVED: Final = "DELETE FROM counted WHERE id = ? RETURNING packed"
_MOST_FREQUENT: Final = {
    kind: f"SELECT text, {kind} FROM value INDEXED BY value_{kind} WHERE name = ? AND {kind} > 0 "  # noqa: S608
    f"ORDER BY {kind} DESC, text LIMIT ?"
    for kind in _KINDS
}


class FacetRows:
    """The values of items in an index that is being written. Raises apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._values: list[dict[str, int]] = [{} for _ in FACETS]
        self._has_all: bool | None = None  # whether those are all that the file has; None: not known
        self._changed: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def add(self, place: int, kind: int, facets: Mapping[str, Sequence[str]]) -> None:
        """`kind` is 0 for a package, 1 for a resource."""
        packed = array(_NUMBERS, (len(facets[name]) for name in FACETS))
        for code, name in enumerate(FACETS):
            known = self._values[code]
            packed.extend([known.get(text) or self._value(code, text) for text in facets[name]])
        self._changed[kind].update(packed[len(FACETS) :])
        self._run(_ADDED, (place, packed.tobytes()))
        self._bound()

    def remove(self, place: int, kind: int) -> None:
        for [packed] in self._run(_REMOVED, (place,)):
            self._changed[kind].subtract(array(_NUMBERS, packed)[len(FACETS) :])
        self._bound()

    def settle(self) -> None:
        """Write the totals, before the transaction ends, and remove the values that nothing has any more."""
        packages, resources = self._changed
        rows = [
            (packages[number], resources[number], number) for number in packages.keys() | resources.keys()
        ]
        self._connection.executemany(_COUNTED, (row for row in rows if row[0] or row[1])).fetchall()
        numbers = [
            (number,) for of_packages, of_resources, number in rows if of_packages <= 0 >= of_resources
        ]
        removed: list[Any] = self._connection.executemany(_UNUSED, numbers).fetchall()
        self._forget_changes()
        for code, text in removed:
            self._values[code].pop(text, None)

    def forget(self) -> None:
        """What was not committed."""
        self._forget_values()
        self._has_all = None
        self._forget_changes()

    def _forget_changes(self) -> None:
        for changed in self._changed:
            changed.clear()

    def _forget_values(self) -> None:
        self._has_all = False
        for known in self._values:
            known.clear()

    def _bound(self) -> None:
        if any(len(changed) > _CHANGED for changed in self._changed):
            self.settle()

    def _value(self, code: int, text: str) -> int:
        """The number of a facet's value that is not among the last ones, which are remembered: of an index
        that is made from the beginning nearly all."""
        if self._has_all is None:
            self._has_all = not self._run("SELECT 1 FROM value LIMIT 1")
        found = [] if self._has_all else self._run(_NUMBER, (code, text))
        number = int((found or self._run(_NUMBERED, (code, text)))[0][0])
        if sum(map(len, self._values)) >= _REMEMBERED:
            self._forget_values()
        self._values[code][text] = number
        return number

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()


def in_all(connection: apsw.Connection, query: Query) -> Counts:
    """The most frequent values among all packages, or resources. An index has them in that order, so no more
    are read than are told, however many there are."""
    sql = _MOST_FREQUENT[_KINDS[query.kind != PACKAGES]]
    found: Counts = {}
    for name in query.facets:
        rows: Iterator[Any] = connection.execute(sql, (FACETS.index(name), query.values))
        found[name] = [(str(text), int(count)) for text, count in rows]
    return found


class CountedValues:
    """What is counted of items, as it was read before. It does not become wrong: an item that is replaced
    gets another number, and no number is given twice."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._places = np.empty(0, np.int64)  # of the items that were read, in order,
        self._rows = np.empty(0, np.int64)  # and where each stands in the following:
        self._bounds = np.zeros((0, len(FACETS) + 1), np.uint32)  # where values of each facet begin and end
        self._values = np.empty(0, np.uint32)
        self._read, self._filled = 0, 0  # items and values
        self._ahead = 0  # the item up to which all were read

    def read_ahead(self, connection: apsw.Connection) -> bool:
        """Read some items that were not read yet, in order, while there is room for others; whether there
        may be more."""
        if self._size() > MOST_BYTES_AHEAD:
            return False
        rows: list[Any] = connection.execute(_NEXT, (self._ahead, _AHEAD)).fetchall()
        if rows:
            places = np.array([place for place, _ in rows], np.int64)
            _, unread = self._looked_up(places)
            packed = [row for (_, row), is_unread in zip(rows, unread.tolist(), strict=True) if is_unread]
            if packed:
                self._add(places[unread], packed)
            self._ahead = int(places[-1])
        return len(rows) == _AHEAD

    def of(
        self, connection: apsw.Connection, facets: Sequence[str], wanted: Places, most: int
    ) -> tuple[list[Values], int]:
        """The values of items, for each facet those of all items, one behind the other; and of how many items
        that is: of all of these, or of the first ones that have `most` values or more, of whatever facet."""
        self._bound()
        at, unread = self._looked_up(wanted)
        if unread.any():
            self._read_of(connection, np.unique(wanted[unread]), most)
            at, unread = self._looked_up(wanted)
            if unread.any():
                at = at[: int(unread.argmax())]
        bounds = self._bounds[self._rows[at]].astype(np.int64)
        bounds = bounds[: int((bounds[:, -1] - bounds[:, 0]).cumsum().searchsorted(most)) + 1]
        codes = map(FACETS.index, facets)
        return [self._at(bounds[:, code], bounds[:, code + 1]) for code in codes], len(bounds)

    def _looked_up(self, wanted: Places) -> "tuple[Places, NDArray[np.bool_]]":
        """Where each of these is among those that were read, and which are not."""
        if not len(self._places):
            return np.zeros(len(wanted), np.int64), np.ones(len(wanted), np.bool_)
        at = self._places.searchsorted(wanted).clip(max=len(self._places) - 1)
        return at, self._places[at] != wanted

    def _read_of(self, connection: apsw.Connection, places: Places, most: int) -> None:
        """Read the values of items until there are `most` of them."""
        if not len(places):
            return
        rows: Any = connection.execute(_READ, (json.encode(places.tolist()).decode(),))
        packed: list[bytes] = []
        found: list[int] = []
        size = 0
        for place, row in rows:
            found.append(place)
            packed.append(row)
            size += len(row) // _BYTES - len(FACETS)
            if size >= most:
                break
        rows.close()
        if found != places[: len(found)].tolist() or (size < most and len(found) < len(places)):
            raise RebuildNeeded("the search index is damaged: an item has no row of what is counted of it")
        self._add(places[: len(packed)], packed)

    def _add(self, places: Places, packed: Sequence[bytes]) -> None:
        sizes = np.array([len(one) for one in packed], np.int64)
        if (sizes % _BYTES).any() or (sizes < len(FACETS) * _BYTES).any():
            raise RebuildNeeded(_DAMAGED)
        read = np.frombuffer(b"".join(packed), np.uint32)
        begins = (sizes.cumsum() - sizes) // _BYTES
        heads = begins[:, None] + np.arange(len(FACETS))
        lengths = read[heads].astype(np.int64)
        if (lengths.sum(axis=1) + len(FACETS) != sizes // _BYTES).any():
            raise RebuildNeeded(_DAMAGED)
        values = np.delete(read, heads.ravel())
        count, filled = self._read + len(places), self._filled + len(values)
        self._bounds = _with_room(self._bounds, count)
        bounds = self._bounds[self._read : count]
        bounds[:, 1:] = self._filled + lengths.ravel().cumsum().reshape(lengths.shape)
        bounds[:, 0] = np.concatenate(([self._filled], bounds[:-1, -1]))
        self._values = _with_room(self._values, filled)
        self._values[self._filled : filled] = values
        before = self._places.searchsorted(places)
        self._places = np.insert(self._places, before, places)
        self._rows = np.insert(self._rows, before, np.arange(self._read, count))
        self._read, self._filled = count, filled

    def _at(self, begins: Places, ends: Places) -> Values:
        """The values between these, one behind the other."""
        lengths = ends - begins
        ahead = lengths.cumsum() - lengths
        return self._values[np.repeat(begins - ahead, lengths) + np.arange(int(lengths.sum()))]

    def _bound(self) -> None:
        if self._size() > MOST_BYTES_KNOWN:
            self.forget()

    def _size(self) -> int:
        """Bytes."""
        return sum(one.nbytes for one in (self._places, self._rows, self._bounds, self._values))


def _with_room(known: "NDArray[_Number]", wanted: int) -> "NDArray[_Number]":
    """The same array, or a longer copy: by a quarter, so that not every addition copies it."""
    if wanted <= len(known):
        return known
    longer = np.zeros((max(wanted, len(known) + len(known) // 4), *known.shape[1:]), known.dtype)
    longer[: len(known)] = known
    return longer


def in_columns(connection: apsw.Connection, query: Query, columns: Sequence[Values]) -> Counts:
    """The most frequent values among items, in columns of what is counted of them, one for each facet of the
    query."""
    return {
        name: _named(connection, *_counted(column), query.values)
        for name, column in zip(query.facets, columns, strict=True)
    }


def _counted(column: Values) -> "tuple[Values, Places]":
    """The values that there are, the lowest number first, and how often each is there."""
    if len(column) < _FEW or int(column.max()) > _SPARSE * len(column):
        numbers, counts = np.unique(column, return_counts=True)
        return numbers, counts
    times = np.bincount(column)
    [found] = times.nonzero()
    return found.astype(np.uint32), times[found]


def _named(connection: apsw.Connection, numbers: Values, counts: Places, most: int) -> list[tuple[str, int]]:
    """Those that occur as often as the last one are in the order of their texts, so all of these are read;
    where there are very many, those that were there first."""
    least = np.sort(counts)[-most:][0] if len(counts) and most else 0
    equals = (counts == least).nonzero()[0][:_MOST_EQUALS]
    wanted = np.concatenate(((counts > least).nonzero()[0], equals))
    times = dict(zip(numbers[wanted].tolist(), counts[wanted].tolist(), strict=True))
    sql = "SELECT id, text FROM value WHERE id IN (SELECT value FROM json_each(?))"
    texts: Iterator[Any] = connection.execute(sql, (json.encode(list(times)).decode(),))
    found = [(str(text), times[number]) for number, text in texts]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most]
