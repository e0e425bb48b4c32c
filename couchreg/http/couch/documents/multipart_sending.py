"""Multipart answers: a document with its attachments behind it, and many of those in a row.

Attachments go out as they are stored (gzipped ones with a Content-Encoding of their own), chunk by
chunk. Framing is `wire/related.py`'s.
"""

from collections.abc import Sequence

from aiohttp import web

from couchreg.docstore.base import Attachment, Opened
from couchreg.http.couch.documents.document_query import DocumentQuery
from couchreg.http.couch.documents.reading import FoundDocument, shown
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE
from couchreg.model import json
from couchreg.turns import TimeSlice
from couchreg.wire import documents, related

DocumentParts = tuple[bytes, list[Attachment]]


def as_parts(found: FoundDocument, query: DocumentQuery) -> DocumentParts:
    """The document's text, and the attachments that follow it."""
    shape = query.shape(found.history, follows=True)
    attachments = found.revision.attachments
    [text] = documents.pieces(found.head, attachments, shape)
    assert isinstance(text, bytes)
    text = b"".join([*found.front, text])
    return text, [attachment for attachment in attachments if shape.shows_data(attachment)]


async def send_related(
    ctx: Context, found: FoundDocument, query: DocumentQuery, headers: Sequence[tuple[str, str]]
) -> web.StreamResponse:
    """One document as multipart/related, or as JSON when nothing follows."""
    text, attachments = as_parts(found, query)
    boundary = related.new_boundary()
    stream = await ctx.stream(
        headers=[*headers],
        content_type=related.related_type(boundary) if attachments else "application/json",
        length=related.related_length(boundary, text, attachments) if attachments else len(text),
    )
    if not ctx.is_head:
        await _write_document(ctx, stream, boundary, (text, attachments))
    await stream.write_eof()
    return stream


async def _write_document(
    ctx: Context, stream: web.StreamResponse, boundary: bytes, parts: DocumentParts
) -> None:
    text, attachments = parts
    if not attachments:
        await ctx.write(stream, text)
        return
    await stream.write(related.document_head(boundary))
    await ctx.write(stream, text)
    turn = TimeSlice()
    for attachment in attachments:
        await stream.write(related.between(boundary) + related.attachment_head(attachment))
        async for chunk in ctx.attachments.open(attachment, encoded=True):
            await stream.write(chunk)
        await turn.pass_on()  # who reads as fast as is written never makes it wait
    await stream.write(related.between(boundary) + related.END)


async def send_mixed(ctx: Context, opened: Sequence[Opened], query: DocumentQuery) -> web.StreamResponse:
    """`open_revs` as multipart/mixed: each revision a part, with attachments a nested one."""
    outer, inner = related.new_boundary(), related.new_boundary()
    stream = await ctx.stream(headers=[MUST_REVALIDATE], content_type=related.mixed_type(outer))
    if not ctx.is_head:
        await stream.write(b"--" + outer)
        for one in opened:
            await _write_opened(ctx, stream, one, query, inner)
            await stream.write(related.between(outer))
        await stream.write(related.END)
    await stream.write_eof()
    return stream


async def _write_opened(
    ctx: Context, stream: web.StreamResponse, one: Opened, query: DocumentQuery, inner: bytes
) -> None:
    if one.revision is None:
        await stream.write(_error_part({"missing": one.rev}))
        return
    parts = as_parts(shown(one.revision, one.history, query), query)
    kind = related.related_type(inner) if parts[1] else "application/json"
    await stream.write(f"\r\nContent-Type: {kind}\r\n\r\n".encode())
    await _write_document(ctx, stream, inner, parts)


def _error_part(value: object) -> bytes:
    return b'\r\nContent-Type: application/json; error="true"\r\n\r\n' + json.encode(value)


class BulkParts:
    """`_bulk_get` as multipart: CouchDB frames it in a way of its own."""

    def __init__(self, ctx: Context, stream: web.StreamResponse, outer: bytes) -> None:
        self._ctx = ctx
        self._stream = stream
        self._outer = outer
        self._inner = b"--" + related.new_boundary()

    async def write_error(self, error: object) -> None:
        await self._stream.write(related.between(self._outer) + _error_part(error))

    async def write_document(self, found: FoundDocument, query: DocumentQuery) -> None:
        parts = as_parts(found, query)
        head = related.between(self._outer)
        if parts[1]:
            kind = b"multipart/related; boundary=" + self._inner
            rev, doc_id = found.revision.rev.encode(), found.revision.id.encode()
            head += b"\r\nX-Doc-Id: %b\r\nX-Rev-Id: %b" % (_one_line(doc_id), _one_line(rev))
        else:
            kind = b"application/json"
        await self._stream.write(head + b"\r\nContent-Type: %b\r\n\r\n" % kind)
        await _write_document(self._ctx, self._stream, self._inner, parts)

    async def end(self) -> None:
        await self._stream.write(related.between(self._outer) + related.END + b"\r\n")


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b" ").replace(b"\n", b" ")
