"""Listings as asynchronous iterators: the steps of `feeds`, one after the other, with turns for others.

`reader` is asked for the connection anew at every step: a database deleted meanwhile ends the listing
with NotFound.
"""

from collections.abc import AsyncIterator, Callable, Collection

import apsw

from couchreg.docstore.base import Changes, LocalDocument, Range, Row
from couchreg.docstore.sqlite import feeds, sequences
from couchreg.docstore.sqlite.aio import breathe
from couchreg.docstore.sqlite.feeds import ChangesOptions
from couchreg.turns import portions

Reader = Callable[[], apsw.Connection]


# -- by id
async def all_docs(reader: Reader, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
    behind = await _skip(reader, wanted) if wanted.skip else None
    left = wanted.limit
    while left is None or left > 0:
        chunk = feeds.rows(reader(), wanted, behind, bodies=bodies, most=left)
        if not chunk:
            return
        yield chunk
        behind = chunk[-1].id
        left = None if left is None else left - len(chunk)
        await breathe()


async def _skip(reader: Reader, wanted: Range) -> str | None:
    """Pass over `wanted.skip` documents; the id of the last one of them."""
    left, behind = wanted.skip, None
    while left > 0:
        count, last = feeds.passed(reader(), wanted, behind, min(left, feeds.STRIDE))
        behind = last or behind
        left = left - count if count else 0
        await breathe()
    return behind


async def count_before(reader: Reader, wanted: Range) -> int:
    if wanted.start is None:
        return 0
    before = Range(end=wanted.start, inclusive_end=False, descending=wanted.descending)
    total, behind = 0, None
    while True:
        count, behind = feeds.passed(reader(), before, behind, feeds.STRIDE)
        total += count
        if count < feeds.STRIDE:
            return total
        await breathe()


# -- by sequence
async def changes(
    reader: Reader, since: int, until: int, limit: int | None, options: ChangesOptions
) -> AsyncIterator[Changes]:
    """After `since` to `until`; the stretch that says so comes at the end, unless `limit` came first."""
    left, end, last = limit, sequences.stamp(until, options.incarnation), None
    while since < until and (left is None or left > 0):
        chunk = feeds.changes(reader(), since, until, options, most=left)
        if not chunk:
            break
        last = chunk[-1].seq
        yield Changes(chunk, last)
        if options.descending:
            until = last.number - 1
        else:
            since = last.number
        left = None if left is None else left - len(chunk)
        await breathe()
    if (left is None or left > 0) and last != end and not (last and options.descending):
        reader()
        yield Changes([], end)


async def changes_of(
    reader: Reader, ids: Collection[str], since: int, until: int, limit: int | None, options: ChangesOptions
) -> AsyncIterator[Changes]:
    """The changes of some documents."""
    seqs: set[int] = set()
    for part in portions(list(ids), feeds.ROWS):
        seqs.update(feeds.places(reader(), part))
        await breathe()
    within = sorted((seq for seq in seqs if since < seq <= until), reverse=options.descending)[:limit]
    for places in portions(within, feeds.FEW):
        found = feeds.changes_at(reader(), places, options)
        if found:
            yield Changes(found, found[-1].seq)
        await breathe()
    told = options.descending or within[-1] == until if within else False
    if (limit is None or len(within) < limit) and not told:
        yield Changes([], sequences.stamp(until, options.incarnation))


async def count_changes(reader: Reader, since: int, until: int) -> int:
    total = 0
    while since < until:
        count, last = feeds.count_changes(reader(), since, until, feeds.STRIDE)
        total += count
        if last is None or count < feeds.STRIDE:
            break
        since = last
        await breathe()
    return total


# -- local documents
async def local_docs(reader: Reader, wanted: Range, *, bodies: bool) -> AsyncIterator[list[LocalDocument]]:
    behind, skip, left = None, wanted.skip, wanted.limit
    while left is None or left > 0:
        chunk = feeds.local_docs(reader(), wanted, behind)
        if not chunk:
            return
        kept = chunk[skip:] if left is None else chunk[skip : skip + left]
        if kept:
            yield kept if bodies else [LocalDocument(doc.id, doc.rev, b"") for doc in kept]
        behind, skip = chunk[-1].id, max(0, skip - len(chunk))
        left = None if left is None else left - len(kept)
        await breathe()
