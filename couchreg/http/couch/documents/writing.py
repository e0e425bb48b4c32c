"""Documents on their way in: a body becomes an edit, an edit a revision.

Owns what is common to PUT, POST, `_bulk_docs` and multipart: which revision is edited, limits of
size, attachments in the text, who may write which id. What a document may look like is
`model/document.py`'s.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from couchreg.auth.policy import REGISTRY, Rule, authorize
from couchreg.designdocs.shape import check_design_document
from couchreg.designdocs.views.compiling import check_views
from couchreg.docstore.base import Attachment, Edit, Stub
from couchreg.errors import BadRequest, CouchregError, IllegalDocid, TooLarge
from couchreg.http.couch.documents import local
from couchreg.http.couch.documents.document_query import DocumentQuery, header_rev, is_utf8, parse_rev
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.params import parse_int
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.http.couch.frame.uuids import new_uuid
from couchreg.journal.asking import record
from couchreg.model import document, json, partitions
from couchreg.model.document import Parsed

log = logging.getLogger(__name__)

MAX_DOCUMENT = 8_000_000
# Bytes of an id, of whoever has not logged in: a list of ids is read by their number.
GUEST_ID = 8 << 10
MOST_TOLD = 20  # documents of one request that are written down


def query_rev(ctx: Context) -> str | None:
    """The revision in the query string. Raises BadRequest."""
    given = ctx.query.get("rev") if ctx.raw_query else None
    return None if given is None else parse_rev(given)


# -- from a body to a parsed document


async def parse(ctx: Context, body: bytes, doc_id: str, query: DocumentQuery) -> Parsed:
    """The document of a PUT to `doc_id`. Raises BadRequest and its kin, TooLarge."""
    parsed = document.parse(await ctx.decoded(body), new_edits=True)
    check_limits(DocumentLimits.of(ctx), parsed, len(body))
    return addressed(ctx, parsed, doc_id, query)


def addressed(ctx: Context, parsed: Parsed, doc_id: str, query: DocumentQuery) -> Parsed:
    """The document under the id of its address, editing the revision that the request names."""
    given = query_rev(ctx)
    if parsed.rev is not None and given is not None and given != parsed.rev:
        raise BadRequest("Document rev from request body and query string have different values")
    parsed.id = doc_id
    parsed.rev = header_rev(ctx.request.headers.get("If-Match"), parsed.rev or given)
    if not query.new_edits:
        require_rev(parsed)
    return parsed


def require_rev(parsed: Parsed) -> None:
    """A replicated document says which revision it is, if need be with itself as its whole history."""
    if parsed.rev is None:
        raise BadRequest(document.NEEDS_REV)
    if not parsed.history:
        parsed.history = (parsed.rev[parsed.rev.index("-", 1) + 1 :],)


async def parse_new(ctx: Context, body: bytes) -> Parsed:
    """The document of a POST to the database."""
    parsed = document.parse(await ctx.decoded(body), new_edits=True)
    check_limits(DocumentLimits.of(ctx), parsed, len(body))
    if parsed.id is None:
        parsed.id, parsed.rev, parsed.history = new_uuid(ctx), None, ()
    return parsed


def id_of(parsed: Parsed) -> str:
    """The id, which every document here has been given by now."""
    assert parsed.id is not None
    return parsed.id


class DocumentLimits(NamedTuple):
    """The settings that a document is measured by, read once for a request."""

    document: int  # bytes of JSON
    id: int | None  # bytes of UTF-8, None for any

    @classmethod
    def of(cls, ctx: Context) -> "DocumentLimits":
        found = ctx.settings.once(_limits)
        if ctx.user.name is not None or (found.id is not None and found.id < GUEST_ID):
            return found
        return found._replace(id=GUEST_ID)


def _limits(settings: CouchSettings) -> DocumentLimits:
    longest = settings.text("couchdb", "max_document_id_length", "infinity")
    most = settings.integer("couchdb", "max_document_size", MAX_DOCUMENT)
    return DocumentLimits(most, None if longest == "infinity" else parse_int(longest))


def check_limits(limits: DocumentLimits, parsed: Parsed, received: int) -> None:
    """`received` is how long the text was, which the document itself does not exceed.

    Raises TooLarge, IllegalDocid.
    """
    if limits.id is not None and parsed.id is not None:
        document.check_docid(parsed.id, longest=limits.id)
    if received > limits.document and len(json.encode(parsed.body)) > limits.document:
        raise TooLarge(parsed.id or "", error="document_too_large")


def check_id(ctx: Context, doc_id: str) -> None:
    """Raises IllegalDocid unless a document may have this id, which comes from an address."""
    if not is_utf8(doc_id):
        raise IllegalDocid("Document id must be valid UTF-8")
    document.check_docid(doc_id, longest=DocumentLimits.of(ctx).id)


# -- who may


async def authorize_id(ctx: Context, doc_id: str) -> None:
    """Whether they may write this document: it may be another than the request's address says.

    Design documents are the admins' of a database, whatever way they come in.
    """
    if not ctx.user.is_admin and not doc_id.startswith("_local/"):
        rule = Rule.DESIGN_WRITER if doc_id.startswith("_design/") else Rule.WRITER
        authorize(rule, ctx.user, ctx.db.name, await ctx.db.setting("security"))


async def check_partition(ctx: Context, doc_id: str) -> None:
    """Raises IllegalDocid, IllegalPartition where documents have partitions and this id is in none."""
    if await ctx.db.setting("partitioned"):
        partitions.check_id(doc_id)


async def check_design(ctx: Context, parsed: Parsed) -> None:
    """Raises BadRequest (invalid_design_doc, compilation_error) for a design document that CouchDB would not
    store."""
    if id_of(parsed).startswith("_design/") and not parsed.deleted:
        check_design_document(parsed.body)
        await check_option(ctx, parsed.body)
        await check_views(ctx.services.functions, ctx.db.name, parsed.body)


async def check_option(ctx: Context, body: Mapping[str, Any]) -> None:
    """Raises BadRequest (invalid_design_doc) for a design document of partitions where there are none."""
    if (body.get("options") or {}).get("partitioned") is True and not await ctx.db.setting("partitioned"):
        reason = "partitioned option cannot be true in a non-partitioned database."
        raise BadRequest(reason, error="invalid_design_doc")


# -- from a parsed document to a revision


async def write(ctx: Context, parsed: Parsed, *, new_edits: bool) -> str:
    """Write one document with the attachments in its text; returns its revision."""
    if not parsed.attachments or id_of(parsed).startswith("_local/"):
        return await write_with(ctx, parsed, (), new_edits=new_edits)
    async with ctx.attachments.upload(ctx.db.name) as upload:
        records = await upload.inline(id_of(parsed), parsed.attachments, new_edits=new_edits)
        return await write_with(ctx, parsed, records, new_edits=new_edits)


async def write_with(
    ctx: Context, parsed: Parsed, records: Sequence[Attachment | Stub], *, new_edits: bool
) -> str:
    """Write one document with these attachments, which a local document does not keep."""
    doc_id = id_of(parsed)
    if doc_id.startswith("_local/"):
        return await local.write(ctx, doc_id, None if parsed.deleted else parsed.body, parsed.rev)
    if doc_id.startswith("_design/"):
        await check_design(ctx, parsed)
    return await update(ctx, as_edit(parsed, records), new_edits=new_edits)


async def try_write(ctx: Context, parsed: Parsed, *, new_edits: bool) -> None:
    """`write`, for those who do not ask what came of it."""
    try:
        await write(ctx, parsed, new_edits=new_edits)
    except CouchregError as error:
        log.info("batch=ok: %s was not written: %s", parsed.id, error)


def as_edit(parsed: Parsed, attachments: Sequence[Attachment | Stub] = ()) -> Edit:
    return Edit(id_of(parsed), parsed.rev, parsed.deleted, parsed.body, tuple(attachments), parsed.history)


async def update(ctx: Context, edit: Edit, *, new_edits: bool = True) -> str:
    """Write one edit; returns its revision, or raises what became of it."""
    await ctx.confirm()
    [outcome] = (await ctx.db.update([edit], new_edits=new_edits, user=ctx.user)).outcomes
    if isinstance(outcome, CouchregError):
        raise outcome
    if ctx.match["db"] == REGISTRY:
        told(ctx, [edit.id])
    return outcome


def is_told(ctx: Context) -> bool:
    """Whether what is written is the registry's: `told` takes note of it."""
    return ctx.meaning == REGISTRY


def told(ctx: Context, ids: Sequence[str]) -> None:
    """Write down that an administrator has changed what is the registry's, past its own ways."""
    if is_told(ctx) and ids:
        more = len(ids) - MOST_TOLD
        record("document.write", ids=list(ids[:MOST_TOLD]), more=more if more > 0 else None)


def failure(doc_id: str, error: CouchregError) -> dict[str, Any]:
    return {"id": doc_id, "error": error.error, "reason": error.shown}
