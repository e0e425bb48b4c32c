"""A DuckDB that has nothing but the Parquet files of a job. Imported in child processes only."""

import json
import re
from collections.abc import Mapping
from typing import Any

import duckdb

from couchreg.analytics.quoting import quoted, text

_CARET = re.compile(r"\nLINE (\d+): ([^\n]*)\n( *)\^")
_CLEAR = (  # what a statement brings about, whatever the files hold
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.TypeMismatchException,
    duckdb.NotImplementedException,
    duckdb.PermissionException,
)
_NUMBERS = "file_row_number"  # what DuckDB calls the place of a row in its file


class _Ahead:
    """A database that is opened before there is a job for it, since that takes longer than many jobs."""

    def __init__(self) -> None:
        self.connection: duckdb.DuckDBPyConnection | None = None

    def open(self) -> None:
        self.connection = _opened()

    def take(self) -> duckdb.DuckDBPyConnection:
        """Of each child the first job gets what was opened."""
        taken, self.connection = self.connection or _opened(), None
        return taken


ahead = _Ahead()


def connected(asked: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A database with a view for each of the job's `tables`, and no way out of it. Where the job has
    `numbered`, the first view has a column more, of that name: the places of rows in the file, from 0."""
    connection = ahead.take()
    paths = ", ".join(sorted({text(table["path"]) for table in asked["tables"]}))
    connection.execute(f"SET memory_limit = '{asked['memory'] >> 20}MiB'")
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    for schema in {table["schema"] for table in asked["tables"]}:
        connection.execute(f"CREATE SCHEMA {quoted(schema)}")
    for place, table in enumerate(asked["tables"]):
        where = f"{quoted(table['schema'])}.{quoted(table['table'])}"
        rows = _numbered(connection, table["path"], asked.get("numbered") if place == 0 else None)
        connection.execute(f"CREATE VIEW {where} AS {rows}")
    connection.execute("SET lock_configuration = true")
    return connection


def _opened() -> duckdb.DuckDBPyConnection:
    """A database of nothing, with this thread alone."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "async_threads": 0,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _numbered(connection: duckdb.DuckDBPyConnection, path: str, numbers: str | None) -> str:
    """What the view of a file selects."""
    source = f"read_parquet({text(path)})"
    if numbers is None:
        return f"SELECT * FROM {source}"  # noqa: S608
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    if any(str(row[0]).casefold() == _NUMBERS for row in described):  # the table has one of its own
        return f"SELECT row_number() OVER () - 1 AS {quoted(numbers)}, * FROM {source}"  # noqa: S608
    numbered = f"read_parquet({text(path)}, {_NUMBERS} = true)"
    return f"SELECT {_NUMBERS} AS {quoted(numbers)}, * EXCLUDE ({_NUMBERS}) FROM {numbered}"  # noqa: S608


def unopened() -> bytes:
    """The answer where the file of a table cannot be opened: it is damaged, most likely."""
    return json.dumps({"error": "A table cannot be opened.", "place": None, "doubt": True}).encode()


def fault(
    error: Exception,
    asked: Mapping[str, Any],
    connection: duckdb.DuckDBPyConnection,
    statement: tuple[str, Any] | None = None,
) -> dict[str, Any]:
    """What DuckDB says, without paths of the server, and where in the statement, if there is one; `doubt`
    where the file of a table may be why."""
    said = str(error).partition("\n\nLINE ")[0].partition(": ")
    reason = (said[2] or said[0]).strip()
    for table in asked["tables"]:
        reason = reason.replace(table["path"], f"{table['schema']}.{table['table']}")
    place = _place(connection, *statement) if statement is not None else None
    return {"error": reason[:1000], "place": place, "doubt": not isinstance(error, _CLEAR)}


def _place(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any) -> list[int] | None:
    """Line and column where it fails, which DuckDB tells of text alone."""
    before = "EXPLAIN "
    try:
        connection.execute(before + sql, parameters or None)
    except duckdb.Error as error:
        caret = _CARET.search(str(error))
        if caret is not None and not caret[2].startswith("..."):
            line, column = int(caret[1]), len(caret[3]) - len(f"LINE {caret[1]}: ") + 1
            return [line, column - len(before) if line == 1 else column]
    return None
