"""`GET /{db}/{docid}?open_revs=…`: several revisions of one document."""

from aiohttp import web

from couchreg.docstore.base import Opened
from couchreg.http.couch.documents.document_query import DocumentQuery
from couchreg.http.couch.documents.multipart_sending import send_mixed
from couchreg.http.couch.documents.reading import open_revs, shown
from couchreg.http.couch.documents.sending import write_pieces
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE
from couchreg.model import json
from couchreg.wire import documents
from couchreg.wire.accept import accepts_type


async def send_open_revs(ctx: Context, doc_id: str, query: DocumentQuery) -> web.StreamResponse:
    opened = await open_revs(ctx.db, doc_id, query)
    if accepts_type(ctx.request.headers.get("Accept"), "multipart/mixed"):
        return await send_mixed(ctx, opened, query)
    stream = await ctx.stream(headers=[MUST_REVALIDATE])
    if not ctx.is_head:
        before = b"["
        for one in opened:
            await _write_opened(ctx, stream, one, query, before)
            before = b","
        if not opened:
            await stream.write(b"[")
        await stream.write(b"]\n")
    await stream.write_eof()
    return stream


async def _write_opened(
    ctx: Context, stream: web.StreamResponse, one: Opened, query: DocumentQuery, before: bytes
) -> None:
    if one.revision is None:
        await stream.write(before + json.encode({"missing": one.rev}))
        return
    found = shown(one.revision, one.history, query)
    shape = query.shape(found.history)
    parts = documents.pieces(found.head, found.revision.attachments, shape)
    whole = [before + b'{"ok":', *found.front, *parts, b"}"]
    await write_pieces(ctx, stream, documents.joined(whole))
