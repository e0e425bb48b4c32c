"""`/{db}/{docid}/{attachment}`: attachments by themselves.

Owns GET with its headers and ranges; sending files is `files.py`'s, PUT and DELETE are
`attachment_edits.py`'s. https://docs.couchdb.org/en/stable/api/document/attachments.html
"""

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.errors import NotFound
from couchreg.http.couch.documents.design_address import is_encoded_design, redirect
from couchreg.http.couch.documents.document_query import DocumentQuery, parse_document_query
from couchreg.http.couch.documents.files import StoredRange, send_stored
from couchreg.http.couch.documents.reading import find
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, not_modified, printable
from couchreg.model.media_types import is_paper
from couchreg.wire import documents, related
from couchreg.wire.accept import accepts_coding
from couchreg.wire.ranges import content_range, parse_ranges

# What people upload is never a page of this server: no script of it runs, no type is guessed.
SAFE = [("Content-Security-Policy", "sandbox; default-src 'none'"), ("X-Content-Type-Options", "nosniff")]

Headers = list[tuple[str, str]]


async def get(ctx: Context) -> web.StreamResponse:
    if is_encoded_design(ctx):
        return redirect(ctx)
    query = parse_document_query(ctx.pairs) if ctx.raw_query else DocumentQuery()
    found = await find(ctx.db, ctx.doc_id, DocumentQuery(rev=query.rev))
    attachment = named(found.revision.attachments, ctx.match["attachment"])
    tag = f'"{documents.digest_text(attachment).decode()}"'
    if not_modified(ctx.request, tag):
        return Answer(status=304, headers=[("ETag", tag)])
    headers = [("ETag", tag), MUST_REVALIDATE, *SAFE]
    if is_paper(attachment.content_type):  # a viewer runs what scripts it has, whatever the policy says
        headers.append(("Content-Disposition", "attachment"))
    if attachment.encoding == "identity":
        return await _send_ranges(ctx, attachment, headers)
    return await _send_encoded(ctx, attachment, headers)


def named(attachments: tuple[Attachment, ...], name: str) -> Attachment:
    """Raises NotFound."""
    for attachment in attachments:
        if attachment.name == name:
            return attachment
    raise NotFound("Document is missing attachment")


async def _send_ranges(ctx: Context, attachment: Attachment, headers: Headers) -> web.StreamResponse:
    length = attachment.stored_length
    ranges = parse_ranges(ctx.request.headers.get("Range"), length)
    headers.append(("Accept-Ranges", "bytes"))
    kind = printable(attachment.content_type)
    if ranges is None:
        return await send_stored(ctx, attachment, StoredRange(0, length), headers, kind)
    if len(ranges) != 1:
        return await _send_byteranges(ctx, attachment, ranges)
    [(first, last)] = ranges
    headers.append(("Content-Range", content_range(first, last, length)))
    return await send_stored(ctx, attachment, StoredRange(first, last - first + 1), headers, kind, status=206)


async def _send_byteranges(
    ctx: Context, attachment: Attachment, ranges: list[tuple[int, int]]
) -> web.StreamResponse:
    """Several ranges, each a part of its own."""
    boundary = related.new_boundary()
    kind = related.mixed_type(boundary, "byteranges")
    stream = await ctx.stream(status=206, headers=SAFE, content_type=kind)
    if not ctx.is_head:
        await stream.write(b"--" + boundary)
        for first, last in ranges:
            span = content_range(first, last, attachment.stored_length)
            await stream.write(related.range_head(attachment.content_type, span))
            async for chunk in ctx.attachments.open(attachment, first, last - first + 1):
                await stream.write(chunk)
            await stream.write(related.between(boundary))
        await stream.write(related.END)
    await stream.write_eof()
    return stream


async def _send_encoded(ctx: Context, attachment: Attachment, headers: Headers) -> web.StreamResponse:
    """Gzip as it is to those who take it, unpacked to the others; no ranges of either (but a range
    that cannot be is refused all the same)."""
    headers.append(("Accept-Ranges", "none"))
    kind = printable(attachment.content_type)
    if accepts_coding(ctx.request.headers.get("Accept-Encoding"), attachment.encoding):
        headers.append(("Content-Encoding", attachment.encoding))
        parse_ranges(ctx.request.headers.get("Range"), attachment.stored_length)
        return await send_stored(ctx, attachment, StoredRange(0, attachment.stored_length), headers, kind)
    length = documents.identity_length(attachment)
    if length is not None:
        parse_ranges(ctx.request.headers.get("Range"), length)
    stream = await ctx.stream(headers=headers, content_type=kind, length=length)
    if not ctx.is_head:
        async for chunk in ctx.attachments.open(attachment):
            await stream.write(chunk)
    await stream.write_eof()
    return stream
