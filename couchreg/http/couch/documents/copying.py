"""COPY: the Destination header, and a document written again under another id."""

from couchreg.docstore.base import Attachment, Edit, Revision
from couchreg.errors import BadRequest
from couchreg.http.couch.documents import local, writing
from couchreg.http.couch.documents.document_query import DocumentQuery, parse_rev
from couchreg.http.couch.documents.reading import find
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.params import unquote


def destination(header: str | None, *, plus: bool = True) -> tuple[str, str | None]:
    """`"b?rev=1-ab"` -> `("b", "1-ab")`; `plus` reads "+" as a blank. Raises BadRequest."""
    if header is None:
        raise BadRequest("Destination header is mandatory for COPY.")
    if header.startswith(("http://", "https://")):
        raise BadRequest("Destination URL must be relative.")
    target, question, query = header.partition("?")
    if not question:
        return unquote(target, plus=plus), None
    _, equals, rev = query.partition("=")
    if not equals:
        raise BadRequest("Destination header is malformed.")
    return unquote(target, plus=plus), parse_rev(rev)


async def copied(ctx: Context, source: str, source_rev: str | None, target: str, rev: str | None) -> str:
    """Write the document `source` as `target`; returns the new revision. Raises NotFound, Conflict."""
    if source.startswith("_local/"):
        document = await local.read(ctx, source, source_rev)
        edit = Edit(target, rev, False, document.body)
    else:
        found = await find(ctx.db, source, DocumentQuery(rev=source_rev))
        edit = _as_edit(found.revision, target, rev)
    if target.startswith("_local/"):
        return await local.write(ctx, target, None if edit.deleted else edit.body, rev)
    async with ctx.attachments.upload(ctx.db.name) as upload:
        for attachment in edit.attachments:
            assert isinstance(attachment, Attachment)
            await upload.keep(attachment)
        return await writing.update(ctx, edit)


def _as_edit(revision: Revision, target: str, rev: str | None) -> Edit:
    return Edit(target, rev, revision.deleted, revision.body, revision.attachments)
