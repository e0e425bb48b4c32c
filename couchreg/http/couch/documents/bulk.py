"""`_bulk_docs`: many documents written in one request, in one transaction of the store.

https://docs.couchdb.org/en/stable/api/database/bulk-api.html#db-bulk-docs
"""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from aiohttp import web

from couchreg.auth.policy import Rule, authorize
from couchreg.docstore.attachments.upload import Upload
from couchreg.docstore.base import Edit, Outcome
from couchreg.errors import BadRequest, CouchregError
from couchreg.http.couch.documents import incoming, local, quorum, writing
from couchreg.http.couch.frame.body import decoded
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import answer_json, answer_raw
from couchreg.http.couch.frame.uuids import new_uuid
from couchreg.model import document, json
from couchreg.model.document import Parsed
from couchreg.model.partitions import check_id
from couchreg.turns import FEW, TimeSlice, portions

WHOLE = 1 << 20  # bytes of a request that is read in one go: some milliseconds of the loop
PORTION = 60 << 10  # bytes of documents that are read together, where not all are read at once


async def bulk_docs(ctx: Context) -> web.StreamResponse:
    ctx.require_json()
    body = await ctx.body()
    async with ctx.room(len(body)):
        return await _bulk_docs(ctx, body)


async def _bulk_docs(ctx: Context, body: bytes) -> web.StreamResponse:
    request = await _request_of(ctx, body)
    docs = _docs_of(request)
    new_edits = _new_edits_of(request)
    limits = writing.DocumentLimits.of(ctx)
    partitioned = await ctx.db.setting("partitioned")
    parsed: list[Parsed] = []
    turn = TimeSlice()
    for values in _together(docs, 1 if len(body) > WHOLE else FEW):
        if isinstance(values[0], json.Raw):
            values = await decoded(b"[" + b",".join(values) + b"]", is_trusted=ctx.user.is_admin)
        few = [_parse(ctx, limits, value, len(body), new_edits=new_edits) for value in values]
        if partitioned:
            for doc in few:
                check_id(writing.id_of(doc))
        parsed += few
        await turn.pass_on()
    if new_edits and request.get("all_or_nothing") is True:
        return _all_or_nothing(parsed)
    if ctx.publishes:
        outcomes = await incoming.write_all(ctx, parsed, new_edits=new_edits)
    else:
        outcomes = await _write(ctx, parsed, new_edits=new_edits)
    if not new_edits:
        return answer_json(_failures(parsed, outcomes), status=201)
    status = quorum.status_of(ctx, 201, request.get("w"))
    rows = await _results(parsed, outcomes, accepted=status == quorum.ACCEPTED)
    return answer_raw(rows, status=status)


async def _request_of(ctx: Context, body: bytes) -> Any:
    """The request; the documents of a large one as text, to be read a few at a time, since the loop would
    stand still while all of them are made. Raises BadRequest, TooLarge."""
    if len(body) > WHOLE:
        await ctx.check(body)
        with suppress(BadRequest):  # then it is read as a whole, which tells what is wrong
            members = json.parts(body)
            docs = json.items(members.pop("docs", b""))
            trusted = ctx.user.is_admin
            others = {name: await decoded(text, is_trusted=trusted) for name, text in members.items()}
            return others | {"docs": docs}
    return await ctx.decoded(body)


def _together(docs: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    """At most so many documents at a time; where they are still text, those that are short together, for it
    takes more to read each by itself."""
    is_text = bool(docs) and isinstance(docs[0], json.Raw)
    for portion in portions(docs, FEW if is_text else most):
        if is_text and sum(map(len, portion)) > PORTION:
            yield from portions(portion, 1 if max(map(len, portion)) > PORTION // 4 else 4)
        else:
            yield portion


def _docs_of(request: Any) -> list[Any]:
    if not isinstance(request, dict):
        raise BadRequest("Request body must be a JSON object")
    if "docs" not in request:
        raise BadRequest("POST body must include `docs` parameter.")
    docs = request["docs"]
    if not isinstance(docs, list):
        raise BadRequest("`docs` parameter must be an array.")
    return docs


def _new_edits_of(request: dict[str, Any]) -> bool:
    new_edits = request.get("new_edits", True)
    if not isinstance(new_edits, bool):
        raise BadRequest("`new_edits` parameter must be a boolean.")
    return new_edits


def _parse(
    ctx: Context, limits: writing.DocumentLimits, value: Any, received: int, *, new_edits: bool
) -> Parsed:
    parsed = document.parse(value, new_edits=new_edits)
    writing.check_limits(limits, parsed, received)
    if parsed.id is None:
        parsed.id = new_uuid(ctx)
    return parsed


def _all_or_nothing(parsed: Sequence[Parsed]) -> web.StreamResponse:
    """What CouchDB 2 and later answer to this wish of older clients."""
    refused = [
        {
            "id": doc.id,
            "rev": doc.rev or "0-",
            "error": "not_implemented",
            "reason": "all_or_nothing is not supported",
        }
        for doc in parsed
    ]
    return answer_json(refused, status=417)


# -- writing


async def _write(ctx: Context, parsed: Sequence[Parsed], *, new_edits: bool) -> list[Outcome]:
    """One outcome for each document. Local documents go first, the others together."""
    outcomes: list[Outcome] = [""] * len(parsed)
    places: list[int] = []
    refusal = await _design_refusal(ctx, parsed)
    for place, doc in enumerate(parsed):
        doc_id = writing.id_of(doc)
        if doc_id.startswith("_"):
            if doc_id.startswith("_local/"):
                outcomes[place] = await _local(ctx, doc)
                continue
            invalid = refusal or await _invalid_design(ctx, doc)
            if invalid is not None:
                outcomes[place] = invalid
                continue
        places.append(place)
    written = await _update(ctx, [parsed[place] for place in places], new_edits=new_edits)
    for place, outcome in zip(places, written, strict=True):
        outcomes[place] = outcome
    return outcomes


async def _local(ctx: Context, doc: Parsed) -> Outcome:
    try:
        return await local.write(ctx, writing.id_of(doc), None if doc.deleted else doc.body, doc.rev)
    except BadRequest as error:  # a revision that no local document has
        return BadRequest(error.reason, error="error")


async def _design_refusal(ctx: Context, parsed: Sequence[Parsed]) -> CouchregError | None:
    """Why this user may not write design documents, if there are any and that is so."""
    if ctx.user.is_admin or not any(doc.id and doc.id.startswith("_design/") for doc in parsed):
        return None
    try:
        authorize(Rule.DESIGN_WRITER, ctx.user, ctx.db.name, await ctx.db.setting("security"))
    except CouchregError as error:
        return error
    return None


async def _invalid_design(ctx: Context, doc: Parsed) -> CouchregError | None:
    try:
        await writing.check_design(ctx, doc)
    except CouchregError as error:
        return error
    return None


async def _update(ctx: Context, parsed: Sequence[Parsed], *, new_edits: bool) -> list[Outcome]:
    async with AsyncExitStack() as stack:
        upload: Upload | None = None
        if any(doc.attachments for doc in parsed):
            upload = await stack.enter_async_context(ctx.attachments.upload(ctx.db.name))
        edits: list[Edit] = []
        turn = TimeSlice()
        for portion in portions(parsed):
            if upload is None:
                edits += map(writing.as_edit, portion)
            else:
                edits += [await _edit(doc, upload, new_edits=new_edits) for doc in portion]
            await turn.pass_on()
        await ctx.confirm()
        if not edits:
            return []
        outcomes = (await ctx.db.update(edits, new_edits=new_edits, user=ctx.user)).outcomes
    if writing.is_told(ctx):
        kept = zip(parsed, outcomes, strict=True)
        writing.told(ctx, [doc.id or "" for doc, came in kept if not isinstance(came, CouchregError)])
    return outcomes


async def _edit(doc: Parsed, upload: Upload, *, new_edits: bool) -> Edit:
    if not doc.attachments:
        return writing.as_edit(doc)
    records = await upload.inline(writing.id_of(doc), doc.attachments, new_edits=new_edits)
    return writing.as_edit(doc, records)


# -- answering


async def _results(parsed: Sequence[Parsed], outcomes: Sequence[Outcome], *, accepted: bool) -> bytes:
    rows: list[bytes] = []
    turn = TimeSlice()
    for portion in portions(list(zip(parsed, outcomes, strict=True))):
        told = [_row(writing.id_of(doc), outcome, accepted=accepted) for doc, outcome in portion]
        rows.append(json.texts(told)[1:-1])
        await turn.pass_on()
    return b"[" + b",".join(rows) + b"]"


def _row(doc_id: str, outcome: Outcome, *, accepted: bool) -> dict[str, Any] | json.Raw:
    if not isinstance(outcome, str):  # its reason may be any value that a function has thrown
        return json.Raw(json.encode(writing.failure(doc_id, outcome)))
    row = {"ok": True, "id": doc_id, "rev": outcome}
    return row | {"accepted": True} if accepted else row


def _failures(parsed: Sequence[Parsed], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Of replicated documents only those that were refused are told."""
    return [
        {"id": doc.id, "rev": doc.rev, "error": outcome.error, "reason": outcome.shown}
        for doc, outcome in zip(parsed, outcomes, strict=True)
        if isinstance(outcome, CouchregError)
    ]
