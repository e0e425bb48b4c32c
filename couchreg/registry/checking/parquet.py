"""Parquet files as frictionless is given them here: in batches, each column by the type the file has for it.

Its own reader takes the whole file into memory, loses integers beside missing values, and needs time that
grows with the square of the columns. Runs only in the child process of a worker, where pyarrow is there.
"""

from collections.abc import Iterator
from typing import Any

from frictionless import Schema

from couchreg.registry.checking.whole import whole

BATCH = 8192  # rows; fewer where rows are large
BATCH_BYTES = 32 << 20  # of a batch, by the sizes that the file states


def cells(parser: Any) -> Iterator[list[Any]]:
    """The names of the columns, then the rows of the file of this parser."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(parser.resource.normpath) as file:
        arrow = file.schema_arrow
        if not parser.resource.schema:
            parser.resource.schema = _schema(arrow)
        yield list(arrow.names)
        for batch in file.iter_batches(_batch_size(file.metadata), use_threads=False):
            columns = [_values(column) for column in batch.columns]
            yield from map(list, zip(*columns, strict=True))


def _batch_size(metadata: Any) -> int:
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(1, min(BATCH, BATCH_BYTES // max(widest, 1)))


def _values(column: Any) -> list[Any]:
    import pyarrow

    kind = column.type
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":  # Python's moments have microseconds
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
    found: list[Any] = column.to_pylist()
    return list(map(whole, found)) if pyarrow.types.is_nested(kind) else found


def _schema(arrow: Any) -> Any:
    """The types of the columns in the words of the Table Schema."""
    fields = [{"name": item.name, "type": _type(item.type)} for item in arrow]
    return Schema.from_descriptor({"fields": fields})


def _type(kind: Any) -> str:
    from pyarrow import types

    tests = {
        "boolean": types.is_boolean,
        "integer": types.is_integer,
        "date": types.is_date,
        "datetime": types.is_timestamp,
        "time": types.is_time,
        "object": types.is_struct,
        "array": types.is_nested,
    }
    if types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_dictionary(kind):
        return _type(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind):
        return "string"
    return next((name for name, is_one in tests.items() if is_one(kind)), "any")
