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


def in_rows(connection: apsw.Connection, query: Query, rows: Sequence[Sequence[bytes]]) -> Counts:
    """The most frequent values in rows of `counted`, of which the columns of the query's facets were read."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(query.facets)
    return {
        name: _named(connection, _count(_unpacked(column)), query.values)
        for name, column in zip(query.facets, columns, strict=True)
    }


def _count(numbers: "array[int]") -> Counter[int]:
    """Some at a time: nothing else runs in this process while a Counter takes what it is given."""
    counts: Counter[int] = Counter()
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
