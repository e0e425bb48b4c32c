"""What is counted of items: how the values of facets lie in the SQLite index, and how they are counted.

A value has a number, and a row of `counted` has the numbers of an item's values, packed, a column for each
facet: what a search finds is read in one walk over that table, whatever it counts. `value` says of how many
packages and resources each value is one, which is the answer where everything is found.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import Any, Final

import apsw

from couchreg.followers.search.items import FACETS, PACKAGES
from couchreg.followers.search.query import Query
from couchreg.followers.search.remembering import Counts
from couchreg.model import json

SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS value (
    id INTEGER PRIMARY KEY, name INTEGER NOT NULL, text TEXT NOT NULL,
    packages INTEGER NOT NULL DEFAULT 0, resources INTEGER NOT NULL DEFAULT 0, UNIQUE (name, text)
) STRICT;
CREATE TABLE IF NOT EXISTS counted (
    id INTEGER PRIMARY KEY, {", ".join(f"{name} BLOB NOT NULL" for name in FACETS)}
) STRICT;
CREATE INDEX IF NOT EXISTS value_packages ON value (name, packages DESC, text) WHERE packages > 0;
CREATE INDEX IF NOT EXISTS value_resources ON value (name, resources DESC, text) WHERE resources > 0;
"""
_KINDS: Final = ("packages", "resources")
_REMEMBERED: Final = 50_000  # values of facets, and those whose totals have changed
_AT_ONCE: Final = 16_384  # values
_MOST_EQUALS: Final = 5_000  # values that occur equally often and are put in order
_SHORT, _EACH = 8, 128  # bytes of values that are kept once, and what each takes besides its bytes
_MANY_EQUALS: Final = 4
MOST_PLACES: Final = 1_000_000  # items whose values are remembered,
MOST_BYTES_KNOWN: Final = 48 << 20
_NUMBERS: Final = "I"  # four bytes each, in this machine's order: an index does not travel
_ADDED = f"INSERT INTO counted VALUES (?, {', '.join('?' * len(FACETS))})"  # noqa: S608
_UNUSED: Final = "DELETE FROM value WHERE id = ? AND packages = 0 AND resources = 0 RETURNING name, text"
_REMOVED = f"DELETE FROM counted WHERE id = ? RETURNING {', '.join(FACETS)}"  # noqa: S608
_MOST_FREQUENT: Final = {
    kind: f"SELECT text, {kind} FROM value INDEXED BY value_{kind} WHERE name = ? AND {kind} > 0 "  # noqa: S608
    f"ORDER BY {kind} DESC, text LIMIT ?"
    for kind in _KINDS
}


class FacetRows:
    """The values of items in an index that is being written. Raises apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._values: dict[tuple[int, str], int] = {}
        self._changed: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def add(self, place: int, kind: int, facets: Mapping[str, Sequence[str]]) -> None:
        """`kind` is 0 for a package, 1 for a resource."""
        packed = []
        for code, name in enumerate(FACETS):
            numbers = array(_NUMBERS, (self._value(code, text) for text in facets[name]))
            self._changed[kind].update(numbers)
            packed.append(numbers.tobytes())
        self._run(_ADDED, (place, *packed))
        self._bound()

    def remove(self, place: int, kind: int) -> None:
        for row in self._run(_REMOVED, (place,)):
            for packed in row:
                self._changed[kind].subtract(_unpacked([packed]))
        self._bound()

    def settle(self) -> None:
        """Write the totals, before the transaction ends, and remove the values that nothing has any more."""
        perhaps_unused: set[int] = set()
        for name, changed in zip(_KINDS, self._changed, strict=True):
            rows = [(by, number) for number, by in changed.items() if by]
            sql = f"UPDATE value SET {name} = {name} + ? WHERE id = ?"  # noqa: S608
            self._connection.executemany(sql, rows).fetchall()
            perhaps_unused.update(number for number, by in changed.items() if by <= 0)
            changed.clear()
        numbers = [(number,) for number in perhaps_unused]
        removed: list[Any] = self._connection.executemany(_UNUSED, numbers).fetchall()
        for code, text in removed:
            self._values.pop((code, text), None)

    def forget(self) -> None:
        """What was not committed."""
        self._values.clear()
        for changed in self._changed:
            changed.clear()

    def _bound(self) -> None:
        if any(len(changed) > _REMEMBERED for changed in self._changed):
            self.settle()

    def _value(self, code: int, text: str) -> int:
        """The number of a facet's value; those of the last ones are remembered."""
        known = self._values.get((code, text))
        if known is None:
            self._run("INSERT OR IGNORE INTO value (name, text) VALUES (?, ?)", (code, text))
            [[known]] = self._run("SELECT id FROM value WHERE name = ? AND text = ?", (code, text))
            if len(self._values) >= _REMEMBERED:
                self._values.clear()
            self._values[code, text] = known
        return int(known)

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
        self._known: dict[str, list[bytes | None]] = {}  # by facet, in it by the number of the item
        self._equals: dict[bytes, bytes] = {}
        self._size = 0

    def of(
        self, connection: apsw.Connection, facets: Sequence[str], places: Sequence[int], most: int
    ) -> list[list[bytes]]:
        """The values of items, packed, in a column for each facet: of all of these, or of the first ones
        until they have `most` bytes."""
        last = max(places, default=0)
        columns = [self._of_facet(name, places, last) for name in facets]
        unread = sorted({row for column in columns if None in column for row in _empty(column)})
        if unread:
            names = ", ".join(f"counted.{name}" for name in facets)
            sql = f"SELECT {names} FROM json_each(?) CROSS JOIN counted ON counted.id = value"  # noqa: S608
            wanted = json.encode([places[row] for row in unread]).decode()
            read: Any = connection.execute(sql, (wanted,))
            size, end = 0, len(places)
            for row, found in zip(unread, read, strict=True):
                if size >= most:
                    end = row
                    break
                size += sum(map(len, found))
                for name, column, packed in zip(facets, columns, found, strict=True):
                    column[row] = self._remembered(name, places[row], packed)
            read.close()
            columns = [column[:end] for column in columns]
        return _up_to(most, columns)  # type: ignore[arg-type]  # nothing is empty any more

    def _of_facet(self, name: str, places: Sequence[int], last: int) -> list[bytes | None]:
        known = self._known.setdefault(name, [])
        known += [None] * (min(last, MOST_PLACES) + 1 - len(known))
        if last > MOST_PLACES:
            return [known[place] if place <= MOST_PLACES else None for place in places]
        return list(map(known.__getitem__, places))

    def _remembered(self, name: str, place: int, packed: bytes) -> bytes:
        if place > MOST_PLACES:
            return packed
        known = self._equals.get(packed)
        if known is None:
            self._size += len(packed) + _EACH
            if self._size > MOST_BYTES_KNOWN:
                self.forget()
                return packed
            if len(packed) <= _SHORT:  # many items have the same few values
                self._equals[packed] = packed
        self._known[name][place] = known or packed
        return packed

    def forget(self) -> None:
        self._size = 0
        self._equals.clear()
        for known in self._known.values():
            known[:] = [None] * len(known)


def _empty(column: Sequence[bytes | None]) -> Iterator[int]:
    return (row for row, packed in enumerate(column) if packed is None)


def _up_to(most: int, columns: list[list[bytes]]) -> list[list[bytes]]:
    if sum(sum(map(len, column)) for column in columns) <= most:
        return columns
    size = 0
    for end, row in enumerate(zip(*columns, strict=True)):
        if size >= most:
            return [column[:end] for column in columns]
        size += sum(map(len, row))
    return columns


def in_columns(connection: apsw.Connection, query: Query, columns: Sequence[Sequence[bytes]]) -> Counts:
    """The most frequent values among items, in columns of what is counted of them, one for each facet of the
    query."""
    return {
        name: _named(connection, _count(column), query.values)
        for name, column in zip(query.facets, columns, strict=True)
    }


def _count(column: Sequence[bytes]) -> Counter[int]:
    """Some at a time: nothing else runs in this process while a Counter takes what it is given."""
    counts: Counter[int] = Counter()
    equals = Counter(column)
    if len(equals) * _MANY_EQUALS <= len(column):
        for packed, times in equals.items():
            for number in _unpacked([packed]):
                counts[number] += times
        return counts
    numbers = _unpacked(column)
    for start in range(0, len(numbers), _AT_ONCE):
        counts.update(numbers[start : start + _AT_ONCE])
    return counts


def _unpacked(packed: Iterable[bytes]) -> "array[int]":
    numbers = array(_NUMBERS)
    numbers.frombytes(b"".join(packed))
    return numbers


def _named(connection: apsw.Connection, counts: Counter[int], most: int) -> list[tuple[str, int]]:
    """Those that occur as often as the last one are in the order of their texts, so all of these are read;
    where there are very many, those that were there first."""
    [least] = nlargest(most, counts.values())[-1:] or [0]
    wanted = {number: count for number, count in counts.items() if count > least}
    equals = (number for number, count in counts.items() if count == least)
    wanted |= dict.fromkeys(nsmallest(_MOST_EQUALS, equals), least)
    sql = "SELECT id, text FROM value WHERE id IN (SELECT value FROM json_each(?))"
    texts: Iterator[Any] = connection.execute(sql, (json.encode(list(wanted)).decode(),))
    found = [(str(text), wanted[number]) for number, text in texts]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most]
