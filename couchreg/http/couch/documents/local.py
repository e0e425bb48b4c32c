"""`_local/` documents: one revision that counts, no conflicts, no attachments, not replicated.

https://docs.couchdb.org/en/stable/api/local.html
"""

import hashlib
from typing import Any

from aiohttp import web

from couchreg.docstore.base import LocalDocument
from couchreg.errors import NotFound
from couchreg.http.couch.documents.document_query import DocumentQuery, is_utf8, parse_document_query
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json, answer_raw, etag, not_modified
from couchreg.wire import documents

DELETED = "0-0"


async def get(ctx: Context, doc_id: str) -> web.StreamResponse:
    query = parse_document_query(ctx.pairs)
    if query.wants_open_revs:
        return _open_revs(query)
    rev = None if "latest" in query.flags else query.rev
    document = await read(ctx, doc_id, rev)
    tag = entity_tag(document)
    if not_modified(ctx.request, tag):
        return Answer(status=304, headers=[("ETag", tag)])
    return answer_raw(_text(document, query), headers=[("ETag", tag)])


def _text(document: LocalDocument, query: DocumentQuery) -> bytes:
    extras = documents.revisions_member([document.rev]) if "revs" in query.flags else b""
    return documents.document(document.id, document.rev, False, document.members, extras=extras)


def _open_revs(query: DocumentQuery) -> web.StreamResponse:
    """There is no tree of revisions to open any from."""
    if query.all_leafs:
        raise NotFound("missing")
    return answer_json([{"missing": rev} for rev in query.open_revs])


async def read(ctx: Context, doc_id: str, rev: str | None = None) -> LocalDocument:
    """Raises NotFound("missing"), as it does for any revision asked for by name."""
    if rev is not None or not is_utf8(doc_id):
        raise NotFound("missing")
    return await ctx.db.local(doc_id)


def entity_tag(document: LocalDocument) -> str:
    """Revisions of local documents come again, so the body has its part in the tag."""
    text = document.rev.encode() + b"," + document.members
    return f'"{hashlib.md5(text, usedforsecurity=False).hexdigest()}"'


async def write(ctx: Context, doc_id: str, body: dict[str, Any] | None, rev: str | None) -> str:
    """Write (None: delete) and return the new revision. What is not there is deleted all the same."""
    await ctx.confirm()
    try:
        return await ctx.db.update_local(doc_id, body, rev)
    except NotFound as error:
        if body is not None or error.reason != "missing":
            raise
        return DELETED


async def delete(ctx: Context, doc_id: str) -> web.StreamResponse:
    from couchreg.http.couch.documents.writing import query_rev

    await read(ctx, doc_id)
    rev = await write(ctx, doc_id, None, query_rev(ctx))
    return answer_json({"ok": True, "id": doc_id, "rev": rev}, headers=[("ETag", etag(rev))])
