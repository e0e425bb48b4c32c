"""A statement answered from Parquet files, in a DuckDB that has nothing but them.

A job is JSON: ``{tables: [{schema, table, path}], sql, parameters, format, size, skip, memory}``. The
answer comes in parts: ``{"columns": [...]}`` as JSON, then the body in its format; or the first part is
``{"error", "place"}``, `place` (line, column) or null, and nothing follows. The statement has been looked
through before (`statements`). Imported in child processes only.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from couchreg.analytics.inside.writing import columns_of, output
from couchreg.sandbox.inside.channel import Reply

_BATCH = 2048  # rows; results of this size are sent on at once
_CARET = re.compile(r"\nLINE (\d+): ([^\n]*)\n( *)\^")
_PART = 256 << 10  # bytes of a message


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    connection = _connected(asked)
    sending = _Sending(reply, asked["format"], asked["size"], asked["skip"])
    try:
        relation = connection.sql(asked["sql"], params=asked["parameters"] or None)
        return sending.send(relation.to_arrow_reader(_BATCH))
    except duckdb.OutOfMemoryException:
        raise MemoryError from None
    except (duckdb.Error, pa.ArrowException) as error:
        if sending.has_begun:
            raise  # there is no other way to tell
        return json.dumps(_fault(str(error), asked, connection)).encode()


def _connected(asked: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A database with a view for each table, and no way out of it."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{asked['memory'] >> 20}MiB",
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    paths = ", ".join(sorted({_text(table["path"]) for table in asked["tables"]}))
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    for schema in {table["schema"] for table in asked["tables"]}:
        connection.execute(f"CREATE SCHEMA {_name(schema)}")
    for table in asked["tables"]:
        where, source = f"{_name(table['schema'])}.{_name(table['table'])}", _text(table["path"])
        connection.execute(f"CREATE VIEW {where} AS SELECT * FROM read_parquet({source})")  # noqa: S608
    connection.execute("SET lock_configuration = true")
    return connection


class _Sending:
    """The rows from `skip` on, `size` of them at most, in parts of some length."""

    def __init__(self, reply: Reply, format: str, size: int, skip: int) -> None:
        self._reply, self._output = reply, output(format)
        self._left, self._skip, self._following = size, skip, skip + size
        self._head = b""
        self._waiting = bytearray()
        self.has_begun = False

    def send(self, reader: Any) -> bytes:
        """Send what there is; the rest of it."""
        self._head = json.dumps({"columns": columns_of(reader.schema)}).encode()
        self._add(self._output.begin(reader.schema))
        batch, truncated = _next(reader), False
        while batch is not None and not truncated:
            dropped = min(self._skip, batch.num_rows)
            self._skip -= dropped
            batch = batch.slice(dropped)
            truncated = batch.num_rows > self._left
            batch = batch.slice(0, self._left)
            self._left -= batch.num_rows
            if batch.num_rows:
                self._add(self._output.batch(batch))
            if not truncated:
                batch = _next(reader)
        self._add(self._output.end(truncated=truncated, following=self._following if truncated else None))
        self._begin()
        return bytes(self._waiting)

    def _add(self, body: bytes) -> None:
        self._waiting += body
        while len(self._waiting) >= _PART:
            self._begin()
            self._reply.part(bytes(self._waiting[:_PART]))
            del self._waiting[:_PART]

    def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            self._reply.part(self._head)


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _fault(message: str, asked: Mapping[str, Any], connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What DuckDB says, without paths of the server."""
    said = message.partition("\n\nLINE ")[0].partition(": ")
    reason = (said[2] or said[0]).strip()
    for table in asked["tables"]:
        reason = reason.replace(table["path"], f"{table['schema']}.{table['table']}")
    return {"error": reason[:1000], "place": _place(asked, connection)}


def _place(asked: Mapping[str, Any], connection: duckdb.DuckDBPyConnection) -> list[int] | None:
    """Line and column where it fails, which DuckDB tells of text alone."""
    before = "EXPLAIN "
    try:
        connection.execute(before + asked["sql"], asked["parameters"] or None)
    except duckdb.Error as error:
        caret = _CARET.search(str(error))
        if caret is not None and not caret[2].startswith("..."):
            line, column = int(caret[1]), len(caret[3]) - len(f"LINE {caret[1]}: ") + 1
            return [line, column - len(before) if line == 1 else column]
    return None


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
