"""Comparing the rows of two tables, by a key or as they are. Pure, and bounded.

Rows are kept as digests of the columns that both tables have, so that a million of them take some
hundred megabytes; examples are collected in further passes. Cells compare as texts.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

MAX_ROWS = 1_000_000  # of one table
EXAMPLES = 10  # of each kind
LONGEST = 200  # characters of a cell in an example
WIDEST = 100  # columns that are shown; all are compared

Row = tuple[str, ...]


class ComparedTable(NamedTuple):
    """Names of the columns, and a function that reads the rows from the beginning."""

    columns: Sequence[str]
    rows: Callable[[], Iterator[Sequence[Any]]]

    def read(self, columns: Sequence[str]) -> Iterator[Row]:
        """The rows in these columns as texts. Raises ValueError beyond MAX_ROWS."""
        places = [self.columns.index(name) for name in columns]
        for number, cells in enumerate(self.rows()):
            if number >= MAX_ROWS:
                raise ValueError(f"there are more than {MAX_ROWS} rows")
            yield tuple(_text(cells[place]) if place < len(cells) else "" for place in places)


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)


def _digest(row: Row) -> bytes:
    return hashlib.blake2b("\x1f".join(row).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def compare(old: ComparedTable, new: ComparedTable, key: Sequence[str]) -> dict[str, Any]:
    """``{key, columns, added, removed, changed, unchanged, examples}``.

    `key` in the answer is None when rows were compared as they are: where no key was given, where the
    tables have not both its columns, or it is not unique. Raises ValueError when nothing can be compared.
    """
    if len(set(old.columns)) < len(old.columns) or len(set(new.columns)) < len(new.columns):
        raise ValueError("several columns have the same name")
    columns = [name for name in new.columns if name in old.columns]
    if not columns:
        raise ValueError("the tables have no column in common")
    if key and set(key) <= set(columns):
        found = _by_key(old, new, columns, list(key))
        if found is not None:
            return {"key": list(key), "columns": columns[:WIDEST], **found}
    return {"key": None, "columns": columns[:WIDEST], **_as_they_are(old, new, columns)}


def _by_key(
    old: ComparedTable, new: ComparedTable, columns: Sequence[str], key: list[str]
) -> dict[str, Any] | None:
    """None when the key is not unique in one of the tables."""
    places = [columns.index(name) for name in key]
    before = _keyed(old, columns, places)
    after = _keyed(new, columns, places)
    if before is None or after is None:
        return None
    added = [mark for mark in after if mark not in before]
    removed = [mark for mark in before if mark not in after]
    changed = [mark for mark in after if mark in before and before[mark] != after[mark]]
    first = {mark: None for kind in (added, removed, changed) for mark in kind[:EXAMPLES]}
    rows = [_picked(table, columns, places, set(first)) for table in (old, new)]
    return {
        "added": len(added),
        "removed": len(removed),
        "changed": len(changed),
        "unchanged": len(after) - len(added) - len(changed),
        "examples": {
            "added": [_shown(columns, rows[1][mark]) for mark in added[:EXAMPLES]],
            "removed": [_shown(columns, rows[0][mark]) for mark in removed[:EXAMPLES]],
            "changed": [_change(columns, key, rows[0][mark], rows[1][mark]) for mark in changed[:EXAMPLES]],
        },
    }


def _keyed(table: ComparedTable, columns: Sequence[str], places: list[int]) -> dict[bytes, bytes] | None:
    found: dict[bytes, bytes] = {}
    for row in table.read(columns):
        mark = _digest(tuple(row[place] for place in places))
        if mark in found:
            return None
        found[mark] = _digest(row)
    return found


def _picked(
    table: ComparedTable, columns: Sequence[str], places: list[int], marks: set[bytes]
) -> dict[bytes, Row]:
    found: dict[bytes, Row] = {}
    for row in table.read(columns) if marks else ():
        mark = _digest(tuple(row[place] for place in places))
        if mark in marks:
            found[mark] = row
            if len(found) == len(marks):
                break
    return found


def _as_they_are(old: ComparedTable, new: ComparedTable, columns: Sequence[str]) -> dict[str, Any]:
    """Rows as a whole, each as often as it is there."""
    before = Counter(map(_digest, old.read(columns)))
    after = Counter(map(_digest, new.read(columns)))
    added, removed = after - before, before - after
    return {
        "added": added.total(),
        "removed": removed.total(),
        "changed": 0,
        "unchanged": after.total() - added.total(),
        "examples": {
            "added": _examples(new, columns, added),
            "removed": _examples(old, columns, removed),
            "changed": [],
        },
    }


def _examples(table: ComparedTable, columns: Sequence[str], wanted: Counter[bytes]) -> list[dict[str, str]]:
    if not wanted:
        return []
    rows = (row for row in table.read(columns) if _digest(row) in wanted)
    return [_shown(columns, row) for row in islice(rows, EXAMPLES)]


def _shown(columns: Sequence[str], row: Row) -> dict[str, str]:
    return {name: cell[:LONGEST] for name, cell in islice(zip(columns, row, strict=True), WIDEST)}


def _change(columns: Sequence[str], key: list[str], old: Row, new: Row) -> dict[str, dict[str, str]]:
    different = [place for place in range(len(columns)) if old[place] != new[place]][:WIDEST]
    return {
        "key": {name: new[columns.index(name)][:LONGEST] for name in key},
        "from": {columns[place]: old[place][:LONGEST] for place in different},
        "to": {columns[place]: new[place][:LONGEST] for place in different},
    }
