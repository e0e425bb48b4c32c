"""POST to a document: an HTML form that uploads attachments.

CouchDB takes such forms only from pages of its own host (the Referer header), so that no page of
another site can write with a visitor's credentials.
https://docs.couchdb.org/en/stable/api/document/attachments.html
"""

from urllib.parse import urlsplit

from aiohttp import BodyPartReader, MultipartReader, web

from couchreg.docstore.attachments.upload import Upload
from couchreg.docstore.base import Attachment, Edit, Stub
from couchreg.errors import BadRequest, Conflict, TooLarge
from couchreg.http.couch.documents import writing
from couchreg.http.couch.documents.document_query import PLAIN, is_utf8, parse_rev
from couchreg.http.couch.frame import body
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import answer_json, etag
from couchreg.model import document

DEFAULT_TYPE = "application/octet-stream"
FIELDS = ("_doc", "_rev")  # that are read; whatever else a form has is passed over


async def post_form(ctx: Context) -> web.StreamResponse:
    _check_referer(ctx.request)
    writing.check_id(ctx, ctx.doc_id)
    body.require_type(ctx.request, "multipart/form-data")
    await writing.authorize_id(ctx, ctx.doc_id)
    async with ctx.attachments.upload(ctx.db.name) as upload:
        fields, records = await _received(ctx, upload)
        rev = await writing.update(ctx, await _edit(ctx, upload, fields, records))
    answer = {"ok": True, "id": ctx.doc_id, "rev": rev}
    return answer_json(answer, status=201, headers=[("ETag", etag(rev))])


def _check_referer(request: web.BaseRequest) -> None:
    referer = request.headers.get("Referer")
    if not referer:
        raise BadRequest("Referer header required.")
    try:
        host = urlsplit(referer).netloc
    except ValueError:
        host = ""
    if host != request.headers.get("Host"):
        raise BadRequest("Referer header must match host.")


async def _received(ctx: Context, upload: Upload) -> tuple[dict[str, bytes], list[Attachment]]:
    """The fields of the form, and its files as they were stored."""
    fields: dict[str, bytes] = {}
    records: list[Attachment] = []
    try:
        async for part in await ctx.request.multipart():
            if isinstance(part, MultipartReader) or part is None:
                raise BadRequest("Invalid multipart/form-data")
            if part.name == "_attachments" and part.filename:
                kind = part.headers.get("Content-Type", DEFAULT_TYPE)
                records.append(await upload.receive(ctx.doc_id, part.filename, kind, part))
            elif part.name in FIELDS:
                fields[part.name] = await _text(part, ctx.allowance.body)
    except (ValueError, AssertionError):
        raise BadRequest("Invalid multipart/form-data") from None
    return fields, records


async def _text(part: BodyPartReader, most: int) -> bytes:
    text = bytearray()
    async for chunk in part:
        text += chunk
        if len(text) > most:
            raise TooLarge("the request entity is too large")
    return bytes(text)


async def _edit(ctx: Context, upload: Upload, fields: dict[str, bytes], records: list[Attachment]) -> Edit:
    """The document of the form, or the revision it names, with the files of the form in front."""
    replaced = {record.name for record in records}
    if "_doc" in fields:
        parsed = document.parse(await ctx.decoded(fields["_doc"]), new_edits=True)
        writing.check_limits(writing.DocumentLimits.of(ctx), parsed, len(fields["_doc"]))
        parsed = writing.addressed(ctx, parsed, ctx.doc_id, PLAIN)
        kept = {name: value for name, value in (parsed.attachments or {}).items() if name not in replaced}
        others = await upload.inline(ctx.doc_id, kept, new_edits=True)
        return writing.as_edit(parsed, [*records, *others])
    return await _edit_of_rev(ctx, fields.get("_rev", b""), records, replaced)


async def _edit_of_rev(ctx: Context, rev: bytes, records: list[Attachment], replaced: set[str]) -> Edit:
    text = rev.decode("utf-8", "surrogateescape").strip()
    parent_rev = parse_rev(text)
    if not is_utf8(ctx.doc_id):
        raise Conflict("missing_rev", error="not_found")
    [parent] = await ctx.db.revisions(ctx.doc_id, [parent_rev])
    if parent is None:
        raise Conflict("missing_rev", error="not_found")
    kept = [Stub(one.name) for one in parent.attachments if one.name not in replaced]
    return Edit(ctx.doc_id, parent_rev, parent.deleted, parent.body, (*records, *kept))
