"""The page of a table: its rows, page by page, as they are filtered and ordered."""

import asyncio
from typing import Any, Final, NamedTuple

from aiohttp import web
from yarl import URL

from couchreg.analytics.ledger import FAILED, PENDING, Table
from couchreg.analytics.quoting import quoted
from couchreg.analytics.viewing import RowSlice, filtered, searched
from couchreg.docstore.base import Attachment
from couchreg.errors import BadRequest, BadStatement, CouchregError, NotFound
from couchreg.http.registry.analytics.streaming import asking_of, check_package
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.gathering import decoded, gathered
from couchreg.http.registry.pages.picturing import (
    AMOUNTS,
    LONGEST_COURSE,
    TIMES,
    drawn_views,
    key_of,
    preview,
)
from couchreg.http.registry.pages.waiting import FILLING, PageDeadline, deadline_of, made
from couchreg.http.registry.pages.wanted import show
from couchreg.http.registry.reading.files import version_of
from couchreg.http.registry.reading.packages import number
from couchreg.model import json
from couchreg.package.descriptor import Resource
from couchreg.package.tables import parquet_address
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of
from couchreg.web.charts import Spread, line, spread
from couchreg.web.columns import described
from couchreg.web.showing import placed, plain

_ROWS: Final = 50  # of a page
_FARTHEST: Final = 999_999_999
_MOST: Final = 1 << 20  # bytes of cells
_MOST_KEPT: Final = 128 << 10  # bytes of a page that is remembered
_LONGEST: Final = 1000  # characters of a condition
_REPEATED: Final = 200  # characters of a condition, in the heading of each column
_COLUMNS: Final = 200  # that are shown
_BETWEEN_LOOKS: Final = 0.2
_NUMBERS: Final = ("integer", "number", "year")  # types whose cells stand at the right


class TableWish(NamedTuple):
    """Which rows, as the form says it."""

    query: str
    where: str
    order: str
    down: bool
    offset: int

    @property
    def is_plain(self) -> bool:
        return not (self.query.strip() or self.where.strip() or self.order)


async def page(call: Call) -> web.StreamResponse:
    """`GET /-/table/:name/:version/:resource`, for everybody: it has no other form than HTML."""
    version = await version_of(call)
    resource = version.resources.get(call.part("path"))
    if resource is None:
        raise NotFound(f"{version.name} {version.version} has no resource {call.part('path')[:200]!r}.")
    check_package(call, version.name)
    wish, deadline = _wish(call), deadline_of(call)
    table = await _table(call, version, resource, deadline)
    shown: dict[str, Any] = {
        "columns": [],
        "rows": [],
        "total": 0,
        "problem": _unready(table),
        "course": None,
        "views": [],
    }
    has_rows = table is not None and not shown["problem"]
    seen = await preview(call, version, resource, deadline, opened=not has_rows)
    if table is not None and has_rows:
        shown |= await _rows(call, resource, table, wish, deadline)
        if wish.is_plain and not wish.offset:
            shown["views"] = await drawn_views(call, version, resource, table, deadline)
    elif table is None and seen["kind"]:
        shown["problem"] = ""
    base, address = call.base, (version.name, version.version, resource.name)
    return await show(
        call,
        "table.html",
        script=FILLING if deadline.is_over else "",
        rest=deadline.rest,
        pictured=_file(version, resource) if seen["kind"] == "image" else None,
        frames=seen["frames"],
        asked="",
        title=plain(resource.members.get("title")),
        description=plain(resource.members.get("description")),
        name=version.name,
        version=version.version,
        resource=resource.name,
        url=url_of(base, "-", "table", *address),
        package_url=url_of(base, version.name, version.version),
        data_url=url_of(base, *address),
        parquet=parquet_address(base, *address) if shown["columns"] else "",
        sql_url=_sql(base, version, resource),
        seen=seen,
        described=described(resource.members.get("schema")) if table is not None else [],
        query=wish.query,
        where=wish.where,
        order=wish.order,
        down=wish.down,
        offset=wish.offset,
        before=_turned(wish, max(0, wish.offset - _ROWS)) if wish.offset else "",
        following=_turned(wish, wish.offset + _ROWS) if wish.offset + _ROWS < shown["total"] else "",
        **shown,
    )


def _file(version: Version, resource: Resource) -> Attachment | None:
    return next((version.files[path] for path in resource.paths if path in version.files), None)


def _wish(call: Call) -> TableWish:
    given = call.request.query
    texts = [given.get(name, "")[: _LONGEST + 1] for name in ("query", "where", "order")]
    if any(len(one) > _LONGEST for one in texts):
        raise BadRequest(f"A condition has {_LONGEST} characters at most.")
    query, where, order = texts
    return TableWish(query, where, order, bool(given.get("down")), number(call, "offset", 0, _FARTHEST))


async def _table(call: Call, version: Version, resource: Resource, deadline: PageDeadline) -> Table | None:
    """Whoever has just published looks at once: one that is being made is waited for a little."""
    if call.services.tables is None:
        return None
    found = await _found(call, version, resource)
    with call.while_there():
        async with deadline.time(deadline.for_table):
            while found is not None and found.state == PENDING:
                await asyncio.sleep(_BETWEEN_LOOKS)
                found = await _found(call, version, resource)
    return found


async def _found(call: Call, version: Version, resource: Resource) -> Table | None:
    return next((one for one in await call.tables.of(version) if one.resource == resource.name), None)


def _unready(table: Table | None) -> str:
    if table is None:
        return "This resource is not a table that can be shown here."
    if table.state == PENDING:
        return "The table is being read: look again in a moment."
    if table.state == FAILED:
        place = "".join(
            f", {word} {value}" for word, value in (("row", table.row), ("field", table.field)) if value
        )
        return f"The table cannot be shown: {table.reason}{place}"
    return ""


async def _rows(
    call: Call, resource: Resource, table: Table, wish: TableWish, deadline: PageDeadline
) -> dict[str, Any]:
    """`columns`, `rows`, `total`, and `problem` for a condition that makes no sense."""
    columns = json.decode(table.columns.encode())
    found: dict[str, Any] | None = None
    problem = ""
    try:
        async with deadline.time(deadline.for_answers):
            found = await _read(call, table, wish)
    except (BadStatement, BadRequest) as error:
        problem = error.reason
    told = {one.name: one.description for one in described(resource.members.get("schema"))}
    spreads = await _spreads(call, table, deadline)
    shown: dict[str, Any] = {
        "columns": [
            {
                "name": one["name"],
                "type": one["type"],
                "description": told.get(one["name"], ""),
                "right": one["type"] in _NUMBERS,
                "spread": spreads.get(one["name"]),
                "ordered": _ordered(wish, one["name"]),
            }
            for one in columns[:_COLUMNS]
        ],
        "rows": [],
        "total": 0,
        "problem": "",
        "course": None,
    }
    if wish.is_plain and not wish.offset:
        shown["course"] = await _course(call, resource, table, deadline)
    if found is None:
        return {**shown, "problem": problem}
    names = [one["name"] for one in columns[:_COLUMNS]]
    shown["rows"] = [
        {"place": row["row_idx"] + 1, "cells": [placed(row["row"].get(name)) for name in names]}
        for row in found["rows"]
    ]
    return {**shown, "total": found.get("num_rows_total", table.rows)}


async def _read(call: Call, table: Table, wish: TableWish) -> dict[str, Any]:
    """The rows that are wished for. A table never changes, nor do they: short pages are kept, so that who
    looks at the same again, and most look at the first, needs no child for it."""
    key = ("ROWS", table.sha256, *(str(part) for part in wish))
    kept = call.services.rendered.get(key)
    if kept is not None:
        return dict(await decoded(kept.body))

    async def make() -> bytes:
        body = await _asked(call, table, wish)
        if len(body) <= _MOST_KEPT:
            call.services.rendered.keep(key, Rendering("", body, {}))
        return body

    return dict(await decoded(await made(call, key, make)))


async def _asked(call: Call, table: Table, wish: TableWish) -> bytes:
    asking, part = asking_of(call), RowSlice(wish.offset, _ROWS)
    page: dict[str, Any] = {"head": {}, "tail": {}, "most": _MOST}
    if wish.is_plain:
        answer = asking.viewing.rows(table, part, page, call.askers)
    else:
        order = f"{quoted(wish.order)} {'DESC' if wish.down else 'ASC'}" if wish.order else ""
        where, by = filtered(table, wish.where, order)
        if wish.query.strip():
            where = f"({where}) AND {searched(table, wish.query)}"
        answer = asking.viewing.matching(table, where, by, part, page, call.askers)
    async with answer as parts:
        return await gathered(asking.answering, parts, 2 * _MOST)  # the cells, and what stands around them


async def _course(
    call: Call, resource: Resource, table: Table, deadline: PageDeadline
) -> dict[str, Any] | None:
    """The first column of numbers along the first one of time, as a line; kept once it is made."""
    columns = json.decode(table.columns)
    keys = key_of(resource)
    across = next((one["name"] for one in columns if one["type"] in TIMES), None)
    amounts = [one["name"] for one in columns if one["type"] in AMOUNTS]
    up = next((name for name in amounts if name not in keys), None)
    if across is None or up is None or table.rows > LONGEST_COURSE:
        return None
    key = ("COURSE", table.sha256, across, up)
    kept = call.services.rendered.get(key)
    if kept is None:

        async def make() -> Rendering:
            found = await asking_of(call).viewing.course(table, across, up, call.askers)
            rendering = Rendering("", json.encode(found), {})
            call.services.rendered.keep(key, rendering)
            return rendering

        try:
            async with deadline.time(deadline.for_pictures):
                kept = await made(call, key, make)
        except CouchregError:
            return None
    if kept is None:
        return None
    drawn = line(json.decode_own(kept.body))
    return {"line": drawn, "across": across, "up": up} if drawn else None


async def _spreads(call: Call, table: Table, deadline: PageDeadline) -> dict[str, Spread]:
    """How the values of each column are spread, where that is known or soon found out: it is kept, so who
    looks again will see it."""
    body = b""
    try:
        async with deadline.time(deadline.for_spreads):
            body = await asking_of(call).viewing.statistics(table, call.askers)
    except CouchregError:
        return {}
    if not body:
        return {}
    return {one["column_name"]: spread(one) for one in json.decode_own(body)["statistics"]}


def _ordered(wish: TableWish, name: str) -> str:
    """The same rows in the order of a column, the other way round where they are in it. Every column has such
    an address, so what is long is not repeated in them: the form still orders those rows."""
    if len(wish.query) + len(wish.where) > _REPEATED:
        return ""
    return _turned(wish._replace(order=name, down=wish.order == name and not wish.down), 0)


def _turned(wish: TableWish, offset: int) -> str:
    asked = {"query": wish.query, "where": wish.where, "order": wish.order, "down": "1" if wish.down else ""}
    pairs = {name: value for name, value in asked.items() if value}
    return "?" + URL("/").with_query({**pairs, "offset": str(offset)}).raw_query_string


def _sql(base: str, version: Version, resource: Resource) -> str:
    table = f"{quoted(f'{version.name}@{version.version}')}.{quoted(resource.name)}"
    statement = f"SELECT * FROM {table} LIMIT 100"  # noqa: S608 - a link; who follows it asks the child
    return url_of(base, "-", "sql") + "?" + URL("/").with_query({"q": statement}).raw_query_string
