"""Show and update functions of design documents.

Source: https://docs.couchdb.org/en/stable/api/ddoc/render.html
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from couchreg.auth.guards.user_view import UserView
from couchreg.designdocs.functions import Design, require, text_of
from couchreg.designdocs.javascript.made import Made
from couchreg.docstore.base import Revision
from couchreg.errors import BadRequest, CouchregError, Failure, Hidden, NotFound
from couchreg.http.couch.documents import writing
from couchreg.http.couch.frame.body import too_large
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.request_object import request_object
from couchreg.http.couch.frame.responses import Answer, answer_raw, not_modified, url_encode
from couchreg.model import document

HTML = "text/html; charset=utf-8"
_HEADER = re.compile(r"[A-Za-z0-9_-]{1,100}")
SANDBOX = ("Content-Security-Policy", "sandbox")


async def show(ctx: Context) -> web.StreamResponse:
    """`/{db}/_design/{ddoc}/_show/{function}/{docid}`: a document as its function shows it."""
    design, name, doc_id = await _function(ctx, "shows", "show_error")
    ctx.asks = False  # what is sent is nothing that is read here
    found = await _document(ctx, doc_id)
    request = await request_object(ctx, doc_id)
    made = await ctx.services.functions.show(design, name, _text(found), request)
    tag = _tag(design, found, request_key(ctx))
    headers = [("Vary", "Accept"), ("ETag", tag)]
    if not_modified(ctx.request, tag):
        return Answer(status=304, headers=headers)
    return function_answer(ctx, made, headers)


async def update(ctx: Context) -> web.StreamResponse:
    """`/{db}/_design/{ddoc}/_update/{function}/{docid}`: a document as its function changes it."""
    design, name, doc_id = await _function(ctx, "updates", "update_error")
    found = await _document(ctx, doc_id)
    request = await request_object(ctx, doc_id)
    made = await ctx.services.functions.update(design, name, _text(found), request)
    if made.doc is None:
        return function_answer(ctx, made, [])
    if len(made.doc) > ctx.allowance.body:
        raise too_large()
    body = await ctx.decoded(made.doc)
    if not isinstance(body, dict):
        raise BadRequest("Document must be a JSON object")
    parsed = document.parse(body, new_edits=True)
    if not parsed.id:
        raise BadRequest("Document id must not be empty", error="illegal_docid")
    writing.check_id(ctx, parsed.id)
    writing.check_limits(writing.DocumentLimits.of(ctx), parsed, len(made.doc))
    await writing.authorize_id(ctx, parsed.id)
    rev = await writing.write(ctx, parsed, new_edits=True)
    headers = [("X-Couch-Update-NewRev", rev), ("X-Couch-Id", url_encode(parsed.id))]
    return function_answer(ctx, made, headers, status=201)


async def update_not_allowed(ctx: Context) -> Answer:
    """Reading through an update function, which has to be there."""
    await _function(ctx, "updates", "update_error")
    raise CouchregError("Update functions do not allow GET", error="method_not_allowed")


async def _function(ctx: Context, kind: str, word: str) -> tuple[Design, str, str | None]:
    """The design document, the function's name, and the document's id, None without one."""
    name, _, doc_id = ctx.match.get("path", "").partition("/")
    if not name:
        raise NotFound("Invalid path.", error=word)
    design_id = f"_design/{ctx.match['ddoc']}"
    people = ctx.db if isinstance(ctx.db, UserView) else None
    found = await (people.design(design_id) if people else ctx.db.revision(design_id))
    require(found, kind, name)
    return Design.of(ctx.db.name, found), name, doc_id or None


async def _document(ctx: Context, doc_id: str | None) -> Revision | None:
    """The winner, as in CouchDB, which heeds no `rev` here: the function sees it in the request."""
    if doc_id is None:
        return None
    try:
        return await ctx.db.revision(doc_id)
    except Hidden:
        raise
    except NotFound:
        return None


def _text(found: Revision | None) -> bytes:
    return b"null" if found is None else text_of(found)


def request_key(ctx: Context) -> str:
    """What an answer may depend on besides the documents."""
    headers = ctx.request.headers
    return repr((ctx.raw_query, headers.get("Accept"), headers.get("Cookie"), ctx.user))


def _tag(design: Design, found: Revision | None, key: str) -> str:
    state = repr((design.id, design.rev, found and (found.id, found.rev), key))
    return f'"{hashlib.md5(state.encode(), usedforsecurity=False).hexdigest()}"'


def function_answer(ctx: Context, made: Made, headers: list[tuple[str, str]], *, status: int = 200) -> Answer:
    """What a function answers: ``{code, headers}`` and a content. Raises Failure for what is none."""
    response = made.response
    if not isinstance(response, Mapping):
        raise Failure("undefined response from the function", error="render_error")
    code = response.get("code", status)
    if not isinstance(code, int) or not 200 <= code <= 599:
        raise Failure("the function gave no status", error="render_error")
    given = _headers(ctx, response.get("headers"))
    if made.type is not None and set(made.type) & set("\r\n\0"):
        raise Failure("the function gave a header that can be none", error="render_error")
    own = {name.lower() for name, _ in headers}  # which functions cannot change
    every = [*headers, *(pair for pair in given if pair[0].lower() not in own)]
    if made.kind == "json":
        return answer_raw(made.content, status=code, headers=every)
    body, kind = _body(made)
    stated = next((value for name, value in every if name.lower() == "content-type"), None)
    every = [item for item in every if item[0].lower() != "content-type"]
    if not any(name.lower() == SANDBOX[0].lower() for name, _ in every):
        every.append(SANDBOX)
    return Answer(body, status=code, headers=every, content_type=stated or made.type or kind)


def _headers(ctx: Context, given: Any) -> list[tuple[str, str]]:
    """Those that a function sets. Raises Failure for what could be no header."""
    found = []
    for name, value in (given if isinstance(given, Mapping) else {}).items():
        text = value if isinstance(value, str) else str(value)
        if not _HEADER.fullmatch(name) or set(text) & set("\r\n\0"):
            raise Failure("the function gave a header that can be none", error="render_error")
        if name.lower() in ("content-length", "transfer-encoding", "connection"):
            continue
        found.append((name, text))
    return found


def _body(made: Made) -> tuple[bytes, str]:
    """The bytes, and the type where none is stated."""
    if made.kind:
        return made.content, HTML if made.kind == "body" else "application/binary"
    if "body" in made.response:  # it is no text
        return str(made.response["body"]).encode("utf-8", "replace"), HTML
    return b"", "application/json"
