"""One document as an answer: JSON with stubs in one piece, or with its attachments as a stream."""

from collections.abc import Sequence

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.http.couch.documents.document_query import DocumentQuery
from couchreg.http.couch.documents.multipart_sending import send_related
from couchreg.http.couch.documents.reading import FoundDocument
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, answer_raw, etag, not_modified
from couchreg.turns import TimeSlice
from couchreg.wire import documents
from couchreg.wire.accept import accepts_type


async def send_document(ctx: Context, found: FoundDocument, query: DocumentQuery) -> web.StreamResponse:
    """A single document, the way the Accept header and the query want it."""
    headers = []
    if not found.has_meta:
        tag = etag(found.revision.rev)
        headers.append(("ETag", tag))
        if not_modified(ctx.request, tag):
            return Answer(status=304, headers=headers)
    shape = query.shape(found.history)
    if found.is_large and not (shape.data and found.revision.attachments):
        return await _send_large(ctx, found, query, headers)
    if not shape.data or not found.revision.attachments:
        return answer_raw(stubs(found, query), headers=headers)
    if accepts_type(ctx.request.headers.get("Accept"), "multipart/related"):
        return await send_related(ctx, found, query, headers)
    parts = documents.pieces(found.head, found.revision.attachments, shape)
    return await send_pieces(ctx, [*found.front, *parts, b"\n"], headers=headers)


async def _send_large(
    ctx: Context, found: FoundDocument, query: DocumentQuery, headers: Sequence[tuple[str, str]]
) -> web.StreamResponse:
    """With stubs, and without its text in one piece."""
    shape = documents.Shape(encoding_info="att_encoding_info" in query.flags)
    parts = documents.pieces(found.head, found.revision.attachments, shape)
    return await send_pieces(ctx, [*found.front, *parts, b"\n"], headers=headers)


def stubs(found: FoundDocument, query: DocumentQuery) -> bytes:
    """The document in one piece."""
    revision = found.revision
    return documents.document(
        revision.id,
        revision.rev,
        revision.deleted,
        revision.members,
        revision.attachments,
        found.extras,
        "att_encoding_info" in query.flags,
    )


async def send_pieces(
    ctx: Context, parts: Sequence[bytes | Attachment], *, headers: Sequence[tuple[str, str]] = ()
) -> web.StreamResponse:
    """JSON text with the base64 of attachments in between, of a known length where there is one."""
    stream = await ctx.stream(headers=[MUST_REVALIDATE, *headers], length=documents.pieces_length(parts))
    if not ctx.is_head:
        await write_pieces(ctx, stream, parts)
    await stream.write_eof()
    return stream


async def write_pieces(ctx: Context, stream: web.StreamResponse, parts: Sequence[bytes | Attachment]) -> None:
    turn = TimeSlice()
    for part in parts:
        if turn.is_over:
            await turn.pass_on()
        if isinstance(part, bytes):
            await ctx.write(stream, part)
        else:
            async for text in ctx.attachments.base64(part):
                await stream.write(text)
