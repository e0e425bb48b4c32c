"""A table as a Parquet file: read as a check reads it, typed by its Table Schema, written in row groups.

A job is JSON, ``{folder, members, output, metadata}``: the folder of the table's files, the descriptor of a
package of this one resource, the path to write to, and what the file says of itself. The answer is ``{state:
"ready", rows, columns: [{name, type, arrow, bytes}]}``, with the bytes that a column takes in memory, or
``{state: "failed", reason, row, field}``; before it come notes ``{rows}``. The same input gives the same
bytes. Imported in child processes only.
"""

import gc
import json
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from frictionless import FrictionlessException

from couchreg.analytics.inside.numbers import Values
from couchreg.analytics.inside.values import TypedColumn, Unfit
from couchreg.model.json import decode
from couchreg.package.report import Report
from couchreg.registry.checking import checks
from couchreg.registry.checking.checks import Readable, readable_table
from couchreg.registry.checking.naming import FieldNames
from couchreg.registry.checking.opening import BROKEN
from couchreg.registry.checking.sifting import SiftedTable, turned
from couchreg.sandbox.inside.channel import Reply

ROWS = 32_768  # of a row group: whoever reads a page reads one of these
BYTES = 32 << 20  # of a row group, where rows are long
_EVERY = 20  # chunks between notes
_ALLOCATIONS = 100_000  # of lists and the like between two looks of the garbage collector


class Failed(Exception):
    """There is no such table: why, and in which row (the header is 1) and field."""

    def __init__(self, reason: str, row: int | None = None, field: str | None = None) -> None:
        self.reason, self.row, self.field = reason, row, field
        super().__init__(reason)


class Chunk(NamedTuple):
    """Some thousand rows: their numbers, and the values of each column."""

    numbers: Sequence[int]
    values: list[Values]


def warm() -> None:
    """Convert a small table, so that a child finds imported what it will need."""
    checks.warm()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm.csv").write_text("id,day\n1,2020-01-01\n", "utf-8")
        fields = [{"name": "id", "type": "integer"}, {"name": "day", "type": "date"}]
        table = {"name": "warm", "path": "warm.csv", "schema": {"fields": fields}}
        convert(folder, {"name": "warm", "resources": [table]}, f"{folder}/warm.parquet", {})


def prepare() -> None:
    """Thousands of rows are looked at together, so that the collector would go through all of them again and
    again, and find nothing."""
    gc.set_threshold(_ALLOCATIONS, 10, 10)


def answer(job: bytes, reply: Reply) -> bytes:
    asked = decode(job)  # the descriptor in it may have numbers of any length
    try:
        found = convert(asked["folder"], asked["members"], asked["output"], asked["metadata"], reply)
    except Failed as failed:
        found = {"state": "failed", "reason": failed.reason, "row": failed.row, "field": failed.field}
    return json.dumps(found).encode()


def convert(
    folder: str,
    members: Mapping[str, Any],
    output: str,
    metadata: Mapping[str, str],
    reply: Reply | None = None,
) -> dict[str, Any]:
    """Write the table. Raises Failed."""
    report = Report()
    try:
        with readable_table(folder, dict(members), report) as table:
            if table is None:
                raise Failed(_first(report))
            return _Conversion(table, output, metadata, reply).run()
    except Failed:
        raise
    except FrictionlessException as error:
        raise Failed(f"The table cannot be read: {error.error.note or error.error.message}"[:500]) from error
    except MemoryError:
        raise
    except (*BROKEN, OSError, ValueError, pa.ArrowException) as error:
        raise Failed(f"The table cannot be read: {error}"[:500]) from error
    except Exception as error:
        traceback.print_exc()
        raise Failed(f"The table cannot be read ({type(error).__name__}).") from error


def _first(report: Report) -> str:
    for item in report.problems:
        return str(item["message"])
    return "The table is of a format that is not read here."


class _Conversion:
    """Of one open table: once through, or twice where the types of the first rows do not hold the last."""

    def __init__(
        self, table: Readable, output: str, metadata: Mapping[str, str], reply: Reply | None
    ) -> None:
        self._table, self._output, self._reply = table, output, reply
        self._metadata = {f"couchreg.{key}": value for key, value in metadata.items()}
        self._rows = 0
        self._sizes: list[int] = []

    def run(self) -> dict[str, Any]:
        with self._table.open() as opened:
            columns = _columns(opened, self._table.names)
            types = self._write(opened, columns, None)
        if types is not None:
            self._rows = 0
            with self._table.open() as opened:
                if self._write(opened, columns, types) is not None:
                    raise Failed("The table is not the same when it is read again.")
        shown = [
            {
                "name": column.name,
                "type": column.declared.type,
                "arrow": str(column.kind.type),
                "bytes": size,
            }
            for column, size in zip(columns, self._sizes, strict=True)
        ]
        return {"state": "ready", "rows": self._rows, "columns": shown}

    def _write(
        self, opened: Any, columns: list[TypedColumn], types: list[pa.DataType] | None
    ) -> list[pa.DataType] | None:
        """Write all rows, and answer None; or the types that they need, where these are others."""
        chunks = self._chunks(SiftedTable(opened, {}), columns)
        first = next(chunks, None)
        kept = types or [column.kind.type for column in columns]
        with _Writer(self._output, columns, kept, self._metadata) as writer:
            while first is not None:
                needed = [column.kind.type for column in columns]
                if needed != kept:
                    for _ in chunks:
                        """Measured; nothing of it is written."""
                    return [column.kind.type for column in columns]
                writer.write(first)
                first = next(chunks, None)
        self._sizes = writer.sizes
        return None

    def _chunks(self, table: SiftedTable, columns: list[TypedColumn]) -> Iterator[Chunk]:
        for count, (numbers, rows) in enumerate(table.chunks(), 1):
            lengths = list(map(len, rows))
            cells, odd = turned(rows, len(columns))
            if odd:
                row, wrong = numbers[odd[0]], lengths[odd[0]]
                raise Failed(f"The row and the header differ: {wrong} and {len(columns)} cells.", row)
            try:
                values = [column.values(own) for column, own in zip(columns, cells, strict=True)]
            except Unfit as unfit:
                raise Failed(_sentence(unfit), numbers[unfit.place], unfit.field) from None
            for column, own in zip(columns, values, strict=True):
                column.kind.measure(own)
            self._rows += len(numbers)
            if self._reply is not None and count % _EVERY == 0:
                self._reply.note(json.dumps({"rows": self._rows}).encode())
            yield Chunk(numbers, values)


def _columns(opened: Any, stated: FieldNames) -> list[TypedColumn]:
    """One for each field. Raises Failed where the header is another than the schema has."""
    fields = opened.header.get_expected_fields()
    if not fields:
        raise Failed("The table has no columns.")
    names = [str(field.name) for field in fields]
    if not opened.header.valid:
        errors = [
            error for error in opened.header.errors if error.type not in ("blank-label", "duplicate-label")
        ]
        if errors:
            raise Failed(f"The header is not what the schema says: {errors[0].message}"[:500], 1)
    taken: set[str] = set()
    unique = []
    for number, name in enumerate(names, 1):
        wanted, count = name or f"field{number}", 2
        while wanted.casefold() in taken:
            wanted, count = f"{name or f'field{number}'} ({count})", count + 1
        taken.add(wanted.casefold())
        unique.append(wanted)
    return [TypedColumn(name, field) for name, field in zip(unique, fields, strict=True)]


class _Writer:
    """Row groups of a bounded size, and a file that is whole when the block ends."""

    def __init__(
        self, output: str, columns: list[TypedColumn], types: list[pa.DataType], metadata: Mapping[str, str]
    ) -> None:
        self._columns = columns
        fields = [pa.field(column.name, type) for column, type in zip(columns, types, strict=True)]
        try:
            self._schema = pa.schema(fields)
        except UnicodeEncodeError as error:
            raise Failed(f"A name of a column is not text: {error}.") from error
        self._writer = pq.ParquetWriter(
            output, self._schema, compression="zstd", store_schema=False, store_decimal_as_integer=True,
            write_page_index=True, data_page_size=1 << 20,
        )  # fmt: skip
        self._metadata = dict(metadata)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.sizes = [0] * len(columns)  # bytes in memory of each column

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush()
            self._writer.add_key_value_metadata(self._metadata)
        self._writer.close()

    def write(self, chunk: Chunk) -> None:
        try:
            arrays = [
                column.array(values, field.type)
                for column, values, field in zip(self._columns, chunk.values, self._schema, strict=True)
            ]
        except Unfit as unfit:
            raise Failed(_sentence(unfit), chunk.numbers[unfit.place], unfit.field) from None
        batch = pa.record_batch(arrays, schema=self._schema)
        self.sizes = [known + array.nbytes for known, array in zip(self.sizes, arrays, strict=True)]
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= ROWS or self._bytes >= BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(table, row_group_size=max(self._rows, 1))
        self._waiting.clear()
        self._rows = self._bytes = 0


def _sentence(unfit: Unfit) -> str:
    return unfit.reason[:1].upper() + unfit.reason[1:].rstrip(".") + "."
