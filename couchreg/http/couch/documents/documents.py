"""`/{db}/{docid}`, and POST to the database: single documents.

Owns the methods and their answers; reading is `reading.py`'s, edits are `writing.py`'s, `_local/`
documents are `local.py`'s. https://docs.couchdb.org/en/stable/api/document/common.html
"""

from aiohttp import web

from couchreg.docstore.base import Edit
from couchreg.errors import BadRequest, NotFound
from couchreg.http.couch.documents import incoming, local, quorum, writing
from couchreg.http.couch.documents.copying import copied, destination
from couchreg.http.couch.documents.design_address import is_encoded_design, redirect
from couchreg.http.couch.documents.document_query import (
    PLAIN,
    DocumentQuery,
    header_rev,
    is_utf8,
    parse_document_query,
)
from couchreg.http.couch.documents.open_revs import send_open_revs
from couchreg.http.couch.documents.reading import find
from couchreg.http.couch.documents.related import put_related
from couchreg.http.couch.documents.sending import send_document
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Headers, answer_json, etag, url_encode
from couchreg.model.document import Parsed


async def get(ctx: Context) -> web.StreamResponse:
    doc_id = ctx.doc_id
    if doc_id.startswith("_"):
        if doc_id.startswith("_local/"):
            return await local.get(ctx, doc_id)
        if is_encoded_design(ctx):
            return redirect(ctx)
    query = PLAIN
    if ctx.raw_query:
        query = parse_document_query(ctx.pairs)
        if query.wants_open_revs:
            return await send_open_revs(ctx, doc_id, query)
    return await send_document(ctx, await find(ctx.db, doc_id, query), query)


async def put(ctx: Context) -> web.StreamResponse:
    doc_id = ctx.doc_id
    query = parse_document_query(ctx.pairs) if ctx.raw_query else PLAIN
    writing.check_id(ctx, doc_id)
    publishes = ctx.publishes and not doc_id.startswith("_")
    if publishes:
        await incoming.room(ctx, new_edits=query.new_edits)
    elif not ctx.user.is_admin:
        await writing.authorize_id(ctx, doc_id)
    kind = ctx.request.headers.get("Content-Type", "")
    if kind.startswith("multipart/") and doc_id.startswith("_local/"):
        return await local_attachment(ctx)
    if kind.startswith("multipart/related;"):
        parsed, rev = await put_related(ctx, query)
        return saved(ctx, doc_id, rev, status=_reached(ctx, parsed))
    try:
        parsed = await writing.parse(ctx, await ctx.body(), doc_id, query)
    except BadRequest:
        await writing.check_partition(ctx, doc_id)  # of two mistakes the id's is told
        raise
    if publishes:
        rev = await incoming.write(ctx, parsed, None, new_edits=query.new_edits)
    elif ctx.raw_query and ctx.query.get("batch") == "ok":
        return await _batch(ctx, parsed, query)
    else:
        rev = await writing.write(ctx, parsed, new_edits=query.new_edits)
    return saved(ctx, doc_id, rev, status=_reached(ctx, parsed))


def _reached(ctx: Context, parsed: Parsed) -> int:
    reached = 200 if parsed.deleted else 201
    return quorum.status_of(ctx, reached) if ctx.raw_query else reached


async def create(ctx: Context) -> web.StreamResponse:
    """POST to the database: the id is the document's own or a new one."""
    ctx.require_json()
    parsed = await writing.parse_new(ctx, await ctx.body())
    doc_id = writing.id_of(parsed)
    await writing.authorize_id(ctx, doc_id)
    if ctx.query.get("batch") == "ok":
        return await _batch(ctx, parsed, PLAIN)
    rev = await writing.write(ctx, parsed, new_edits=True)
    location = [("Location", f"{ctx.base_url}/{url_encode(ctx.match['db'])}/{url_encode(doc_id)}")]
    return _ok(doc_id, rev, status=quorum.status_of(ctx, 201), headers=location)


async def _batch(ctx: Context, parsed: Parsed, query: DocumentQuery) -> web.StreamResponse:
    """`batch=ok`: accepted whatever comes of it. Here it is written before it is accepted."""
    await writing.try_write(ctx, parsed, new_edits=query.new_edits)
    return answer_json({"ok": True, "id": parsed.id}, status=202)


async def delete(ctx: Context) -> web.StreamResponse:
    doc_id = ctx.doc_id
    if doc_id.startswith("_local/"):
        return await local.delete(ctx, doc_id)
    if not is_utf8(doc_id):
        raise NotFound("missing")
    [winner] = await ctx.db.winners([doc_id], bodies=False)
    if winner is None or winner.deleted:
        raise NotFound("missing" if winner is None else "deleted")
    await writing.authorize_id(ctx, doc_id)
    rev = header_rev(ctx.request.headers.get("If-Match"), writing.query_rev(ctx))
    edit = Edit(doc_id, rev, True, {})
    new_rev = await writing.update(ctx, edit)
    return _ok(doc_id, new_rev, status=quorum.status_of(ctx, 200), headers=[("ETag", etag(new_rev))])


async def copy(ctx: Context) -> web.StreamResponse:
    source_rev = header_rev(ctx.request.headers.get("If-Match"), writing.query_rev(ctx))
    target, target_rev = destination(
        ctx.request.headers.get("Destination"),
        plus=ctx.settings.boolean("chttpd", "decode_plus_to_space"),
    )
    writing.check_id(ctx, target)
    await writing.authorize_id(ctx, target)
    rev = await copied(ctx, ctx.doc_id, source_rev, target, target_rev)
    return saved(ctx, target, rev, status=201)


def saved(ctx: Context, doc_id: str, rev: str, *, status: int) -> web.StreamResponse:
    location = f"{ctx.base_url}/{url_encode(ctx.match['db'])}/{url_encode(doc_id)}"
    return _ok(doc_id, rev, status=status, headers=[("Location", location), ("ETag", etag(rev))])


def _ok(doc_id: str, rev: str, *, status: int, headers: Headers) -> web.StreamResponse:
    return answer_json({"ok": True, "id": doc_id, "rev": rev}, status=status, headers=headers)


async def local_attachment(ctx: Context) -> web.StreamResponse:
    raise BadRequest("_local documents do not accept attachments.")


async def local_without_id(ctx: Context) -> web.StreamResponse:
    raise BadRequest("Invalid _local document id.")
