"""Rows of a range of ids, streamed from the store as it reads them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from couchreg.docstore.base import Database, LocalDocument, Range, Row
from couchreg.docstore.optional import counting, listing_locals
from couchreg.errors import NotImplementedHere
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings import rowdocs
from couchreg.http.couch.listings.namespaces import ALL, DESIGN, Namespace, wanted_range
from couchreg.http.couch.listings.rowdocs import DocOptions, RowDocument
from couchreg.http.couch.listings.view_query import ViewQuery
from couchreg.model.partitions import span
from couchreg.wire import documents, rows


async def write(db: Database, writer: RowWriter, namespace: Namespace, query: ViewQuery) -> None:
    """A complete `{"total_rows", "offset", "rows"}`."""
    wanted = wanted_range(namespace, query)
    await writer.write(await _head(db, namespace, query, wanted))
    if query.limit != 0:
        await _write_rows(db, writer, namespace, wanted, query.docs)
    await writer.write(rows.TAIL)


async def _head(db: Database, namespace: Namespace, query: ViewQuery, wanted: Range) -> bytes:
    with_seq = query.flags.get("update_seq", False)
    if namespace.is_local:
        return rows.head(None, None, with_seq=with_seq)
    total = await count(db, namespace)
    before = await _offset(db, wanted, query.partition)
    seq = (await db.update_seq()).text if with_seq else None
    offset = None if before is None else min(total, before + query.skip)
    return rows.head(total, offset, seq, with_seq=with_seq)


async def _offset(db: Database, wanted: Range, partition: str | None) -> int | None:
    """Where a range begins, in a partition counted from its first document; None, which CouchDB says too,
    where the store does not know."""
    if wanted.start is None:
        return 0
    if partition is not None:
        first, beyond = span(partition)
        edge = beyond if wanted.descending else first
        if wanted.start == edge:
            return 0
        before = Range(edge, wanted.start, inclusive_end=False, descending=wanted.descending)
        return sum([len(chunk) async for chunk in db.all_docs(before, bodies=False)])
    with suppress(NotImplementedHere):
        return await counting(db).count_before(wanted)
    return None


async def count(db: Database, namespace: Namespace) -> int:
    """How many live documents a namespace holds."""
    if namespace is ALL:
        return (await db.info()).doc_count
    live = Range(DESIGN.first, DESIGN.beyond, inclusive_end=False)
    return sum([len(chunk) async for chunk in db.all_docs(live, bodies=False)])


async def _write_rows(
    db: Database, writer: RowWriter, namespace: Namespace, wanted: Range, options: DocOptions
) -> None:
    separator = b""
    if options.include_docs and not namespace.is_local:
        await _write_documents(db, writer, wanted, options)
        return
    async for chunk in _chunks(db, namespace, wanted, include_docs=options.include_docs):
        await writer.write(separator + chunk)
        separator = rows.BETWEEN


async def _chunks(
    db: Database, namespace: Namespace, wanted: Range, *, include_docs: bool
) -> AsyncIterator[bytes]:
    """Rows as text, with what belongs between them."""
    if namespace.is_local:
        async for local in listing_locals(db).locals(wanted, bodies=include_docs):
            docs = [local_document(one) for one in local] if include_docs else None
            yield joined_rows(local, docs)
    else:
        async for chunk in db.all_docs(wanted, bodies=False):
            yield joined_rows(chunk, None)


def joined_rows(chunk: Sequence[Row | LocalDocument], docs: Sequence[bytes] | None) -> bytes:
    texts = rows.documents(chunk)
    if docs is None:
        return rows.joined(texts, rows.BETWEEN)
    return rows.BETWEEN.join(rows.with_docs(texts, docs))


def plain_document(row: Row) -> bytes:
    return documents.document(row.id, row.rev, False, row.members or b"", row.attachments)


def local_document(one: LocalDocument) -> bytes:
    return documents.document(one.id, one.rev, False, one.members)


async def _write_documents(db: Database, writer: RowWriter, wanted: Range, options: DocOptions) -> None:
    """A chunk at a time; with conflicts, the data of attachments, or large, a document at a time."""
    separator = b""
    async for chunk in db.all_docs(wanted, bodies=True):
        if options.are_plain and not rowdocs.holds_large(chunk):
            await writer.write(separator + joined_rows(chunk, [plain_document(row) for row in chunk]))
            separator = rows.BETWEEN
            continue
        for row in chunk:
            await writer.write(separator)
            await write_elaborate_row(db, writer, row, options)
            separator = rows.BETWEEN


async def write_elaborate_row(db: Database, writer: RowWriter, row: Row, options: DocOptions) -> None:
    shown = RowDocument(row.id, row.rev, row.deleted, row.members or b"", row.attachments)
    await writer.write(joined_rows([row], None)[:-1] + b',"doc":')
    await writer.write_document(await rowdocs.parts(db, shown, options))
    await writer.write(b"}")
