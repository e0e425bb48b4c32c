"""Rows for certain ids, in the order in which they were asked for; deleted and unknown ones too."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from couchreg.docstore.base import Database, Revision, Row
from couchreg.errors import NotFound
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings.namespaces import Namespace
from couchreg.http.couch.listings.range_rows import (
    count,
    joined_rows,
    local_document,
    plain_document,
    write_elaborate_row,
)
from couchreg.http.couch.listings.rowdocs import DocOptions, is_large
from couchreg.http.couch.listings.view_query import ViewQuery
from couchreg.turns import TimeSlice
from couchreg.wire import rows

TOGETHER = 500  # ids looked up in one read


async def write(db: Database, writer: RowWriter, namespace: Namespace, query: ViewQuery) -> None:
    """A complete `{"total_rows", "offset", "rows"}`; there is no offset, CouchDB says null."""
    total = None if namespace.is_local else await count(db, namespace)
    with_seq = query.flags.get("update_seq", False)
    await writer.write(rows.head(total, None, with_seq=with_seq))
    keys = _selected(namespace, query)
    documents = _Documents(db) if query.docs.include_docs else None
    for begin in range(0, len(keys), TOGETHER):
        if begin:
            await writer.write(rows.BETWEEN)
        some = keys[begin : begin + TOGETHER]
        if namespace.is_local:
            await _write_locals(db, writer, some, query.docs)
        else:
            await _write_some(db, writer, some, query.docs, documents)
    await writer.write(rows.TAIL)


def _selected(namespace: Namespace, query: ViewQuery) -> Sequence[Any]:
    """Those of the namespace among the keys that `skip` and `limit` leave, in this order as CouchDB."""
    keys = list(query.keys or ())
    if query.descending:
        keys.reverse()
    end = None if query.limit is None else query.skip + query.limit
    return [key for key in keys[query.skip : end] if not namespace.prefix or namespace.holds(key)]


class _Documents:
    """Rows with their bodies, of which few are in memory when they are large. A document that is asked for
    again is not read again while it is among the last that were."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last: dict[tuple[str, str], Row | None] = {}

    async def of(self, winners: Sequence[Row | None]) -> AsyncIterator[Row | None]:
        """A document that has been edited since is shown as it was; one that has lost that revision is not
        shown."""
        turn = TimeSlice()
        for place, row in enumerate(winners):
            if row is None or row.deleted:
                yield row
                continue
            if (row.id, row.rev) not in self._last:
                self._last = await self._opened(winners[place:])
                await turn.pass_on()
            yield self._last[row.id, row.rev]

    async def _opened(self, winners: Sequence[Row | None]) -> dict[tuple[str, str], Row | None]:
        """The first of them at least, each document once."""
        live = {row.id: row for row in reversed(winners) if row is not None and not row.deleted}
        wanted = list(reversed(live.values()))
        opened = await self._db.open_revs([(one.id, (one.rev,)) for one in wanted])
        pairs = zip(wanted, opened, strict=False)
        return {(one.id, one.rev): _filled(one, revisions[0].revision) for one, revisions in pairs}


async def _write_some(
    db: Database, writer: RowWriter, keys: Sequence[Any], options: DocOptions, documents: _Documents | None
) -> None:
    spelt = [_id_of(key) for key in keys]
    ids = [doc_id for doc_id in spelt if doc_id is not None]
    winners = await db.winners(ids, bodies=False)
    found = documents.of(winners) if documents is not None else _as_they_are(winners)
    for number, (key, doc_id) in enumerate(zip(keys, spelt, strict=True)):
        row = await anext(found) if doc_id is not None else None
        if number:
            await writer.write(rows.BETWEEN)
        if row is None or row.deleted or not options.include_docs:
            await writer.write(_short(key, row, options))
        elif not isinstance(key, str):
            await writer.write(rows.with_docs([rows.spelt(key, row)], [plain_document(row)])[0])
        elif options.are_plain and not is_large(row.members):
            await writer.write(joined_rows([row], [plain_document(row)]))
        else:
            await write_elaborate_row(db, writer, row, options)


async def _as_they_are(winners: Sequence[Row | None]) -> AsyncIterator[Row | None]:
    for row in winners:
        yield row


def _filled(row: Row, revision: Revision | None) -> Row | None:
    if revision is None:
        return None
    return row._replace(members=revision.members, attachments=revision.attachments)


def _short(key: Any, row: Row | None, options: DocOptions) -> bytes:
    if row is None:
        return rows.missing(key).encode()
    if row.deleted:
        return rows.deleted(row, with_doc=options.include_docs).encode()
    return joined_rows([row], None) if isinstance(key, str) else rows.spelt(key, row).encode()


def _id_of(key: Any) -> str | None:
    """The id that a key names: a text, or as in CouchDB a list of texts and bytes that spell one."""
    if isinstance(key, str):
        return key
    if not isinstance(key, list):
        return None
    pieces: list[bytes] = []
    left: list[Any] = [key]
    while left:
        piece = left.pop()
        if isinstance(piece, list):
            left += reversed(piece)
        elif isinstance(piece, str):
            pieces.append(piece.encode())
        elif isinstance(piece, int) and not isinstance(piece, bool) and 0 <= piece < 256:
            pieces.append(bytes((piece,)))
        else:
            return None
    try:
        return b"".join(pieces).decode()
    except UnicodeDecodeError:
        return None


async def _write_locals(db: Database, writer: RowWriter, keys: Sequence[str], options: DocOptions) -> None:
    for number, key in enumerate(keys):
        if number:
            await writer.write(rows.BETWEEN)
        await writer.write(await _local_row(db, key, options))


async def _local_row(db: Database, key: str, options: DocOptions) -> bytes:
    try:
        found = await db.local(key)
    except NotFound:
        return rows.missing(key).encode()
    return joined_rows([found], [local_document(found)] if options.include_docs else None)
