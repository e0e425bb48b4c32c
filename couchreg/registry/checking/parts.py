"""Tables in several files: whether these make one, put together byte after byte as they are served.

Only in the child process.

Source: https://datapackage.org/standard/data-resource/#path-or-data on several files.
"""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from frictionless.formats.csv import CsvControl

from couchreg.package.report import Problem, problem
from couchreg.registry.checking.opening import BROKEN, UTF_8, line_breaks
from couchreg.registry.checking.preparing import Prepared
from couchreg.registry.checking.reading import FORMATS, SAMPLE, USUAL, guess, records_of, split_records

TEXT = (*FORMATS, "jsonl", "ndjson")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_PACKED = {b"\x1f\x8b": "gz", b"PK\x03\x04": "zip", b"\xfd7zXZ\x00": "xz"}  # by how such files begin
_HEAD = 1 << 20  # bytes of a part in which its first rows have to end to be compared


def of_parts(prepared: Prepared, resource: Any, paths: list[str]) -> Iterator[Problem]:
    """Why the files of a resource are no table together."""
    name, compression = resource.name, resource.compression
    if resource.format not in TEXT:
        message = (
            f"Files of the format {resource.format} cannot be put together to one: make a resource of each, "
            "with the same schema."
        )
        yield problem("format-error", message, resource=name, field="path")
        return
    if compression == "zip":
        message = "Parts that are zip files cannot be put together to one: send them as they are, or as gz."
        yield problem("compression-error", message, resource=name, field="path")
        return
    try:
        fault = _of_compressions(prepared, resource, paths)
        yield from [fault] if fault else _of_joints(prepared, resource, paths)
    except (*BROKEN, OSError, ValueError) as error:
        message = (
            f"The compressed data cannot be unpacked ({error}): are the files whole? Compress them again."
        )
        yield problem("compression-error", message, resource=name)


def _of_compressions(prepared: Prepared, resource: Any, paths: list[str]) -> Problem | None:
    wanted = resource.compression if resource.compression in _PACKED.values() else None
    for path in paths:
        with prepared.open_bytes([path]) as file:
            begin = file.read(8)
        found = next((form for mark, form in _PACKED.items() if begin.startswith(mark)), None)
        if begin and found != wanted and (resource.compression or None) == wanted:
            words = f"is compressed as {found}" if found else "is not compressed"
            others = f"as {wanted}" if wanted else "not at all"
            message = (
                f"{path} {words}, and the resource as a whole {others}: the files of a resource are served "
                "as one, so that they have one compression. Send all of them as they are, or all as gz."
            )
            return problem("compression-error", message, resource=resource.name, file=path)
    return None


def _of_joints(prepared: Prepared, resource: Any, paths: list[str]) -> Iterator[Problem]:
    name, dialect = resource.name, prepared.tables[resource.name].get("dialect") or {}
    header = _Header(prepared, resource, paths) if resource.format in FORMATS else None
    for number, path in enumerate(paths):
        with prepared.open_text(name, [path]) as file:
            head = file.read(_HEAD)
            ends = _ends(file, head)
        if number and head.startswith(_MARKS):
            message = f"{path} begins with a byte order mark, which would stand amid the data: remove it."
            yield problem("source-error", message, resource=name, file=path, line=1)
            continue
        line = header.again(head) if header else None
        if line is not None:
            message = (
                f"{path} begins with the header again. The files of a resource are served as one, where "
                "it would be a row: leave it out of all but the first file, or make a resource of each."
            )
            yield problem("repeated-header", message, resource=name, file=path, line=line)
        if (
            number < len(paths) - 1
            and head
            and not _ends_a_line(ends, dialect, prepared.tables[name].get("encoding"))
        ):
            message = (
                f"{path} does not end with a line break, so that its last row and the first of "
                f"{paths[number + 1]} would be one: end it with a line break."
            )
            line = lines_of(prepared, name, path) + (_terminator(prepared, name) in USUAL)
            yield problem("missing-line-break", message, resource=name, file=path, line=line)


def lines_of(prepared: Prepared, resource: str, path: str) -> int:
    """How many lines a file of a table has; one at its end that no usual line break ends is not counted."""
    members, terminator = prepared.tables.get(resource, {}), _terminator(prepared, resource)
    encoding, dialect = str(members.get("encoding") or UTF_8), members.get("dialect") or {}
    with prepared.open_text(resource, [path]) as file:
        if terminator in USUAL:
            return line_breaks(file, encoding)
        text = io.TextIOWrapper(file, encoding, "replace", newline="")
        quote = str({**dialect.get("csv", {}), **dialect}.get("quoteChar", '"') or "")
        return sum(1 for _ in split_records(text, terminator, quote))


def _terminator(prepared: Prepared, resource: str) -> str:
    dialect = prepared.tables.get(resource, {}).get("dialect") or {}
    return str({**dialect.get("csv", {}), **dialect}.get("lineTerminator") or "")


class _Header:
    """The header of a table, found in the first of its files that has so many rows, and looked for in the
    others. Rows are read by the dialect by which the whole table will be."""

    def __init__(self, prepared: Prepared, resource: Any, paths: list[str]) -> None:
        dialect = resource.dialect.to_copy()
        self._header: list[str] | None = None
        self._is_there = bool(dialect.header)
        self._comment = str(dialect.comment_char or "")
        self._left = self._first = min(dialect.header_rows, default=1)  # rows until the header
        self._commented = set(dialect.comment_rows or ())
        self._row = 0
        self._control = CsvControl.from_dialect(dialect)
        self._encoding = str(prepared.tables[resource.name].get("encoding") or "")
        sample: list[str] = []
        for path in paths:
            with prepared.open_text(resource.name, [path]) as file:
                sample += islice(self._lines(file.read(_HEAD)), SAMPLE - len(sample))
            if len(sample) >= SAMPLE:
                break
        usual = "\t" if resource.format == "tsv" else ",\t;|"
        guess(self._control, sample, None if self._comment else self._first, usual)

    def again(self, head: bytes) -> int | None:
        """The line of the header in a file after the one that has it; the files come in order."""
        if not self._is_there:
            return None
        if self._header is None:
            self._header = self._find(head)
            return None
        header = self._header
        rows = [(line, row) for line, row in islice(self._rows(head), self._first + SAMPLE) if any(row)]
        kept = [(line, row) for line, row in rows if not self._is_comment(row)][: self._first]
        return next((line for line, row in kept if _is_alike(row, header)), None)

    def _find(self, head: bytes) -> list[str] | None:
        for _, row in self._rows(head):
            self._row += 1
            if self._row < self._first or self._row in self._commented or self._is_comment(row):
                continue
            if any(row):
                return row
        return None

    def _is_comment(self, row: list[str]) -> bool:
        return bool(self._comment and row and row[0].startswith(self._comment))

    def _rows(self, head: bytes) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._lines(head), dialect=self._control.to_python())
        line = 1
        try:
            for row in reader:
                yield line, [cell.strip() for cell in row]
                line = reader.line_num + 1
        except csv.Error:
            return  # the reader of the rows says it

    def _lines(self, head: bytes) -> Iterator[str]:
        """Lines of the beginning of a file. Encodings that have ASCII in them are told apart where one is
        stated: headers are compared, and not shown."""
        if head[:2] in _WIDE:
            self._encoding = _WIDE[head[:2]]
        text = head.removeprefix(_MARKS[0]).decode(self._encoding or "latin-1", "replace")
        return records_of(io.StringIO(text.removeprefix("\ufeff"), newline=""), self._control)


def _is_alike(row: list[str], header: list[str]) -> bool:
    """Whether a row is the header, or has its labels in another order or case: no row of data has all."""
    folded = [sorted(map(str.casefold, cells)) for cells in (row, header)]
    return row == header or (len(set(folded[1])) > 1 and folded[0] == folded[1])


def _ends(file: BinaryIO, head: bytes) -> bytes:
    last = head[-16:]
    while data := file.read(_HEAD):
        last = (last + data)[-16:]
    return last


def _ends_a_line(last: bytes, dialect: dict[str, Any], encoding: Any) -> bool:
    terminator = dialect.get("lineTerminator") or dialect.get("csv", {}).get("lineTerminator") or "\n"
    try:
        wanted = str(terminator).encode(str(encoding or UTF_8).replace("utf-16", "utf-16-le"))
    except (LookupError, UnicodeError):
        wanted = b"\n"
    return last.rstrip(b"\x00").endswith((wanted.rstrip(b"\x00"), b"\n", b"\r"))
