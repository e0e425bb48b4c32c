"""Answers to statements in their formats, batch by batch, as text or bytes. Imported in child processes
only."""

import csv
import io
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

encode = msgspec.json.Encoder(decimal_format="number", enc_hook=lambda value: _shown(value)).encode


class AnswerFormat(Protocol):
    """What an answer looks like: `begin`, `batch` for each, `end`; all give pieces to send."""

    def begin(self, schema: pa.Schema) -> bytes: ...
    def batch(self, batch: pa.RecordBatch) -> bytes: ...
    def end(self, *, truncated: bool, following: int | None) -> bytes: ...


def columns_of(schema: pa.Schema) -> list[dict[str, str]]:
    return [{"name": field.name, "type": str(field.type)} for field in schema]


def rows_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """Rows of values that JSON and CSV can say."""
    return zip(*(values_of(column) for column in batch.columns), strict=True) if batch.columns else iter(())


def values_of(column: pa.Array) -> list[Any]:
    """The values of a column; moments that Python has no type for are text."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        found: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        found = column.cast(pa.string()).to_pylist()
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, pa.MonthDayNano):
        return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"
    return str(value)


class Json:
    """`{ok, columns, rows, truncated, next}`; rows are objects, or lists of cells. `bare`: the list of rows
    alone."""

    def __init__(self, *, objects: bool, bare: bool = False) -> None:
        self._objects, self._bare = objects, bare
        self._names: list[str] = []
        self._is_first = True

    def begin(self, schema: pa.Schema) -> bytes:
        self._names = _unique(schema.names)
        if self._bare:
            return b"["
        return b'{"ok":true,"columns":' + encode(columns_of(schema)) + b',"rows":['

    def batch(self, batch: pa.RecordBatch) -> bytes:
        rows = [
            encode(
                dict(zip(self._names, map(plain, row), strict=True)) if self._objects else [*map(plain, row)]
            )
            for row in rows_of(batch)
        ]
        if not rows:
            return b""
        lead, self._is_first = b"" if self._is_first else b",", False
        return lead + b",\n".join(rows)

    def _row(self, cells: list[Any]) -> Any:
        return dict(zip(self._names, cells, strict=True)) if self._objects else cells

    def end(self, *, truncated: bool, following: int | None) -> bytes:
        if self._bare:
            return b"]\n"
        token = None if following is None else str(following)
        return b'],"truncated":' + encode(truncated) + b',"next":' + encode(token) + b"}\n"


class JsonLines:
    """An object a line."""

    def begin(self, schema: pa.Schema) -> bytes:
        self._names = _unique(schema.names)
        return b""

    def batch(self, batch: pa.RecordBatch) -> bytes:
        rows = (dict(zip(self._names, map(plain, row), strict=True)) for row in rows_of(batch))
        return b"".join(encode(row) + b"\n" for row in rows)

    def end(self, *, truncated: bool, following: int | None) -> bytes:
        return b""


class Csv:
    """As RFC 4180 has it, with a header."""

    def begin(self, schema: pa.Schema) -> bytes:
        return csv_of([schema.names])

    def batch(self, batch: pa.RecordBatch) -> bytes:
        return csv_of([cell(value) for value in row] for row in rows_of(batch))

    def end(self, *, truncated: bool, following: int | None) -> bytes:
        return b""


class Binary:
    """An Arrow stream or a Parquet file, by what writes it."""

    def __init__(self, open: Callable[[Any, pa.Schema], Any]) -> None:
        self._open = open
        self._buffer = _Pipe()

    def begin(self, schema: pa.Schema) -> bytes:
        self._writer = self._open(self._buffer, schema)
        return self._buffer.take()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        self._writer.write_batch(batch)
        return self._buffer.take()

    def end(self, *, truncated: bool, following: int | None) -> bytes:
        self._writer.close()
        return self._buffer.take()


class _Pipe(io.RawIOBase):
    """Bytes as they are written, to be taken away."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        found, self._waiting = bytes(self._waiting), bytearray()
        return found


def output(format: str) -> AnswerFormat:
    """That of a format's name."""
    made: dict[str, Callable[[], AnswerFormat]] = {
        "json": lambda: Json(objects=True),
        "objects": lambda: Json(objects=True),
        "array": lambda: Json(objects=True, bare=True),
        "arrays": lambda: Json(objects=False),
        "ndjson": JsonLines,
        "csv": Csv,
        "arrow": lambda: Binary(pa.ipc.new_stream),
        "parquet": lambda: Binary(lambda sink, schema: pq.ParquetWriter(sink, schema, compression="zstd")),
    }
    return made[format]()


def _unique(names: Sequence[str]) -> list[str]:
    """Names of members: of equal ones the later have a number."""
    found: list[str] = []
    for name in names:
        unique, count = name, 2
        while unique in found:
            unique, count = f"{name}_{count}", count + 1
        found.append(unique)
    return found


def plain(value: Any) -> Any:
    """Numbers that are none are null in JSON; map entries are pairs."""
    if isinstance(value, pa.MonthDayNano):
        return _shown(value)
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return str(value) if isinstance(value, timedelta) else value


def csv_of(rows: Any) -> bytes:
    """Lists of cells as lines of CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode(errors="replace")


def cell(value: Any) -> Any:
    """A value as CSV shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | bytes):
        return encode(value).decode() if not isinstance(value, bytes) else _shown(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else plain(value)
