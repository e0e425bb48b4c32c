"""Labels of headers of several rows. Only in the child process.

A cell of an upper row stands above all columns up to the next cell of that row: so the standard's own example
has it, and so spreadsheets write cells that are merged.

Source: https://datapackage.org/standard/table-dialect/#headerRows.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from frictionless.helpers import stringify_label


def read_labels(dialect: Any, sample: Iterable[list[Any]]) -> list[str]:
    """The labels of a table by its first rows. Stands for frictionless's own."""
    rows: list[list[str]] = []
    first, comment_filter = dialect.create_first_content_row(), dialect.create_comment_filter()
    for number, cells in enumerate(sample, start=1):
        if comment_filter and not comment_filter(number, cells):
            continue
        if dialect.header and number in dialect.header_rows:
            rows.append(stringify_label(cells))
        if number >= first:
            break
    return joined(rows, dialect.header_join) if len(rows) > 1 else [label for row in rows for label in row]


def joined(rows: Sequence[Sequence[str]], join: str) -> list[str]:
    """One label for each column of some header rows."""
    width = max(map(len, rows))
    *upper, last = [[*row, *[""] * (width - len(row))] for row in rows]
    spread = [list(accumulate(row, _carried)) for row in upper]
    return [join.join(_unlike(column)) for column in zip(*spread, last, strict=True)]


def _carried(before: str, cell: str) -> str:
    return cell or before


def _unlike(cells: Sequence[str]) -> list[str]:
    """Those with text, each of several that follow one another once."""
    found: list[str] = []
    for cell in cells:
        if cell and (not found or found[-1] != cell):
            found.append(cell)
    return found
