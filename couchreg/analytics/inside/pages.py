"""A page of rows with what is said of it: how many there are, a summary, members that the server has made.

The member `page` of a job is ``{form, head, name, rows, count, summary, tail, most}``. The body is the
members of `head`, then `name`: the rows, then those of `count` ``{name, sql, parameters}`` and `summary`
``{sql, parameters}``, either of which may be null, then those of `tail`. `rows` is ``{sql, parameters}``, or
for rows by their place ``{offset, length}``, see `places`. By `form` a row is ``{row_idx, row,
truncated_cells}`` (``rows``; the first column is the place), an object (``cells``), or a line of CSV, and the
rows are all there is (``csv``). With `most` cells are cut and rows left out until they have so many bytes,
and the member `truncated` says whether rows were. Imported in child processes only.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from couchreg.analytics.inside.connecting import connected, fault, unopened
from couchreg.analytics.inside.sending import AnswerParts
from couchreg.analytics.inside.writing import cell, csv_of, encode, plain, rows_of

_CUT = 100  # characters that are left of a cell
_BATCH = 2048  # rows
Rows = Iterator[tuple[Any, ...]]


def answer(asked: Mapping[str, Any], parts: AnswerParts) -> bytes:
    page = asked["page"]
    try:
        connection = connected(asked)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return unopened()
    try:
        _ask(page, connection, parts)
        return parts.rest()
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, pa.ArrowException) as error:
        if parts.has_begun:
            raise  # there is no other way to tell
        return json.dumps(fault(error, asked, connection)).encode()


def _ask(page: Mapping[str, Any], connection: duckdb.DuckDBPyConnection, parts: AnswerParts) -> None:
    later: dict[str, Any] = {}
    if page["count"] is not None:
        [[later[page["count"]["name"]]]] = _relation(connection, page["count"]).fetchall()
    if page["summary"] is not None:
        table = _relation(connection, page["summary"]).to_arrow_table()
        [row] = [row for batch in table.to_batches() for row in rows_of(batch)]
        later["summary"] = dict(zip(table.column_names, map(plain, row), strict=True))
    reader = _relation(connection, page["rows"]).to_arrow_reader(_BATCH)
    names = list(reader.schema.names)
    if page["form"] == "rows":
        names = names[1:]
    send(page, names, (row for batch in reader for row in rows_of(batch)), later, parts)


def _relation(connection: duckdb.DuckDBPyConnection, statement: Mapping[str, Any]) -> Any:
    return connection.sql(statement["sql"], params=statement["parameters"] or None)


def send(
    page: Mapping[str, Any], names: list[str], rows: Rows, later: Mapping[str, Any], parts: AnswerParts
) -> None:
    """Rows as a page says; `later` are members behind them."""
    if page["form"] == "csv":
        parts.add(csv_of([names]))
        for row in rows:
            parts.add(csv_of([[cell(value) for value in row]]))
        return
    shown: Iterator[dict[str, Any]] = (_shown(page["form"], names, row) for row in rows)
    tail = {**later, **page["tail"]}
    if page["most"] is not None:
        fitted, truncated = _fitted(list(shown), page["most"])
        shown, tail = iter(fitted), {**tail, "truncated": truncated}
    head = b"".join(encode(name) + b":" + encode(value) + b"," for name, value in page["head"].items())
    parts.add(b"{" + head + encode(page["name"]) + b":[")
    for number, item in enumerate(shown):
        parts.add((b",\n" if number else b"") + encode(item))
    parts.add(b"]" + b"".join(b"," + encode(name) + b":" + encode(value) for name, value in tail.items()))
    parts.add(b"}\n")


def _shown(form: str, names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    if form == "cells":
        return dict(zip(names, map(plain, row), strict=True))
    values = dict(zip(names, map(plain, row[1:]), strict=True))
    return {"row_idx": row[0], "row": values, "truncated_cells": []}


def _fitted(rows: list[dict[str, Any]], most: int) -> tuple[list[dict[str, Any]], bool]:
    """The rows, cut from the last one on until all have no more than `most` bytes; of what is too long even
    so the last are left out, and that is told."""
    sizes = [len(encode(row)) for row in rows]
    for place in reversed(range(len(rows))):
        if sum(sizes) <= most:
            break
        rows[place] = _cut(rows[place])
        sizes[place] = len(encode(rows[place]))
    kept = list(rows)
    while len(kept) > 1 and sum(sizes[: len(kept)]) > most:
        kept.pop()
    return kept, len(kept) < len(rows)


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    cells, cut = {}, []
    for name, value in row["row"].items():
        cells[name] = value
        if isinstance(value, str) and len(value) > _CUT:
            cells[name] = value[:_CUT]
            cut.append(name)
    return {**row, "row": cells, "truncated_cells": cut}
