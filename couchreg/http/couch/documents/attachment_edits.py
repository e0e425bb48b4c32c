"""PUT and DELETE of one attachment: an edit of its document that keeps everything else."""

from collections.abc import Sequence

from aiohttp import web

from couchreg.docstore.attachments.upload import BodyDetails
from couchreg.docstore.base import Attachment, Edit, Revision, Stub
from couchreg.errors import BadContentType, BadRequest, Conflict, NotFound
from couchreg.http.couch.documents import quorum, writing
from couchreg.http.couch.documents.document_query import header_rev, is_utf8
from couchreg.http.couch.frame import body
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import answer_json, url_encode

DEFAULT_TYPE = "application/octet-stream"


async def put(ctx: Context) -> web.StreamResponse:
    doc_id, name = ctx.doc_id, _checked_name(ctx)
    encoding = _encoding(ctx)
    parent = await _parent(ctx, doc_id)
    if parent is None:
        await _check_new(ctx, doc_id)
    async with ctx.attachments.upload(ctx.db.name) as upload:
        chunks = body.chunks(ctx.request, ctx.settings.integer("chttpd", "max_http_request_size", 2**32))
        kind = ctx.request.headers.get("Content-Type", DEFAULT_TYPE)
        details = BodyDetails(encoding, length=ctx.request.content_length)
        record = await upload.receive(doc_id, name, kind, chunks, details)
        rev = await writing.update(ctx, _edit(doc_id, name, parent, record))
    location = "/".join((ctx.base_url, *(url_encode(part) for part in (ctx.match["db"], doc_id, name))))
    status, saved = quorum.status_of(ctx, 201), {"ok": True, "id": doc_id, "rev": rev}
    return answer_json(saved, status=status, headers=[("Location", location)])


async def delete(ctx: Context) -> web.StreamResponse:
    doc_id, name = ctx.doc_id, _checked_name(ctx)
    parent = await _parent(ctx, doc_id)
    known = parent if parent is not None else await ctx.db.revision(doc_id)
    if all(attachment.name != name for attachment in known.attachments):
        raise NotFound("Document is missing attachment")
    if parent is None:
        raise Conflict
    rev = await writing.update(ctx, _edit(doc_id, name, parent, None))
    return answer_json({"ok": True, "id": doc_id, "rev": rev})


def _checked_name(ctx: Context) -> str:
    name = ctx.match["attachment"]
    if name.startswith("_"):
        raise BadRequest(f"Attachment name '{name}' starts with prohibited character '_'")
    if not is_utf8(name):
        raise BadRequest("Attachment name is not UTF-8 encoded")
    return name


def _encoding(ctx: Context) -> str:
    """Raises BadContentType for another Content-Encoding than those that are kept."""
    encoding = ctx.request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BadContentType("Only gzip and identity content-encodings are supported")
    return encoding


async def _parent(ctx: Context, doc_id: str) -> Revision | None:
    """The revision that the request names. Raises Conflict, with CouchDB's odd words, if unknown."""
    await writing.authorize_id(ctx, doc_id)
    rev = header_rev(ctx.request.headers.get("If-Match"), writing.query_rev(ctx))
    if rev is None:
        return None
    if not is_utf8(doc_id):
        raise Conflict("missing_rev", error="not_found")
    [revision] = await ctx.db.revisions(doc_id, [rev])
    if revision is None:
        raise Conflict("missing_rev", error="not_found")
    return revision


async def _check_new(ctx: Context, doc_id: str) -> None:
    """Without a revision there must be no document. Found out before the bytes are received."""
    writing.check_id(ctx, doc_id)
    [winner] = await ctx.db.winners([doc_id], bodies=False)
    if winner is not None and not winner.deleted:
        raise Conflict


def _edit(doc_id: str, name: str, parent: Revision | None, record: Attachment | None) -> Edit:
    """The parent again, with the attachment in the first place, or without it."""
    attachments: list[Attachment | Stub] = [] if record is None else [record]
    if parent is None:
        return Edit(doc_id, None, False, {}, tuple(attachments))
    attachments += _others(parent.attachments, name)
    return Edit(doc_id, parent.rev, parent.deleted, parent.body, tuple(attachments))


def _others(attachments: Sequence[Attachment], name: str) -> list[Stub]:
    return [Stub(attachment.name) for attachment in attachments if attachment.name != name]
