"""`_find` and `_explain` over HTTP.

Source: https://docs.couchdb.org/en/stable/api/database/find.html
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from couchreg.auth.policy import USERS
from couchreg.designdocs.mango import options, planner, warnings
from couchreg.designdocs.mango.analysis import analyse
from couchreg.designdocs.mango.cursor import Cursor
from couchreg.designdocs.mango.definition import JsonIndex
from couchreg.designdocs.mango.explaining import explained
from couchreg.designdocs.mango.options import MangoQuery
from couchreg.designdocs.mango.planner import Choice
from couchreg.designdocs.views.engine import Index
from couchreg.docstore.base import Range, Row
from couchreg.errors import BadRequest, QueryParseError
from couchreg.http.couch.frame.context import LARGE, Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, answer_json
from couchreg.http.couch.frame.selections import SelectionQuestion
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.model import json
from couchreg.model.addresses import origin
from couchreg.model.selector import Selector

DEFAULT_LIMIT: Final = 25
SCAN_THRESHOLD: Final = 10
BETWEEN: Final = b",\r\n"
SHORT: Final = 8 << 10  # bytes of a query that is planned on the event loop
MANY: Final = 500  # values of a selector that is made ready elsewhere
FIRST: Final = Range(limit=1)


async def find(ctx: Context) -> web.StreamResponse:
    """`POST /{db}/_find`."""
    query, choice = await _planned(ctx, explain=False)
    began = time.monotonic()
    index = await _index(ctx, query, choice)
    cursor = await _off_loop(query, Cursor, ctx.db, query, choice, index, _Large(ctx))
    writer = RowWriter(ctx, [MUST_REVALIDATE])
    await writer.write(b'{"docs":[')
    separator = b"\r\n"
    async for texts in cursor.documents():
        for text in texts if max(map(len, texts)) > LARGE else [BETWEEN.join(texts)]:
            await writer.write(separator)
            await writer.write(text)
            separator = BETWEEN
    members = {} if cursor.means_nothing else _about(ctx, query, choice, cursor, time.monotonic() - began)
    await writer.write(b"\r\n]" + b"".join(b",\r\n%b: %b" % pair for pair in members.items()) + b"}\r\n\n")
    return await writer.finish()


async def explain(ctx: Context) -> Answer:
    """`POST /{db}/_explain`."""
    query, choice = await _planned(ctx, explain=True)
    return answer_json(explained(ctx.db.name, query, choice))


def _about(
    ctx: Context, query: MangoQuery, choice: Choice, cursor: Cursor, seconds: float
) -> Mapping[bytes, bytes]:
    """The members behind the documents, as JSON text."""
    members: dict[str, Any] = {"bookmark": cursor.bookmark}
    stats = cursor.stats
    if query.execution_stats:
        members["execution_stats"] = {
            "total_keys_examined": stats.keys,
            "total_docs_examined": stats.docs,
            "total_quorum_docs_examined": stats.quorum_docs,
            "results_returned": stats.results,
            "execution_time_ms": round(1000 * seconds, 3),
        }
    threshold = ctx.settings.integer("mango", "index_scan_warning_threshold", SCAN_THRESHOLD)
    told = warnings.of(query, choice, stats, threshold)
    if told:
        members["warning"] = "\n".join(told)
    return {json.quote(name): json.encode(value) for name, value in members.items()}


async def _planned(ctx: Context, *, explain: bool) -> tuple[MangoQuery, Choice]:
    """What is asked, and which index serves it. Raises BadRequest."""
    ctx.require_json()
    body = await ctx.body()
    members = await ctx.as_object(body)
    limit = ctx.settings.integer("mango", "default_limit", DEFAULT_LIMIT)
    indexes = await listed(ctx)
    partitions = bool(await ctx.db.setting("partitioned"))

    def planned() -> tuple[MangoQuery, Choice]:
        query = options.query(_with_partition(ctx, members), default_limit=limit)
        analysis = analyse(query.selector)
        choice = planner.choose(indexes, query, analysis, explain=explain, partitions=partitions)
        if query.is_of_partition and not (explain or partitions):
            raise QueryParseError("`partition` parameter is not supported on this db")
        return query, choice

    return await asyncio.to_thread(planned) if len(body) > SHORT else planned()


async def listed(ctx: Context) -> Sequence[JsonIndex]:
    """The indexes of the database, for those who may read all of it. Raises Unauthorized."""
    if ctx.meaning == USERS and not ctx.user.is_admin:
        async for _ in ctx.db.all_docs(FIRST, bodies=False):
            pass
    return await ctx.services.catalog.indexes(ctx.db)


def _with_partition(ctx: Context, members: dict[str, Any]) -> dict[str, Any]:
    """The partition of the path, or of the query string, with the members of the body. Raises BadRequest."""
    if not ctx.raw_query or options.PARTITION not in ctx.query:
        return members
    asked = ctx.query[options.PARTITION]
    if members.get(options.PARTITION, asked) != asked:
        raise BadRequest("Conflicting value for `partition` in request body", error="bad_partition")
    return {**members, options.PARTITION: asked}


async def _index(ctx: Context, query: MangoQuery, choice: Choice) -> tuple[Index, int] | None:
    """The index that was chosen, up to date if the query wants it so; None for the documents themselves."""
    winner = choice.winner
    if winner is None or winner.index.design is None:
        return None
    index, definition = await ctx.services.views.index(ctx.db, winner.index.design)
    if query.refreshes:
        await index.fresh(ctx.db)
    return index, definition.view(winner.index.name).map


async def _off_loop(query: MangoQuery, make: type[Cursor], *arguments: Any) -> Cursor:
    """A cursor, whose selector may be long enough to be made ready elsewhere."""
    if len(query.selector) and json.count_values(json.encode(query.selector), MANY) > MANY:
        return await asyncio.to_thread(make, *arguments)
    return make(*arguments)


class _Large:
    """Documents that are too large for the event loop go to a child process."""

    def __init__(self, ctx: Context) -> None:
        self._selections = ctx.services.selections
        self._asker = origin(ctx.address)

    async def matches(self, form: Selector, row: Row, members: bytes) -> bool:
        """`members` are those of the whole document."""
        question = SelectionQuestion(form, id=row.id, rev=row.rev)
        return await self._selections.ask(question, members, self._asker) == b"true"

    async def projected(self, fields: Sequence[str], text: bytes) -> bytes:
        return await self._selections.ask(SelectionQuestion(None, fields=list(fields)), text, self._asker)
