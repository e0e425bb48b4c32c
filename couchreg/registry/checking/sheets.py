"""Sheets of workbooks as tables: which one it is, and which of its rows are blank. Only in the child process.

Source: https://datapackage.org/standard/table-dialect/#sheetnumber.
"""

from collections.abc import Callable, Iterator
from typing import Any

from frictionless import FrictionlessException, errors
from frictionless.formats.excel.parsers.xls import XlsParser
from frictionless.formats.excel.parsers.xlsx import XlsxParser

from couchreg.package.report import shown
from couchreg.registry.checking.blanks import of_sheet

_MOST_SHOWN = 20  # sheets that are named


class Workbook(XlsxParser):
    def read_cell_stream_create(self) -> Iterator[Any]:
        return _of_stated_sheet(super().read_cell_stream_create, self, _names_in_xlsx)


class OldWorkbook(XlsParser):
    def read_cell_stream_create(self) -> Iterator[Any]:
        return _of_stated_sheet(super().read_cell_stream_create, self, _names_in_xls)


# What libraries say of a file that they cannot read, by its beginning, and what it means for who sent it.
_NOTES = {
    "the source is empty": "it is empty, and a table has one row at least, its header: put it there",
    "Excel xlsx file; not supported": "it is a workbook of the newer kind: name the file .xlsx",
    **dict.fromkeys(
        ("Unsupported format, or corrupt file", 'Expected "little-endian"', "Can't find workbook"),
        "it is no workbook of the older kind (xls): name the file by what it is, as .csv, or save it again",
    ),
    **dict.fromkeys(
        ("Couldn't deserialize thrift", "Parquet file size", "Parquet magic bytes", "Could not open Parquet"),
        "it is no Parquet file, or a part of one: name the file by what it is, or write it again",
    ),
    **dict.fromkeys(
        ("maximum recursion depth", "line contains invalid json: maximum recursion depth"),
        "lists or objects in it are nested deeper than is read here: write the inner ones as text",
    ),
    **dict.fromkeys(
        ("Exceeds the limit", "line contains invalid json: Exceeds the limit"),
        "a number in it or in its schema has more than 4,300 digits: write it as text, in quotes",
    ),
    "invalid excel file": (
        "it is no workbook (xlsx), or has a password: name the file by what it is, as .csv, or save it again"
    ),
}


def advised(note: str) -> str:
    """What is said of a table that cannot be read, with what to do about it where that is known."""
    return next((words for begin, words in _NOTES.items() if note.startswith(begin)), note)


PARSERS = {"xlsx": Workbook, "xls": OldWorkbook}


def _of_stated_sheet(
    stream: Callable[[], Iterator[Any]], parser: Any, names: Callable[[str], list[str]]
) -> Iterator[Any]:
    try:
        yield from of_sheet(stream())
    except FrictionlessException as error:
        if "does not have a sheet" not in str(error.error.note):
            raise
        path = parser.resource.normpath
        there = names(path)
        wanted = parser.resource.dialect.to_descriptor().get("excel", {}).get("sheet", 1)
        raise FrictionlessException(errors.FormatError(note=_absent(wanted, there))) from error


def _absent(wanted: Any, there: list[str]) -> str:
    listed = ", ".join(shown(name) for name in there[:_MOST_SHOWN])
    more = f" and {len(there) - _MOST_SHOWN:,} more" if len(there) > _MOST_SHOWN else ""
    which = shown(wanted) if isinstance(wanted, str) else f"number {wanted:,}"
    return (
        f"there is no sheet {which}, but {listed}{more}: name one of these as “sheetName” of the “dialect”, "
        "just as it is written there, or give its number as “sheetNumber”"
    )


def _names_in_xlsx(path: str) -> list[str]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return [sheet.title for sheet in book.worksheets]
    finally:
        book.close()


def _names_in_xls(path: str) -> list[str]:
    import xlrd  # type: ignore[import-untyped]

    with xlrd.open_workbook(path, on_demand=True) as book:
        return list(book.sheet_names())
