"""Views over HTTP: one query, several, and what the index says of itself.

Source: https://docs.couchdb.org/en/stable/api/ddoc/views.html
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from couchreg.designdocs.functions import Design
from couchreg.designdocs.views.answers import LARGEST, ReduceQuestion
from couchreg.designdocs.views.definition import View, edges
from couchreg.designdocs.views.engine import Index
from couchreg.designdocs.views.reading import IndexRow, KeyBound, Read
from couchreg.designdocs.views.reducers import OVERFLOW, Reduces, overflow_of, reducer_of
from couchreg.designdocs.views.reducing import EXACT, reduced
from couchreg.docstore.base import Revision
from couchreg.errors import BadRequest, QueryParseError, ReversedRange
from couchreg.http.couch.design.view_rows import write_rows
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, answer_json
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings.view_query import UNSET, ViewQuery, limit_rows
from couchreg.model import json
from couchreg.model.collation import COLLATOR_VERSION
from couchreg.turns import TimeSlice
from couchreg.wire import rows

METHODS = "GET,POST,HEAD"
SHORT: Final = 8 << 10  # bytes of a query whose sort keys are made on the event loop
REVERSED = "No rows can match your key range, reverse your start_key and end_key or set descending={}"


async def get(ctx: Context) -> web.StreamResponse:
    design, name = await _addressed(ctx)
    return await _view(ctx, ViewQuery().read(ctx.pairs), design, name)


async def post(ctx: Context) -> web.StreamResponse:
    """The body may hold every parameter; those of the query string win."""
    design, name = await _addressed(ctx)
    ctx.require_json()
    body = await ctx.json_object()
    if _list_in(body, "queries") is not None:
        raise BadRequest("The `queries` parameter is no longer supported at this endpoint")
    _list_in(body, "keys")
    return await _view(ctx, ViewQuery().read_body(body).read(ctx.pairs), design, name)


async def queries(ctx: Context) -> web.StreamResponse:
    """`POST …/queries`: several queries of one view, answered in order."""
    design, name = await _addressed(ctx)
    ctx.require_json()
    body = await ctx.json_object()
    asked = _list_in(body, "queries")
    if asked is None:
        raise BadRequest("POST body must include `queries` parameter.")
    ctx.allowance.check_list(asked, "queries")
    shared = ViewQuery().read(ctx.pairs)
    index, view = await _indexed(ctx, design, name)
    wanted = []
    for item in asked:
        if not isinstance(item, dict):
            raise BadRequest("`queries` must be an array of objects.")
        wanted.append(shared.shared().read_body(item))
    await _refreshed(ctx, index)
    answers, turn = [], TimeSlice()
    for query in wanted:
        answers.append(await _answering(ctx, index, view, query))
        await turn.pass_on()  # each makes sort keys of the keys in the query string again
    writer = RowWriter(ctx, [MUST_REVALIDATE])
    await writer.write(b'{"results":[')
    for place, answer in enumerate(answers):
        await writer.write(b",\r\n" if place else b"\r\n")
        await answer.write(writer)
    await writer.write(b"\r\n]}\n")
    return await writer.finish()


def _list_in(body: Mapping[str, Any], name: str) -> list[Any] | None:
    """A member that must be a list where there is one. Raises BadRequest."""
    if not isinstance(body.get(name, []), list):
        raise BadRequest(f"`{name}` member must be an array.")
    return body.get(name)


async def info(ctx: Context) -> Answer:
    """`…/_info`: the index of a design document."""
    design = await ctx.db.revision(f"_design/{ctx.match['ddoc']}")
    index, _ = await ctx.services.views.index(ctx.db, design)
    seq = await ctx.db.parse_since(await index.seq())
    pending = await ctx.db.pending(seq)
    size, used = await asyncio.to_thread((await index.file()).sizes)
    about = {
        "signature": index.definition.signature,
        "language": index.definition.language,
        "sizes": {"file": size, "external": used, "active": used},
        "updater_running": index.is_updating,
        "compact_running": index.is_compacting,
        "waiting_commit": False,
        "waiting_clients": index.waiting,
        "update_seq": seq.number,
        "purge_seq": 0,
        "collator_versions": [COLLATOR_VERSION],
        "updates_pending": dict.fromkeys(("minimum", "preferred", "total"), pending),
    }
    return answer_json({"name": ctx.match["ddoc"], "view_index": about})


async def cleanup(ctx: Context) -> Answer:
    """`POST /{db}/_view_cleanup`: remove indexes that no design document needs."""
    await ctx.services.views.cleanup(ctx.db)
    return answer_json({"ok": True}, status=202)


async def _addressed(ctx: Context) -> tuple[Revision, str]:
    """The design document, which is looked for before what is asked of it, and the name of its view."""
    name = ctx.match["view"] if "view" in ctx.match else ctx.match["path"]
    design = await ctx.db.revision(ctx.doc_id)
    if not name or "/" in name:
        raise MethodNotAllowed(METHODS)
    return design, name


async def _indexed(ctx: Context, design: Revision, name: str) -> tuple[Index, View]:
    index, definition = await ctx.services.views.index(ctx.db, design)
    return index, definition.view(name)


async def _refreshed(ctx: Context, index: Index) -> None:
    """As `update` and the older `stale` ask: before the answer, after it, or not at all."""
    update = ctx.query.get("update", "true")
    stale = ctx.query.get("stale")
    if update == "lazy" or stale == "update_after":
        index.refresh(ctx.db)
    elif update != "false" and stale != "ok":
        await index.fresh(ctx.db)


async def _view(ctx: Context, query: ViewQuery, design: Revision, name: str) -> web.StreamResponse:
    index, view = await _indexed(ctx, design, name)
    writer = RowWriter(ctx, [MUST_REVALIDATE])
    await _write(ctx, writer, query, index, view)
    await writer.write(b"\n")
    return await writer.finish()


async def write(ctx: Context, writer: RowWriter, query: ViewQuery, design: Revision, name: str) -> None:
    """The rows of a view of any design document, for a list function. Raises NotFound, QueryParseError."""
    await _write(ctx, writer, query, *await _indexed(ctx, design, name))


async def _write(ctx: Context, writer: RowWriter, query: ViewQuery, index: Index, view: View) -> None:
    answering = await _answering(ctx, index, view, query)
    await _refreshed(ctx, index)
    await answering.write(writer)


async def _answering(ctx: Context, index: Index, view: View, query: ViewQuery) -> "ViewAnswering":
    """Its sort keys are made elsewhere where there are many, or long ones. Raises QueryParseError."""
    if ctx.received + len(ctx.raw_query) <= SHORT:
        return ViewAnswering(ctx, index, view, query)
    return await asyncio.to_thread(ViewAnswering, ctx, index, view, query)


def _reduced_row(key: Any, value: Any) -> bytes:
    text = bytes(value) if isinstance(value, json.Raw) else json.encode(value)
    if (reason := overflow_of(text)) is not None:
        return b'{"key":null,"error":"%b","reason":%b}' % (OVERFLOW.encode(), json.encode(reason))
    return b'{"key":%b,"value":%b}' % (json.encode(key), json.encode(value))


class ViewAnswering:
    """One query of a view. Raises QueryParseError for what cannot go together."""

    def __init__(self, ctx: Context, index: Index, view: View, query: ViewQuery) -> None:
        self._ctx = ctx
        self._index = index
        self._view = view
        self._query = query
        self._order = index.definition.order(view.map, query.partition)
        self._reduces = bool(view.reduce) and query.flags.get("reduce", True)
        if self._reduces:
            query.check_reduce()
        else:
            query.check(map_only=not view.reduce)
        self._check_partition(ctx)
        self._reads = self._wanted()
        self._check_range()

    def _check_partition(self, ctx: Context) -> None:
        partitioned, asked = self._index.definition.partitioned, self._query.partition is not None
        if partitioned and not asked:
            raise QueryParseError("`partition` parameter is mandatory for queries to this view.")
        if asked and not partitioned:
            raise QueryParseError("`partition` parameter is not supported in this design doc")
        limit_rows(ctx.settings, self._query, partition=partitioned)

    def _check_range(self) -> None:
        query = self._query
        if query.keys is not None or UNSET in (query.start, query.end):
            return
        [read] = self._reads
        first, last = read.first.sort, read.last.sort  # type: ignore[union-attr]
        if (first < last) if query.descending else (first > last):
            raise ReversedRange(REVERSED.format("false" if query.descending else "true"))

    async def write(self, writer: RowWriter) -> None:
        if self._reduces:
            await self._write_reduced(writer)
        else:
            await self._write_mapped(writer)

    # -- rows as they are

    async def _write_mapped(self, writer: RowWriter) -> None:
        query, file = self._query, await self._index.file()
        with_seq = query.flags.get("update_seq", False)
        total = file.total(self._view.map)
        reads = self._reads
        offset = await self._offset(reads, total)
        seq = await self._index.seq() if with_seq else None
        await writer.write(rows.head(total, offset, seq, with_seq=with_seq))
        await write_rows(self._ctx.db, writer, self._paged(reads), query.docs)
        await writer.write(rows.TAIL)

    async def _offset(self, reads: Sequence[Read], total: int) -> int:
        """How many rows come before the first one, in reading order; of its partition, if there is one."""
        beginning, _ = self._edges()
        if not reads or reads[0].first in (None, beginning):
            return min(self._query.skip, total)
        first = reads[0].first
        assert first is not None
        before = KeyBound(first.sort, first.id, inclusive=False)
        read = Read(self._view.map, beginning, before, reads[0].descending)
        file = await self._index.file()
        return min(total, file.count(read) + self._query.skip)

    def _edges(self) -> tuple[KeyBound | None, KeyBound | None]:
        """Where the rows begin and end that may be asked for."""
        if self._query.partition is None:
            return None, None
        low, high = (KeyBound(edge, None) for edge in edges(self._query.partition))
        return (high, low) if self._query.descending else (low, high)

    def _wanted(self) -> list[Read]:
        """The ranges that are asked for: one, or one for each key."""
        query = self._query
        if query.keys is not None:
            keys = list(reversed(query.keys)) if query.descending else query.keys
            sorts = [self._order(key) for key in keys]
            ends = [(KeyBound(sort, query.start_docid), KeyBound(sort, query.end_docid)) for sort in sorts]
            return [Read(self._view.map, *pair, query.descending) for pair in ends]
        first, last = self._edges()
        if query.start is not UNSET:
            first = KeyBound(self._order(query.start), query.start_docid)
        if query.end is not UNSET:
            is_one = first is not None and query.end is query.start  # as `key` makes them
            sort = first.sort if first is not None and is_one else self._order(query.end)
            last = KeyBound(sort, query.end_docid, query.inclusive_end)
        return [Read(self._view.map, first, last, query.descending)]

    async def _paged(self, reads: Sequence[Read]) -> AsyncIterator[list[IndexRow]]:
        """The rows of the ranges, one after the other, as `skip` and `limit` leave them."""
        skip, left = self._query.skip, self._query.limit
        for read in reads:
            if left == 0:
                return
            if len(reads) > 1 and skip:
                passed = min(skip, (await self._index.file()).count(read))
                skip -= passed
            else:
                passed, skip = skip, 0
            async for found in self._index.rows(read, skip=passed, limit=left):
                left = None if left is None else left - len(found)
                yield found

    # -- rows reduced

    async def _write_reduced(self, writer: RowWriter) -> None:
        query = self._query
        head = b"{"
        if query.flags.get("update_seq", False):
            head += b'"update_seq":%b,' % json.encode(await self._index.seq())
        await writer.write(head + b'"rows":[\r\n')
        if query.limit != 0:
            await self._write_groups(writer)
        await writer.write(rows.TAIL)

    async def _write_groups(self, writer: RowWriter) -> None:
        """As they are remembered, or else to be remembered, if the index stays as it is meanwhile."""
        functions, text = self._ctx.services.functions, self._index.definition.text
        place = (self._index.path.parent.name, Design("", "", "", text))
        reducer, level = reducer_of(self._view.reduce or "", functions, place), self._level()
        file, answers, query = await self._index.file(), self._ctx.services.views.answers, self._query
        reads = tuple(self._reads)
        question = ReduceQuestion(file.state, reducer.digest, level, reads, query.skip, query.limit)
        is_kept = file.is_quiet and question.is_small
        known = answers.get(question) if is_kept else None
        if known is not None:
            await writer.write(known)
            return
        pieces, size = [], 0
        async for piece in self._group_rows(reads, level, reducer):
            size += len(piece)
            if is_kept and size <= LARGEST:
                pieces.append(piece)
            await writer.write(piece)
        if is_kept and size <= LARGEST and file.state == question.state:
            answers.put(question, b"".join(pieces))

    async def _group_rows(self, reads: Sequence[Read], level: int, reducer: Reduces) -> AsyncIterator[bytes]:
        separator = b""
        skip, left = self._query.skip, self._query.limit
        for read in reads:
            async for group in reduced(self._index, read, level, reducer):
                if skip:
                    skip -= 1
                    continue
                if left == 0:
                    return
                left = None if left is None else left - 1
                yield separator + _reduced_row(group.key, group.value)
                separator = rows.BETWEEN

    def _level(self) -> int:
        if self._query.flags.get("group"):
            return self._query.numbers.get("group_level", EXACT)
        return self._query.numbers.get("group_level", 0)
