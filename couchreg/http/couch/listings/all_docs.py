"""`_all_docs`, `_design_docs` and `_local_docs`: the documents of a database by id.

Source: https://docs.couchdb.org/en/stable/api/database/bulk-api.html
"""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest, QueryParseError
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings import key_rows, range_rows
from couchreg.http.couch.listings.namespaces import ALL, DESIGN, LOCAL, Namespace
from couchreg.http.couch.listings.view_query import ViewQuery, limit_rows
from couchreg.turns import TimeSlice


async def get(ctx: Context) -> web.StreamResponse:
    return await _get(ctx, ALL)


async def post(ctx: Context) -> web.StreamResponse:
    return await _post(ctx, ALL)


async def queries(ctx: Context) -> web.StreamResponse:
    return await _queries(ctx, ALL)


async def design_get(ctx: Context) -> web.StreamResponse:
    return await _get(ctx, DESIGN)


async def design_post(ctx: Context) -> web.StreamResponse:
    return await _post(ctx, DESIGN)


async def design_queries(ctx: Context) -> web.StreamResponse:
    return await _queries(ctx, DESIGN)


async def local_get(ctx: Context) -> web.StreamResponse:
    return await _get(ctx, LOCAL)


async def local_post(ctx: Context) -> web.StreamResponse:
    return await _post(ctx, LOCAL)


async def local_queries(ctx: Context) -> web.StreamResponse:
    return await _queries(ctx, LOCAL)


async def _get(ctx: Context, namespace: Namespace) -> web.StreamResponse:
    keys = None
    if "keys" in ctx.query:
        keys = _keys(ctx.query_json("keys"), "`keys` parameter must be an array.")
    return await _answer(ctx, namespace, ViewQuery(keys=keys).read(ctx.pairs))


async def _post(ctx: Context, namespace: Namespace) -> web.StreamResponse:
    """Options may stand in the body too; those of the query string win."""
    ctx.require_json()
    body = await ctx.json_object()
    keys = None
    if "keys" in body:
        keys = _keys(body["keys"], "`keys` body member must be an array.")
    return await _answer(ctx, namespace, ViewQuery(keys=keys).read_body(body).read(ctx.pairs))


def _keys(value: Any, complaint: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequest(complaint)
    return value


async def _answer(ctx: Context, namespace: Namespace, query: ViewQuery) -> web.StreamResponse:
    query.check()
    writer = RowWriter(ctx, [MUST_REVALIDATE])
    if not ctx.is_head:
        await _write(ctx, writer, namespace, query)
        await writer.write(b"\n")
    return await writer.finish()


async def write_all(ctx: Context, writer: RowWriter, query: ViewQuery) -> None:
    """The rows of `_all_docs`, for a list function. Raises QueryParseError."""
    query.check()
    await _write(ctx, writer, ALL, query)


async def _write(ctx: Context, writer: RowWriter, namespace: Namespace, query: ViewQuery) -> None:
    is_of_partition = query.partition is not None
    if is_of_partition and not await ctx.db.setting("partitioned"):
        raise QueryParseError("`partition` parameter is not supported on this db")
    limit_rows(ctx.settings, query, partition=is_of_partition)
    if query.keys is None:
        await range_rows.write(ctx.db, writer, namespace, query)
    else:
        await key_rows.write(ctx.db, writer, namespace, query)


async def _queries(ctx: Context, namespace: Namespace) -> web.StreamResponse:
    """Several queries in one request; what one does not say, the query string says for it."""
    wanted = await _read_queries(ctx)
    writer = RowWriter(ctx, [MUST_REVALIDATE])
    await writer.write(b'{"results":[')
    for number, query in enumerate(wanted):
        await writer.write(b",\r\n" if number else b"\r\n")
        await _write(ctx, writer, namespace, query)
    await writer.write(b"\r\n]}\n")
    return await writer.finish()


async def _read_queries(ctx: Context) -> Sequence[ViewQuery]:
    body = await ctx.json_object()
    if "queries" not in body:
        raise BadRequest("POST body must include `queries` parameter.")
    given = body["queries"]
    if not isinstance(given, list):
        raise BadRequest("`queries` member must be an array.")
    ctx.allowance.check_list(given, "queries")
    shared = ViewQuery().read(ctx.pairs)
    wanted, turn = [], TimeSlice()
    for one in given:
        wanted.append(_one_query(shared.shared(), one))
        await turn.pass_on()
    return wanted


def _one_query(query: ViewQuery, given: Any) -> ViewQuery:
    if not isinstance(given, dict):
        raise BadRequest("`queries` member must be an array of JSON objects.")
    query.read_body(given)
    query.check()
    return query
