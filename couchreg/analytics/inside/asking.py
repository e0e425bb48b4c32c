"""A statement answered from Parquet files, in a DuckDB that has nothing but them.

A job is JSON: ``{tables: [{schema, table, path}], sql, parameters, format, size, skip, memory}``. The
answer comes in parts: ``{"columns": [...]}`` as JSON, then the body in its format; or the first part is
``{"error", "place"}``, `place` (line, column) or null, and nothing follows. The statement has been looked
through before (`statements`). Jobs with `page` or `statistics` are for `pages` and `statistics`; their first
part is ``{}``. Imported in child processes only.
"""

import json
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from couchreg.analytics.inside import pages, statistics
from couchreg.analytics.inside.connecting import ahead, connected, fault, unopened
from couchreg.analytics.inside.sending import AnswerParts
from couchreg.analytics.inside.writing import columns_of, output
from couchreg.sandbox.inside.channel import Reply

_BATCH = 2048  # rows; results of this size are sent on at once


def prepare() -> None:
    """In a child that has no job yet."""
    ahead.open()


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    parts = AnswerParts(reply)
    try:
        if "page" in asked:
            return pages.answer(asked, parts)
        if "statistics" in asked:
            return statistics.answer(asked, parts)
        return _answer(asked, parts)
    except duckdb.OutOfMemoryException:
        raise MemoryError from None


def _answer(asked: Mapping[str, Any], parts: AnswerParts) -> bytes:
    try:
        connection = connected(asked)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return unopened()
    sending = _Sending(parts, asked["format"], asked["size"], asked["skip"])
    try:
        relation = connection.sql(asked["sql"], params=asked["parameters"] or None)
        return sending.send(relation.to_arrow_reader(_BATCH))
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, pa.ArrowException) as error:
        if parts.has_begun:
            raise  # there is no other way to tell
        told = fault(error, asked, connection, (asked["sql"], asked["parameters"]))
        return json.dumps(told).encode()


class _Sending:
    """The rows from `skip` on, `size` of them at most."""

    def __init__(self, parts: AnswerParts, format: str, size: int, skip: int) -> None:
        self._parts, self._output = parts, output(format)
        self._left, self._skip, self._following = size, skip, skip + size

    def send(self, reader: Any) -> bytes:
        """Send what there is; the rest of it."""
        parts = self._parts
        parts.head = json.dumps({"columns": columns_of(reader.schema)}).encode()
        parts.add(self._output.begin(reader.schema))
        batch, truncated = _next(reader), False
        while batch is not None and not truncated:
            dropped = min(self._skip, batch.num_rows)
            self._skip -= dropped
            batch = batch.slice(dropped)
            truncated = batch.num_rows > self._left
            batch = batch.slice(0, self._left)
            self._left -= batch.num_rows
            if batch.num_rows:
                parts.add(self._output.batch(batch))
            if not truncated:
                batch = _next(reader)
        parts.add(self._output.end(truncated=truncated, following=self._following if truncated else None))
        return parts.rest()


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
