"""Rows of a view as CouchDB writes them, with the documents they lead to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from couchreg.designdocs.views.reading import IndexRow, size_of
from couchreg.docstore.base import Database, Revision
from couchreg.errors import IllegalDocid
from couchreg.http.couch.frame.context import LARGE
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings import rowdocs
from couchreg.http.couch.listings.rowdocs import DocOptions, RowDocument
from couchreg.model import json
from couchreg.wire import rows


async def write_rows(
    db: Database, writer: RowWriter, pages: AsyncIterator[Sequence[IndexRow]], options: DocOptions
) -> None:
    separator = b""
    async for page in pages:
        if not options.include_docs and size_of(page) < LARGE:
            await writer.write(separator + rows.BETWEEN.join(map(_text, page)))
            separator = rows.BETWEEN
            continue
        for row in page:
            await _write_long(writer, separator, row)
            if options.include_docs:
                await writer.write(b',"doc":')
                await _write_document(db, writer, row, options)
            await writer.write(b"}")
            separator = rows.BETWEEN


async def _write_long(writer: RowWriter, separator: bytes, row: IndexRow) -> None:
    """A row up to what may stand behind its value; what is long in it is not copied."""
    head = separator + b'{"id":%b,"key":' % json.quote(row.id)
    if len(row.key) + len(row.value) < LARGE:
        await writer.write(b'%b%b,"value":%b' % (head, row.key, row.value))
        return
    for piece in (head, row.key, b',"value":', row.value):
        await writer.write(piece)


def _text(row: IndexRow) -> bytes:
    return b'{"id":%b,"key":%b,"value":%b}' % (json.quote(row.id), row.key, row.value)


async def _write_document(db: Database, writer: RowWriter, row: IndexRow, options: DocOptions) -> None:
    """The document of a row, or the one that its value names by `_id` and `_rev`; `null` without one."""
    doc_id, rev = row.id, None
    if row.value.startswith(b"{"):
        value: Any = json.decode(row.value)
        doc_id = value.get("_id", doc_id)
        rev = value.get("_rev")
    found = None
    if isinstance(doc_id, str):
        with suppress(IllegalDocid):  # of a partitioned database, which then has no such document
            found = await _revision(db, doc_id, rev)
    if found is None:
        await writer.write(b"null")
        return
    shown = RowDocument(found.id, found.rev, found.deleted, found.members, found.attachments)
    await writer.write_document(await rowdocs.parts(db, shown, options))


async def _revision(db: Database, doc_id: str, rev: Any) -> Revision | None:
    if isinstance(rev, str):
        [found] = await db.revisions(doc_id, [rev])
        return found
    [row] = await db.winners([doc_id], bodies=True)
    if row is None or row.deleted:
        return None
    return Revision(row.id, row.rev, row.deleted, row.members or b"", row.attachments)
