"""Which rows of a table are blank. Only in the child process.

A row of missing values is a row: its values are unknown, and it is counted. Blank is a line without anything
in it, which readers pass over or take for a row as they like, and a row of a sheet whose every cell is empty.
frictionless calls all of these blank, and then says nothing else of them. Behind the last row that has
anything a sheet has no rows, however many were given a format once.

Source: RFC 4180, https://datapackage.org/standard/table-schema/#missingvalues.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

from frictionless.table.row import Row

from couchreg.registry.checking.equality import comparable


class BlankRow(list[Any]):
    """The cells of a row of a sheet in which nothing is."""


class StandardRow(Row):
    """A row that is blank only where there is nothing of it, with its values as they are compared. Stands for
    frictionless's own."""

    def __getitem__(self, key: str) -> Any:
        return comparable(super().__getitem__(key))

    def _Row__process(self, key: str | None = None) -> Any:
        members = vars(self)
        found = members["_Row__errors"]
        value: Any = super()._Row__process(key)  # type: ignore[misc]
        if members["_Row__errors"] is not found and not is_blank(members["_Row__cells"]):
            members["_Row__errors"] = found  # what was found before it was taken for blank
        return value


def is_blank(cells: list[Any]) -> bool:
    return not cells or isinstance(cells, BlankRow)


def of_sheet(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The rows of a sheet, those among them that are blank as such."""
    waiting: list[int] = []  # the widths of blank rows, which are none if no other follows
    for cells in rows:
        if all(cell is None or cell == "" for cell in cells):
            waiting.append(len(cells))
            continue
        yield from (BlankRow(repeat(None, width)) for width in waiting)
        waiting.clear()
        yield cells
