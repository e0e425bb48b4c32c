"""Workbooks as files: which sheets are in one, and whether there is anything in each."""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

BOOKS = (".xlsx", ".xls")


def filled_sheets(file: Path) -> dict[str, bool]:
    """The sheets of a workbook, by its name's kind, and whether there is anything in each; nothing of what
    cannot be read. A file is opened once for who asks again, as long as it is the same."""
    try:
        stat = file.stat()
    except OSError:
        return {}
    return dict(_looked_at(file, stat.st_mtime_ns, stat.st_size))


@lru_cache(1000)
def _looked_at(file: Path, modified: int, size: int) -> dict[str, bool]:
    try:
        return _of_old(file) if file.suffix.lower() == ".xls" else _of_new(file)
    except Exception:  # of whatever kind: what is wrong with it is told when it is described
        return {}


def _of_new(file: Path) -> dict[str, bool]:
    import openpyxl

    book = openpyxl.load_workbook(file, read_only=True)
    try:
        return {sheet.title: _has_data(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
    finally:
        book.close()


def _of_old(file: Path) -> dict[str, bool]:
    import xlrd  # type: ignore[import-untyped]

    with Path(os.devnull).open("w") as silent, xlrd.open_workbook(file, logfile=silent) as book:
        return {sheet.name: _has_data(map(sheet.row_values, range(sheet.nrows))) for sheet in book.sheets()}


def _has_data(rows: Iterable[Any]) -> bool:
    return any(cell is not None and cell != "" for row in rows for cell in row)
