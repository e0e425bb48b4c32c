"""`_bulk_get`: many documents, or revisions of them, read in one request.

Read in batches and sent as they come, so that a large request does not need a large memory.
https://docs.couchdb.org/en/stable/api/database/bulk-api.html#db-bulk-get
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiohttp import web

from couchreg.docstore.base import Attachment, Opened
from couchreg.errors import BadRequest
from couchreg.http.couch.documents.bulk_get_request import RequestedDocument, error_of, query_of, wanted_of
from couchreg.http.couch.documents.document_query import DocumentQuery
from couchreg.http.couch.documents.multipart_sending import BulkParts
from couchreg.http.couch.documents.reading import shown
from couchreg.http.couch.documents.sending import write_pieces
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, answer_raw
from couchreg.model import json
from couchreg.turns import TimeSlice
from couchreg.wire import documents, related
from couchreg.wire.accept import accepts_type

BATCH = 200
LOOK = 64  # entries that are read between two looks at the time


Answered = tuple[RequestedDocument, list[Opened]]


async def bulk_get(ctx: Context) -> web.StreamResponse:
    ctx.require_json()
    request = await ctx.json()
    if not isinstance(request, dict):
        raise BadRequest("Request body must be a JSON object")
    docs = request.get("docs")
    if not isinstance(docs, list):
        raise BadRequest("Missing JSON list of 'docs'.")
    query = query_of(ctx)
    partitioned = bool(await ctx.db.setting("partitioned"))
    wanted: list[RequestedDocument] = []
    turn = TimeSlice()
    for begin in range(0, len(docs), LOOK):
        wanted += [wanted_of(entry, query, partitioned=partitioned) for entry in docs[begin : begin + LOOK]]
        if turn.is_over:
            await turn.pass_on()
    subtype = _multipart_subtype(ctx)
    if subtype is not None:
        return await _send_multipart(ctx, wanted, query, subtype)
    return await _send_json(ctx, wanted, query)


# -- reading


async def _answered(
    ctx: Context, wanted: Sequence[RequestedDocument], query: DocumentQuery
) -> AsyncIterator[list[Answered]]:
    """The entries with what was found for them, a batch at a time."""
    latest = "latest" in query.flags
    done, turn = 0, TimeSlice()
    while done < len(wanted):
        batch = wanted[done : done + BATCH]
        asked = [(one.id, None if one.rev is None else (one.rev,)) for one in batch if one.error is None]
        histories = any(one.query.wants_history for one in batch)
        found = await ctx.db.open_revs(asked, latest=latest, histories=histories) if asked else []
        answered = _matched(batch, found)
        done += len(answered)
        yield answered
        if turn.is_over:  # a client that reads fast lets nobody else in between
            await turn.pass_on()


def _matched(batch: Sequence[RequestedDocument], found: Sequence[list[Opened]]) -> list[Answered]:
    """The entries up to the last that something was read for; those that are wrong need no reading."""
    rows = iter(found)
    answered: list[Answered] = []
    for one in batch:
        opened = [] if one.error is not None else next(rows, None)
        if opened is None:
            break
        answered.append((one, opened))
    return answered


def _missing(one: RequestedDocument, rev: str | None) -> dict[str, Any]:
    return error_of(one.id, "undefined" if rev is None else rev, "not_found", "missing")


# -- as JSON


async def _send_json(
    ctx: Context, wanted: Sequence[RequestedDocument], query: DocumentQuery
) -> web.StreamResponse:
    if len(wanted) <= BATCH and not query.flags & {"attachments"}:
        texts: list[bytes | Attachment] = []
        answered: list[Answered] = await anext(_answered(ctx, wanted, query), [])
        _render(answered, texts, first=True)
        is_whole = len(answered) == len(wanted) and set(map(type, texts)) <= {bytes}
        if is_whole and max(map(len, texts), default=0) <= documents.LARGE:  # type: ignore[arg-type]
            return answer_raw(b'{"results":[%b]}' % b"".join(texts))  # type: ignore[arg-type]
    return await _stream_json(ctx, wanted, query)


async def _stream_json(
    ctx: Context, wanted: Sequence[RequestedDocument], query: DocumentQuery
) -> web.StreamResponse:
    stream = await ctx.stream(headers=[MUST_REVALIDATE])
    await stream.write(b'{"results":[')
    first = True
    async for answered in _answered(ctx, wanted, query):
        parts: list[bytes | Attachment] = []
        _render(answered, parts, first=first)
        await write_pieces(ctx, stream, documents.joined(parts))
        first = False
    await stream.write(b"]}\n")
    await stream.write_eof()
    return stream


def _render(answered: Sequence[Answered], parts: list[bytes | Attachment], *, first: bool) -> None:
    """Append the rows of a batch to `parts`, as text with attachments in between."""
    before = b"" if first else b","
    for one, opened in answered:
        parts.append(before + b'{"id":' + json.encode(one.id) + b',"docs":[')
        if one.error is not None:
            parts.append(b'{"error":' + json.encode(one.error) + b"}")
        elif not opened:
            parts.append(b'{"error":' + json.encode(_missing(one, None)) + b"}")
        for place, revision in enumerate(opened):
            _render_opened(one, revision, parts, b"," if place else b"")
        parts.append(b"]}")
        before = b","


def _render_opened(
    one: RequestedDocument, opened: Opened, parts: list[bytes | Attachment], before: bytes
) -> None:
    if opened.revision is None:
        parts.append(before + b'{"error":' + json.encode(_missing(one, opened.rev)) + b"}")
        return
    found, revision = shown(opened.revision, opened.history, one.query), opened.revision
    if len(revision.members) > documents.LARGE:
        parts.extend([before + b'{"ok":', *found.front])
        head = found.head
    else:
        head = documents.document_head(revision.id, revision.rev, revision.deleted, revision.members)
        head = before + b'{"ok":' + head + found.extras
    if not found.revision.attachments:
        parts.append(head + b"}}")
        return
    shape = one.query.shape(found.history)
    parts.extend(documents.pieces(head, found.revision.attachments, shape))
    parts.append(b"}")


# -- as multipart


def _multipart_subtype(ctx: Context) -> str | None:
    accept = ctx.request.headers.get("Accept")
    if accepts_type(accept, "application/json"):
        return None
    if accepts_type(accept, "multipart/mixed"):
        return "mixed"
    return "related" if accepts_type(accept, "multipart/related") else None


async def _send_multipart(
    ctx: Context, wanted: Sequence[RequestedDocument], query: DocumentQuery, subtype: str
) -> web.StreamResponse:
    boundary = b"--" + related.new_boundary()
    stream = await ctx.stream(content_type=related.mixed_type(boundary, subtype))
    parts = BulkParts(ctx, stream, boundary)
    async for answered in _answered(ctx, wanted, query):
        for one, opened in answered:
            await _write_parts(parts, one, opened)
    if wanted:
        await parts.end()
    await stream.write_eof()
    return stream


async def _write_parts(parts: BulkParts, one: RequestedDocument, opened: Sequence[Opened]) -> None:
    if one.error is not None or not opened:
        await parts.write_error(one.error or _missing(one, None))
    for revision in opened:
        if revision.revision is None:
            error = {"rev": revision.rev, "error": "not_found", "reason": "missing"}
            await parts.write_error(error)
        else:
            await parts.write_document(shown(revision.revision, revision.history, one.query), one.query)
