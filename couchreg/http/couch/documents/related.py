"""PUT of a document as multipart/related: the document first, then its attachments.

Each part goes straight to the spool, so that nothing but the document itself is ever in memory.
As in CouchDB the parts belong to the `follows` members in their order, whatever names they bear; a
missing last delimiter is forgiven, and so are parts that nobody asked for.
https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
"""

from typing import Any

from couchreg.errors import BadContentType, BadRequest, TooLarge
from couchreg.http.couch.documents import incoming, writing
from couchreg.http.couch.documents.document_query import DocumentQuery
from couchreg.http.couch.frame import body
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import JSON_TYPE
from couchreg.model import document
from couchreg.model.document import Parsed
from couchreg.wire.headers import boundary_of, parameters
from couchreg.wire.parts import Parts


async def put_related(ctx: Context, query: DocumentQuery) -> tuple[Parsed, str]:
    """Write the document with its attachments; returns it and its new revision."""
    most = ctx.settings.integer("chttpd", "max_http_request_size", 2**32)
    boundary = boundary_of(ctx.request.headers["Content-Type"])
    parts = Parts(body.chunks(ctx.request, most), boundary, unclosed=True)
    parsed = await _document(ctx, parts, query)
    _check_lengths(parsed)
    if ctx.publishes:
        return parsed, await incoming.write(ctx, parsed, parts, new_edits=query.new_edits)
    async with ctx.attachments.upload(ctx.db.name) as upload:
        records = await upload.inline(ctx.doc_id, parsed.attachments or {}, parts, new_edits=query.new_edits)
        async for _ in parts:
            pass  # what nobody asked for has to be read all the same, for the next request lies behind it
        return parsed, await writing.write_with(ctx, parsed, records, new_edits=query.new_edits)


def _check_lengths(parsed: Parsed) -> None:
    """Raises BadRequest for an attachment that follows in a part of its own without saying how long it is."""
    for name, member in (parsed.attachments or {}).items():
        if isinstance(member, dict) and member.get("follows") is True and not _has_length(member):
            raise BadRequest(f"The attachment {name} follows without its length")


def _has_length(member: dict[str, Any]) -> bool:
    return member.get("length") is not None or member.get("encoded_length") is not None


async def _document(ctx: Context, parts: Parts, query: DocumentQuery) -> Parsed:
    part = await anext(parts, None)
    if part is None:
        raise BadRequest("The multipart body has no document")
    if parameters(part.headers.get("content-type", ""))[0] != JSON_TYPE:
        raise BadContentType("Content-Type must be application/json")
    text = bytearray()
    most = ctx.allowance.body
    async for chunk in part:
        text += chunk
        if len(text) > most:
            raise TooLarge("the request entity is too large")
    parsed = document.parse(await ctx.decoded(bytes(text)), new_edits=True)
    writing.check_limits(writing.DocumentLimits.of(ctx), parsed, len(text))
    return writing.addressed(ctx, parsed, ctx.doc_id, query)
