"""List functions: the rows of a view as a function shows them.

The rows are those of the view's own answer, line by line: they go to the function some at a time while the
view is read, and what it makes of them goes out before the next ones are. Source:
https://docs.couchdb.org/en/stable/api/ddoc/render.html
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from couchreg.designdocs.functions import Design, require
from couchreg.designdocs.javascript.made import Made
from couchreg.designdocs.javascript.talking import Talk
from couchreg.docstore.base import Revision
from couchreg.errors import CouchregError, NotFound, TooLarge
from couchreg.http.couch.design import views
from couchreg.http.couch.design.rendering import function_answer
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.request_object import LARGEST, request_object
from couchreg.http.couch.frame.responses import Answer
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings import all_docs
from couchreg.http.couch.listings.view_query import ViewQuery
from couchreg.model import json
from couchreg.wire.status import status_of

ALL_DOCS = "_all_docs"
TOGETHER = 100  # rows that a function is given at a time
TOGETHER_BYTES = 256 << 10
LARGEST_ROW = 16 << 20  # bytes
LINE = b"\r\n"
Place = tuple[Revision, str]  # the design document of a view, and its name
KEY, MISSING = b'{"key":', b',"error":"not_found"}'  # of a row of `_all_docs`


async def get(ctx: Context) -> web.StreamResponse:
    design, name, place = await _function(ctx)
    return await _listed(ctx, design, name, place, ViewQuery(lists_one=True).read(ctx.pairs), None)


async def post(ctx: Context) -> web.StreamResponse:
    """Parameters may stand in the body too; those of the query string win."""
    design, name, place = await _function(ctx)
    ctx.require_json()
    body = await ctx.as_object(await ctx.body(LARGEST))
    query = ViewQuery(lists_one=True).read_body(body).read(ctx.pairs)
    return await _listed(ctx, design, name, place, query, body)


async def _function(ctx: Context) -> tuple[Design, str, Place]:
    """The design document, the function's name, and where its rows come from."""
    found = await ctx.db.revision(ctx.doc_id)
    name, *place = ctx.match["path"].split("/")
    if len(place) not in (1, 2):
        raise NotFound("Invalid path.", error="list_error")
    require(found, "lists", name)
    design, view = [ctx.match["ddoc"], *place][-2:]
    return Design.of(ctx.db.name, found), name, (await ctx.db.revision(f"_design/{design}"), view)


async def _listed(
    ctx: Context,
    design: Design,
    name: str,
    place: Place,
    query: ViewQuery,
    body: dict[str, Any] | None,
) -> web.StreamResponse:
    callback, ctx.callback = ctx.callback, ""  # what a function makes is no JSON to be wrapped
    request = await request_object(ctx, body=body)
    async with AsyncExitStack() as stack:
        rows = _Rows(ctx, stack, design, name, request)
        try:
            if place[1] == ALL_DOCS:
                await all_docs.write_all(ctx, rows, query)
            else:
                await views.write(ctx, rows, query, *place)
            return await rows.finish()
        except _Enough:
            return await rows.answered()
        except CouchregError as error:
            if rows.has_begun:
                return await rows.broken(error)
            ctx.callback = callback
            raise


def _shown(row: bytes) -> bytes:
    """A row as functions see it: one of `_all_docs` for an id that no document has is another there."""
    if row.startswith(KEY) and row.endswith(MISSING):
        return b'{"id":"error",%b,"value":"not_found"}' % row[1 : -len(MISSING)]
    return row


class _Enough(Exception):
    """The function has returned before the last row."""


class _Rows(RowWriter):
    """Takes what a view writes, line by line, and writes what a list function makes of its rows."""

    def __init__(
        self, ctx: Context, stack: AsyncExitStack, design: Design, name: str, request: bytes
    ) -> None:
        super().__init__(ctx, [])
        self._asked = (stack, design, name, request)
        self._line: list[bytes] = []
        self._length = 0  # of what of the line is there
        self._rows: list[bytes] = []
        self._bytes = 0
        self._head: bytes | None = None
        self._talk: Talk | None = None
        self._out: RowWriter | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a head has been chosen, after which there is no other answer."""
        return self._out is not None

    async def write(self, piece: bytes) -> None:
        *lines, rest = piece.split(LINE)
        for line in lines:
            self._take(b"".join([*self._line, line]))
            self._line, self._length = [], 0
        self._line.append(rest)
        self._length += len(rest)
        if self._length > LARGEST_ROW:
            raise TooLarge("a row has more bytes than a list function is given")
        if len(self._rows) >= TOGETHER or self._bytes >= TOGETHER_BYTES:
            await self._hand(last=False)

    async def flush(self) -> None:
        """Nothing goes out as it is."""

    async def finish(self) -> web.StreamResponse:
        """Called when the view has no more rows."""
        await self._hand(last=True)
        return await self.answered()

    async def answered(self) -> web.StreamResponse:
        return await self._out.finish() if self._out is not None else Answer()

    async def broken(self, error: CouchregError) -> web.StreamResponse:
        """The error behind what went out, as CouchDB has it."""
        assert self._out is not None
        said = {"code": status_of(error), "error": error.error, "reason": error.shown}
        await self._out.write(b"\n" + json.encode(said) + b"\n")
        return await self._out.finish()

    def _take(self, line: bytes) -> None:
        if self._head is None:
            members = json.decode(line + b"]}")
            del members["rows"]
            self._head = json.encode(members)
        elif line:
            self._rows.append(_shown(line.removesuffix(b",")))
            self._bytes += len(line)

    async def _hand(self, *, last: bool) -> None:
        """Give the function the rows that are here, and take what it makes of them. Raises _Enough."""
        rows = b",".join(self._rows)
        self._rows, self._bytes = [], 0
        if self._talk is None:
            stack, design, name, request = self._asked
            asker = self._ctx.user.name or self._ctx.address
            functions, head = self._ctx.services.functions, self._head or b"{}"
            begun = functions.listing(design, name, asker, head=head, request=request, rows=rows, last=last)
            self._talk = await stack.enter_async_context(begun)
        else:
            await self._talk.more(rows, last=last)
        async for about, text in self._talk.parts():
            await self._send(about, text)
        if self._talk.is_over:
            raise _Enough

    async def _send(self, about: Mapping[str, Any], text: bytes) -> None:
        if "head" in about:
            given = about["head"] if isinstance(about["head"], Mapping) else {}
            kept = {name: given[name] for name in ("code", "headers") if name in given}
            head = function_answer(self._ctx, Made(kept), [])
            self._out = RowWriter(self._ctx, head.extra, head.content_kind, status=head.status)
        if self._out is not None and text:
            await self._out.write(text)
