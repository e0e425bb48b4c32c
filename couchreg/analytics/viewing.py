"""Single tables as people look at them: pages of rows, those that meet a condition or have some words, and
what their columns are like.

Statistics are made once and kept beside what is known of the tables.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from couchreg.analytics.answering import Answering, NamedTable, is_spent
from couchreg.analytics.filters import condition, literal, order
from couchreg.analytics.ledger import Table
from couchreg.analytics.quoting import quoted
from couchreg.errors import BadRequest, BadStatement
from couchreg.model import json

_SCHEMA, _TABLE = "viewed", "rows"  # what the table is called in its statements
_CPU_SECONDS, _SECONDS = 120, 600  # for the statistics of a table
_PIECES = 400  # of a column that another one is looked at along
_WORDS = 20  # of a search
LONGEST_QUERY = 1000  # characters of a search
_FORM = {"form": "rows", "name": "rows", "summary": None}  # of a page, unless it says otherwise
_SEPARATOR = "\x1f"  # between cells that are searched as one text


class RowSlice(NamedTuple):
    """Which rows of all that there are."""

    offset: int
    length: int


class Viewing:
    """Whoever makes it calls `close`."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._counting: dict[str, asyncio.Task[bytes]] = {}  # statistics under way, by the hash of the table

    async def close(self) -> None:
        for task in self._counting.values():
            task.cancel()
        await asyncio.gather(*self._counting.values(), return_exceptions=True)

    @asynccontextmanager
    async def rows(
        self, table: Table, part: RowSlice, page: Mapping[str, Any], askers: Sequence[str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A page of rows by their place; `page` has `head`, `tail` and `most`, see `inside/pages`. Raises as
        `Answering.run`."""
        rows = {"offset": part.offset, "length": part.length}
        job = {"page": {**_FORM, **page, "rows": rows, "count": None}}
        async with self._answering.run([_wanted(table)], job, askers, by_place=True) as parts:
            yield parts

    @asynccontextmanager
    async def matching(
        self,
        table: Table,
        where: str,
        by: str,
        part: RowSlice,
        page: Mapping[str, Any],
        askers: Sequence[str],
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A page of the rows that meet a condition in SQL, and their number as `num_rows_total`; in the order
        `by`, else in that of the table. Raises as `Answering.run`."""
        numbers = _free_name(table)
        source = f"{quoted(_SCHEMA)}.{quoted(_TABLE)} WHERE {where}"
        ordered = f"ORDER BY {by}, {quoted(numbers)}" if by else ""
        limits = f"LIMIT {part.length} OFFSET {part.offset}"
        rows = {"sql": f"SELECT * FROM {source} {ordered} {limits}", "parameters": None}  # noqa: S608
        count = {"name": "num_rows_total", "sql": f"SELECT count(*) FROM {source}", "parameters": None}  # noqa: S608
        async with self._page(table, {**page, "rows": rows, "count": count}, numbers, askers) as parts:
            yield parts

    @asynccontextmanager
    async def _page(
        self, table: Table, page: Mapping[str, Any], numbers: str | None, askers: Sequence[str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        job = {"page": {**_FORM, **page}, "numbered": numbers}
        async with self._answering.run([_wanted(table)], job, askers) as parts:
            yield parts

    async def course(
        self, table: Table, across: str, up: str, askers: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        """How the average of one column, of numbers, goes along another one, of years, dates or moments:
        ``{label, along, mean}`` for each of up to a few hundred pieces of it, in its order; `along` counts
        years or seconds. Raises as `Answering.run`."""
        column = next(one for one in json.decode(table.columns) if one["name"] == across)
        name, value = quoted(across), f"{quoted(up)}::DOUBLE"
        along = f"{name}::DOUBLE" if column["arrow"] == "int64" else f"epoch({name}::TIMESTAMP)"
        place = f"least({_PIECES - 1}, floor((along - low) / nullif(high - low, 0) * {_PIECES}))"
        sql = (
            f"WITH points AS (SELECT {name} AS label, {along} AS along, {value} AS value"  # noqa: S608 — quoted
            f" FROM {quoted(_SCHEMA)}.{quoted(_TABLE)} WHERE {name} IS NOT NULL AND isfinite({value})),"
            " ends AS (SELECT min(along) AS low, max(along) AS high FROM points)"
            " SELECT min(label)::VARCHAR AS label, min(along) AS along, avg(value) AS mean"
            f" FROM points, ends GROUP BY {place} ORDER BY along"
        )
        rows = {"sql": sql, "parameters": None}
        page = {"form": "cells", "head": {}, "tail": {}, "most": None, "count": None, "rows": rows}
        async with self._page(table, page, None, askers) as parts:
            body = bytearray()
            while part := await self._answering.told(anext(parts, b"")):
                body += part
        found: list[Mapping[str, Any]] = json.decode_own(bytes(body))["rows"]
        return found

    async def statistics(self, table: Table, askers: Sequence[str]) -> bytes:
        """As JSON, see `inside/statistics`. They are made once, whoever asks, and however many do. Raises
        BadStatement for a table that has too many columns or values, TooManyRequests, Unavailable."""
        kept = await self._answering.tables.statistics(table)
        if kept is None:
            task = self._counting.get(table.sha256)
            if task is None:
                task = asyncio.create_task(self._count(table, askers), name=f"statistics of {table.key}")
                self._counting[table.sha256] = task
                task.add_done_callback(lambda done: self._counted(table.sha256, done))
            kept = await asyncio.shield(task)  # who leaves does not end it for the others
        if kept.startswith(b'{"failed"'):
            raise BadStatement(json.decode(kept)["failed"])
        return kept

    def _counted(self, sha256: str, task: asyncio.Task[bytes]) -> None:
        self._counting.pop(sha256, None)
        if not task.cancelled():
            task.exception()  # those who wait for it are told; nobody may be waiting

    async def _count(self, table: Table, askers: Sequence[str]) -> bytes:
        limits = self._answering.longer(_CPU_SECONDS, _SECONDS)
        job = {"statistics": {"columns": json.decode(table.columns), "rows": table.rows}}
        try:
            async with self._answering.run([_wanted(table)], job, askers, limits) as parts:
                body = b""
                while part := await self._answering.told(anext(parts, b""), limits):
                    body += part
        except BadStatement as error:
            if not is_spent(error):
                raise
            body = json.encode({"failed": error.reason})
        await self._answering.tables.keep_statistics(table, body)
        return body


def filtered(table: Table, where: str, orderby: str) -> tuple[str, str]:
    """A condition and an order in SQL; an empty text is none. Raises BadRequest."""
    columns = [column["name"] for column in json.decode(table.columns)]
    return condition(where, columns) if where.strip() else "true", order(orderby, columns) if orderby else ""


def searched(table: Table, query: str) -> str:
    """The condition that each word of a query is in some text of a row, whatever its capitals and accents,
    and also as a part of a word. Raises BadRequest."""
    words = query[: LONGEST_QUERY + 1].split()
    if not words or len(words) > _WORDS or len(query) > LONGEST_QUERY:
        raise BadRequest(f"A search has one word at least, {_WORDS} and {LONGEST_QUERY} characters at most.")
    texts = [quoted(column["name"]) for column in json.decode(table.columns) if is_text(column)]
    if not texts:
        raise BadRequest("The table has no texts that could be searched: /filter looks at numbers and dates.")
    whole = f"strip_accents(lower(concat_ws({literal(_SEPARATOR)}, {', '.join(texts)})))"
    return " AND ".join(f"contains({whole}, strip_accents(lower({literal(word)})))" for word in words)


def is_text(column: Mapping[str, str]) -> bool:
    return column["arrow"] == "string"


def _free_name(table: Table) -> str:
    """For the column of rows' places: one that no other column has."""
    taken = {column["name"].casefold() for column in json.decode(table.columns)}
    name = "row_idx"
    while name in taken:
        name += "_"
    return name


def _wanted(table: Table) -> NamedTable:
    return NamedTable(_SCHEMA, _TABLE, table, pinned=True)
