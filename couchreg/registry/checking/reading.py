"""How tables of text are read: their parts as one file, their records by the dialect, and where rows stand.

Takes the place of frictionless's own reading, which leaves out the first line of every part but the
first, knows no `lineTerminator` and no `nullSequence`, and forgets which line a row began on. Only in
the child process.

Source: https://datapackage.org/standard/data-resource/#path-or-data and /table-dialect/.
"""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NoReturn

from frictionless import FrictionlessException, Loader, errors
from frictionless.formats.csv import CsvControl, CsvParser
from frictionless.formats.inline import InlineParser

from couchreg.registry.checking.opening import COMPRESSIONS, JoinedFiles, as_utf_8, open_text_bytes, unpacked
from couchreg.registry.checking.sheets import PARSERS as SHEETS
from couchreg.registry.checking.sniffing import has_blanks_before_quotes
from couchreg.registry.checking.whole import whole

FORMATS = ("csv", "tsv")
SAMPLE = 100  # lines
_STEPS = 100_000  # rows with line breaks in them whose places are kept
_WORDS = {"delimiter": "delimiter", "skip_initial_space": "skipInitialSpace"}  # the standard's
_BREAK = re.compile(r"\r\n|\r|\n")
USUAL = ("\n", "\r\n", "\r", "")


class Places:
    """On which line each row of a table began: kept only where that is not its number."""

    def __init__(self) -> None:
        self._rows: list[int] = [1]
        self._lines: list[int] = [1]

    def note(self, row: int, line: int) -> None:
        """From this row on, lines are counted from this one; rows come in order."""
        if len(self._rows) < _STEPS:
            self._rows.append(row)
            self._lines.append(line)

    def line(self, row: int) -> int:
        """The line of the table's text on which a row began."""
        at = bisect_right(self._rows, row) - 1
        return self._lines[at] + row - self._rows[at]


class PartsLoader(Loader):
    def read_byte_stream_create(self) -> Any:
        return io.BufferedReader(JoinedFiles(self.resource.normpaths))

    def read_byte_stream_decompress(self, byte_stream: Any) -> Any:
        compression = self.resource.compression
        if not compression:
            return byte_stream
        if compression not in COMPRESSIONS[1:]:
            note = f"parts that are compressed as {compression} cannot be put together: send them as they are"
            raise FrictionlessException(errors.CompressionError(note=note))
        return unpacked(byte_stream, compression)


class JsonLoader(PartsLoader):
    """JSON of whatever encoding is stated, with or without a byte order mark."""

    def read_byte_stream_create(self) -> Any:
        if self.resource.compression != "zip":
            return super().read_byte_stream_create()
        return open_text_bytes(self.resource.normpaths, "zip", self.resource.innerpath or "")

    def read_byte_stream_decompress(self, byte_stream: Any) -> Any:
        is_packed = self.resource.compression not in (None, "", "zip")
        plain = super().read_byte_stream_decompress(byte_stream) if is_packed else byte_stream
        return as_utf_8(plain, self.resource.get_defined("encoding"))


class JsonRows(InlineParser):
    """Rows of JSON, of a file or in the descriptor: lists and objects in their cells are of plain JSON."""

    def read_cell_stream_create(self) -> Iterator[Any]:
        for cells in super().read_cell_stream_create():  # type: ignore[no-untyped-call]
            yield [whole(cell) if isinstance(cell, list | dict) else cell for cell in cells]


class TextParser(CsvParser):
    """CSV by the dialect that is stated; what is not stated is guessed as frictionless does."""

    places: Places
    found: Callable[[dict[str, Any], str], None]
    unclosed: Callable[[int], None]

    def read_cell_stream_create(self) -> Iterator[Any]:
        control = CsvControl.from_dialect(self.resource.dialect)
        records = records_of(self.loader.text_stream, control)
        sample = [line for _, line in zip(range(SAMPLE), records, strict=False)]
        unstated = [name for name in ("delimiter", "skip_initial_space") if not control.has_defined(name)]
        guess(control, sample, self._header_row(), "\t" if self.resource.format == "tsv" else ",\t;|")
        self.found({name: getattr(control, name) for name in unstated}, str(self.resource.format))
        dialect: Any = control.to_python()
        end = _End()
        reader = csv.reader(chain(sample, records, end), dialect=dialect)
        null, ahead = control.null_sequence, 0  # `ahead`: by how much lines are more than rows
        for row, cells in enumerate(reader, 1):
            if end.is_reached:  # in the middle of a row, which is all the rest of the text
                self._end_in_quotes(reader.line_num, cells[-1] if cells else "")
            yield cells if null is None else [None if cell == null else cell for cell in cells]
            if reader.line_num - row != ahead:
                ahead = reader.line_num - row
                self.places.note(row + 1, reader.line_num + 1)

    def _header_row(self) -> int | None:
        """The row from which a guess can be told to be none: the header, where that is not sought for."""
        dialect = self.resource.dialect
        if not dialect.header or dialect.comment_char or dialect.comment_rows or dialect.skip_blank_rows:
            return None
        return min(dialect.header_rows, default=1)

    def _end_in_quotes(self, lines: int, cell: str) -> NoReturn:
        """Raises FrictionlessException for a quote that nothing closes before the end, in this cell."""
        breaks = len(_BREAK.findall(cell))
        self.unclosed(lines - breaks + bool(_BREAK.search(cell[-1:])))
        raise FrictionlessException(errors.SourceError(note="a quote is not closed"))


def rows_of_text(text: str, control: Any, form: str) -> tuple[list[list[Any]], dict[str, Any]]:
    """The rows of a text by a CSV control, and what was guessed of it. Raises csv.Error."""
    lines = list(records_of(io.StringIO(text, newline=""), control))
    unstated = [name for name in _WORDS if not control.has_defined(name)]
    guess(control, lines[:SAMPLE], 1, "\t" if form == "tsv" else ",\t;|")
    end, null = _End(), control.null_sequence
    rows: list[list[Any]] = []
    for cells in csv.reader(chain(lines, end), dialect=control.to_python()):
        if end.is_reached:
            raise csv.Error(f"the quote in its row {len(rows) + 1:,} is not closed before its end")
        rows.append(cells if null is None else [None if cell == null else cell for cell in cells])
    return rows, {name: getattr(control, name) for name in unstated}


def told_of(found: Mapping[str, Any], form: str) -> dict[str, Any]:
    """What was guessed of a dialect in the standard's words, but for what every reader takes it for."""
    usual = "\t" if form == "tsv" else ","
    return {_WORDS[key]: value for key, value in found.items() if value not in (usual, False)}


class _End:
    """Nothing, behind the lines of a text: knows whether a reader has asked for more than there is."""

    def __init__(self) -> None:
        self.is_reached = False

    def __iter__(self) -> Iterator[str]:
        self.is_reached = True
        return iter(())


def guess(control: Any, sample: list[str], header: int | None, usual: str) -> None:
    """Fill in what a CSV control does not state, as frictionless guesses it, of the `usual` delimiters.

    A delimiter that does not part the header (the row of that number, from 1) is none. Blanks behind
    delimiters belong to the cells, as the standard says, but where they stand before quotes.
    """
    delimiters = control.get_defined("delimiter", default=usual)
    try:
        found: Any = csv.Sniffer().sniff("".join(sample), delimiters)
        if header is not None and found.delimiter != usual[0] and not _parts(found, sample, header):
            raise csv.Error("that is no delimiter")
    except csv.Error:
        found = csv.excel()
        found.delimiter = delimiters[0]
    if found.quotechar == "'":  # mostly JSON in a cell
        found.quotechar = '"'
    control.set_not_defined("delimiter", found.delimiter, distinct=True)
    control.set_not_defined("escape_char", found.escapechar, distinct=True)
    control.set_not_defined("quote_char", found.quotechar, distinct=True)
    blanks = has_blanks_before_quotes("".join(sample), control)
    control.set_not_defined("skip_initial_space", blanks, distinct=True)


def _parts(dialect: Any, sample: list[str], header: int) -> bool:
    if dialect.quotechar == "'":
        dialect.quotechar = '"'
    return any(len(cells) > 1 for cells in islice(csv.reader(sample, dialect), header - 1, header))


def records_of(text: Iterable[str], control: Any) -> Iterator[str]:
    """The lines of a text by a CSV control, of which a row has one or more."""
    terminator = str(control.get_defined("line_terminator", default="") or "")
    if terminator in USUAL:
        return iter(text)
    return split_records(text, terminator, str(control.quote_char or ""))


def split_records(text: Iterable[str], terminator: str, quote: str) -> Iterator[str]:
    """Records that end with a terminator of their own; one inside quotes ends none."""
    held, waiting = "", ""
    for chunk in text:
        held += chunk
        *whole, held = held.split(terminator)
        for piece in whole:
            waiting += piece
            if quote and waiting.count(quote) % 2:
                waiting += terminator
                continue
            yield waiting + "\n"
            waiting = ""
    if waiting + held.strip("\r\n"):
        yield waiting + held


class StandardReading:
    """How frictionless is to read, by the classes above; `places` has those of each table that was read."""

    def __init__(self) -> None:
        self.places: dict[str, Places] = {}
        self.guesses: dict[str, dict[str, Any]] = {}
        self.unclosed: dict[str, int] = {}  # the line of a quote that is not closed, where there is one

    def create_loader(self, resource: Any) -> Any:
        if resource.format == "json" and resource.path and not resource.remote:
            return JsonLoader(resource)
        return PartsLoader(resource) if resource.extrapaths else None

    def create_parser(self, resource: Any) -> Any:
        if resource.format in SHEETS:
            return SHEETS[resource.format](resource)
        if resource.format == "inline":
            return JsonRows(resource)
        if resource.format not in FORMATS:
            return None
        parser = TextParser(resource)
        parser.places = self.places[resource.name] = Places()
        parser.unclosed = lambda line: self.unclosed.update({resource.name: line})
        parser.found = lambda control, form: self._note(resource.name, control, form)
        return parser

    def _note(self, name: str, found: dict[str, Any], form: str) -> None:
        self.guesses[name] = told_of(found, form)
