"""What a statement asks for, found out without asking it: DuckDB reads it, and what it has read is looked
through.

A job is the text of a statement; the answer is JSON: ``{tables: [[schema, table, place]], named, explain,
inner, volatile}`` for what may be asked (`named` are all places of tables, in `inner`), or
``{error, place}``, `place` in bytes of the text or null. Nothing of
the statement is run here, and nothing that is not known to be harmless passes: one SELECT over tables of
packages, with functions that compute. Imported in child processes only.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from couchreg.sandbox.inside.channel import Reply

LONGEST = 64 << 10  # bytes of a statement
_BLANK = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)*+"
_EXPLAIN = re.compile(rf"{_BLANK}explain\b{_BLANK}(analyze\b)?", re.IGNORECASE)
# Functions that make rows out of nothing but their arguments.
_ROWS = frozenset(("range", "generate_series", "unnest", "json_each", "json_tree", "repeat"))
# Functions that tell of the server, or that reach out of the statement.
_FORBIDDEN = re.compile(
    r"read_.*|parquet_.*|sniff_.*|glob|getenv|query|query_table|current_setting|getvariable|duckdb_.*|pragma_.*|"
    r"pg_.*|sqlite_.*|which_secret|write_log|parse_duckdb_log_message|nextval|currval|in_search_path|version|"
    r"current_database|current_schemas?|current_query|txid_current|sleep_ms|setval|json_execute_serialized_sql|"
    r"json_serialize_.*|json_deserialize_.*|.*_secret|.*_scan|arrow_.*|pandas_.*|python_.*|.*checkpoint|"
    r"enable_.*|disable_.*|truncate_.*|from_substrait.*|get_substrait.*|summary|test_.*"
)
# Those that give something else each time.
_VOLATILE = frozenset(
    (
        *("random", "setseed", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "now", "today", "age"),
        *("current_date", "current_time", "current_timestamp", "get_current_time", "get_current_timestamp"),
        *("localtime", "localtimestamp", "transaction_timestamp"),
        *("current_localtime", "current_localtimestamp"),
    )
)
_MOMENTS = ("now", "today", "yesterday", "tomorrow")
_SYSTEM = re.compile(r"duckdb_|pg_|pragma_|sqlite_")


class RefusedStatement(Exception):
    """The statement is not asked: why, and at which byte."""

    def __init__(self, reason: str, place: int | None = None) -> None:
        self.reason, self.place = reason, place
        super().__init__(reason)


def answer(job: bytes, reply: Reply) -> bytes:
    try:
        found = read(job.decode())
    except RefusedStatement as refused:
        found = {"error": refused.reason, "place": refused.place}
    return json.dumps(found).encode()


def read(text: str) -> dict[str, Any]:
    """What a statement asks for. Raises Refused."""
    if len(text.encode()) > LONGEST:
        raise RefusedStatement(f"A statement has {LONGEST >> 10} KiB at most.")
    explain = _EXPLAIN.match(text)
    inner = text[explain.end() :] if explain else text
    before = len(text[: explain.end()].encode()) if explain else 0
    try:
        found = _Reading(_parsed(inner)).result()
    except RefusedStatement as refused:
        place = None if refused.place is None else refused.place + before
        raise RefusedStatement(refused.reason, place) from None
    return {**found, "explain": explain is not None, "analyze": bool(explain and explain[1]), "inner": inner}


class _Parser:
    """A DuckDB that reads statements and runs none, so that one does for all; opening it takes longer than
    reading."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None

    def parsed(self, text: str) -> tuple[Sequence[duckdb.Statement], Any]:
        """The statements in a text (none, where it cannot be read), and the text as DuckDB's JSON. Raises
        Refused."""
        opened = self._connection or duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
        self._connection = None  # one that has failed in some unforeseen way is not used again
        try:
            statements = opened.extract_statements(text)
        except (duckdb.ParserException, duckdb.NotImplementedException):
            statements = []  # told below, with its place
        except duckdb.Error as error:
            raise RefusedStatement(_first_line(str(error))) from None
        [[serialized]] = opened.execute("SELECT json_serialize_sql($text)", {"text": text}).fetchall()
        self._connection = opened
        return statements, json.loads(serialized)


_parser = _Parser()


def _parsed(text: str) -> Any:
    """The one SELECT in the text, as DuckDB has it."""
    statements, found = _parser.parsed(text)
    if len(statements) > 1:
        raise RefusedStatement("Only one statement is answered at a time.")
    kinds = {statement.type.name for statement in statements}
    if kinds - {"SELECT"}:
        raise RefusedStatement(f"Only SELECT is answered, and EXPLAIN of one: this is {kinds.pop()}.", 0)
    if found["error"]:
        place = found.get("position")
        message = str(found["error_message"])
        raise RefusedStatement(
            message[:1].upper() + message[1:] + ".", int(place) if place is not None else None
        )
    if len(found["statements"]) != 1:
        raise RefusedStatement("There is no statement: write SELECT …")
    return found["statements"][0]["node"]


class _Reading:
    """Goes through all that a statement consists of."""

    def __init__(self, node: Any) -> None:
        self._nodes = list(_objects(node))
        self._named = {name.casefold() for item in self._nodes for name in _named_queries(item)}

    def result(self) -> dict[str, Any]:
        tables: list[list[Any]] = []
        named: list[list[Any]] = []  # the same, at each place where it stands
        volatile = False
        for name in self._named:
            if _SYSTEM.match(name):
                raise RefusedStatement(f"A query cannot be called {name!r}: choose another name.")
        for item in self._nodes:
            kind, place = item.get("type"), _place(item)
            if kind == "BASE_TABLE":
                table = self._table(item, place)
                named += [table] if table else []
                tables += [table] if table and table[:2] not in [known[:2] for known in tables] else []
            elif kind == "TABLE_FUNCTION":
                self._check_rows(item, place)
            elif kind in ("SHOW_REF", "COLUMN_DATA", "DELIM_GET"):
                raise RefusedStatement(
                    "Only SELECT is answered: an answer names its columns and their types.", place
                )
            if "function_name" in item:
                self._check_function(str(item["function_name"]).casefold(), place)
            volatile = volatile or _is_volatile(item)
        return {"tables": tables, "named": named, "volatile": volatile}

    def _table(self, item: dict[str, Any], place: int | None) -> list[Any] | None:
        schema, name = str(item.get("schema_name", "")), str(item.get("table_name", ""))
        if item.get("at_clause"):
            raise RefusedStatement('Versions stand in the name: "package@version".table.', place)
        if not schema and not item.get("catalog_name") and name.casefold() in self._named:
            return None
        if not schema or item.get("catalog_name"):
            raise RefusedStatement(
                f'There is no table {name!r}: write package.table, or "package@version".table.', place
            )
        return [schema, name, place]

    @staticmethod
    def _check_rows(item: dict[str, Any], place: int | None) -> None:
        name = str((item.get("function") or {}).get("function_name", "")).casefold()
        if name not in _ROWS:
            raise RefusedStatement(f"Tables cannot be made with {name!r}: use package.table.", place)

    @staticmethod
    def _check_function(name: str, place: int | None) -> None:
        if _FORBIDDEN.fullmatch(name):
            raise RefusedStatement(f"The function {name!r} is not to be had here.", place)


def _is_volatile(item: dict[str, Any]) -> bool:
    """Whether something may be another value the next time: a call, which may lack its parentheses, a sample,
    or a word that means a moment."""
    names = item.get("column_names")
    alone = names[0] if isinstance(names, list) and len(names) == 1 else ""
    literal = item.get("literal")
    text = literal.get("text") if isinstance(literal, dict) else None
    words = {str(word).casefold() for word in (item.get("function_name", ""), alone)}
    return bool(words & _VOLATILE or item.get("sample") or str(text).strip().casefold() in _MOMENTS)


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """All objects in a parsed statement, however deep."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _named_queries(item: dict[str, Any]) -> Iterator[str]:
    """The names of queries in WITH."""
    named = item.get("cte_map")
    for entry in named.get("map", ()) if isinstance(named, dict) else ():
        yield str(entry["key"])


def _place(item: dict[str, Any]) -> int | None:
    place = item.get("query_location")
    return place if isinstance(place, int) and place < LONGEST else None


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:300]
