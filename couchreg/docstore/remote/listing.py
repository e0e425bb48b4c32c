"""Documents in order: by id, and by the sequence of their changes, page by page.

A page is as long as its documents are small: the sizes of one page say how long the next one is.
"""

from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import msgspec

from couchreg.docstore.base import Change, Changes, Range, Row, Seq
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import CouchAnswer
from couchreg.docstore.remote.copies import Copies
from couchreg.docstore.remote.reading import row_of, rows_of
from couchreg.docstore.remote.records import is_there, read
from couchreg.docstore.remote.sequences import OneCopy
from couchreg.errors import TooLarge
from couchreg.model import json

ROWS: Final = 1000  # of a page without bodies
FIRST: Final = 4  # of the first page with bodies
BYTES: Final = 1 << 20  # of a page with bodies, as far as that can be told before
_NOTHING: Final = msgspec.Raw(b"")


class _Leaf(msgspec.Struct):
    rev: str


class _Change(msgspec.Struct):
    seq: Any
    id: str
    changes: list[_Leaf]
    deleted: bool = False
    doc: msgspec.Raw = _NOTHING


class _Page(msgspec.Struct):
    results: list[_Change]
    last_seq: Any
    pending: int | None = None


_pages: Final = msgspec.json.Decoder(_Page)
_line: Final = msgspec.json.Decoder(_Change)


class _Length:
    """How many rows the next page has."""

    def __init__(self, *, bodies: bool) -> None:
        self._bodies = bodies
        self.rows = FIRST if bodies else ROWS

    def learn(self, rows: int, size: int) -> None:
        if self._bodies and rows:
            self.rows = max(1, min(ROWS // 2, self.rows * 8, BYTES // max(1, size // rows)))

    def shrink(self) -> bool:
        """After a page that was too large; False where it had one row already."""
        was, self.rows = self.rows, max(1, self.rows // 8)
        return was > 1


# -- by id
async def all_docs(asking: DatabaseCalls, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
    """Each page begins with the last row of the one before, which is left out: so nothing is passed over
    when that document is deleted meanwhile."""
    left, skip, behind = wanted.limit, wanted.skip, None
    length = _Length(bodies=bodies)
    if _is_reversed(wanted):
        return
    while left is None or left > 0:
        most = length.rows if left is None else min(left, length.rows)
        query = _range(wanted, behind) | {"limit": str(most + (behind is not None)), "skip": str(skip)}
        if bodies:
            query["include_docs"] = "true"
        try:
            answer = await asking.ask("GET", "/_all_docs", query=query)
        except TooLarge:
            if not length.shrink():
                raise
            continue
        found = (await asking.decoded(answer, rows_of)).rows
        rows = [row for one in found if (row := row_of(one, bodies=bodies)) and row.id != behind]
        if rows:
            yield rows
        if len(found) < most + (behind is not None):
            return
        length.learn(len(found), len(answer.data))
        left = None if left is None else left - len(rows)
        behind, skip = found[-1].id, 0


def _is_reversed(wanted: Range) -> bool:
    """Whether it ends before it begins: CouchDB says 400 for that."""
    if wanted.start is None or wanted.end is None:
        return False
    start, end = wanted.start.encode(), wanted.end.encode()
    return start < end if wanted.descending else start > end


def _range(wanted: Range, behind: str | None) -> dict[str, str]:
    start = wanted.start if behind is None else behind
    query = {"descending": "true"} if wanted.descending else {}
    if start is not None:
        query["startkey"] = json.encode(start).decode()
    if wanted.end is not None:
        query["endkey"] = json.encode(wanted.end).decode()
        query["inclusive_end"] = "true" if wanted.inclusive_end else "false"
    return query


# -- by sequence
class ChangesWanted(msgspec.Struct):
    """Which changes, in what form. `until` is a place that there is; only where it is a bound is what comes
    behind it left out, else the page that reaches it is the last."""

    since: Seq
    until: Seq
    is_bounded: bool
    limit: int | None
    bodies: bool
    all_leafs: bool
    ids: Collection[str] | None
    order: OneCopy | Copies

    @property
    def query(self) -> dict[str, str]:
        query = {"style": "all_docs" if self.all_leafs else "main_only"}
        if self.bodies:
            query["include_docs"] = "true"
        if self.ids is not None:
            query["filter"] = "_doc_ids"
        return query

    def change(self, one: _Change) -> Change:
        seq = self.order.stamp(one.seq)
        revs = tuple([leaf.rev for leaf in one.changes])
        if not self.bodies:
            return Change(seq, one.id, revs, one.deleted, None, ())
        if not is_there(one.doc):  # forgotten, or edited, in between
            return Change(seq, one.id, revs, one.deleted, b"", ())
        doc = read(one.doc)
        return Change(seq, one.id, revs, one.deleted, doc.members, doc.attachments or ())


async def changes(asking: DatabaseCalls, wanted: ChangesWanted) -> AsyncIterator[Changes]:
    """Oldest first, up to `until`."""
    since, left, length = wanted.since, wanted.limit, _Length(bodies=wanted.bodies)
    while left is None or left > 0:
        most = length.rows if left is None else min(left, length.rows)
        try:
            page, size = await _page(asking, wanted, since, most)
        except TooLarge:
            if not length.shrink():
                raise
            continue
        found = [wanted.change(one) for one in page.results]
        inside = [change for change in found if change.seq.number <= wanted.until.number]
        if left is not None:
            left -= len(found)
        if wanted.is_bounded and len(inside) < len(found):  # all up to `until` has been here
            yield Changes(inside, inside[-1].seq if inside else since)
            return
        is_last = len(found) < most
        since = _end(page, wanted) if is_last else found[-1].seq
        length.learn(len(found), size)
        if found or is_last:
            yield Changes(found, since)
        if is_last or since.number >= wanted.until.number:
            return


def _end(page: _Page, wanted: ChangesWanted) -> Seq:
    """How far a page without rows behind it reaches."""
    last = wanted.order.stamp(page.last_seq)
    return wanted.until if wanted.is_bounded and last.number > wanted.until.number else last


async def _page(asking: DatabaseCalls, wanted: ChangesWanted, since: Seq, most: int) -> tuple[_Page, int]:
    query = wanted.query | {"since": wanted.order.since(since), "limit": str(most)}
    if wanted.ids is None:
        answer = await asking.ask("GET", "/_changes", query=query)
    else:
        answer = await asking.ask("POST", "/_changes", query=query, value={"doc_ids": list(wanted.ids)})
    return await asking.decoded(answer, _pages), len(answer.data)


async def backwards(asking: DatabaseCalls, wanted: ChangesWanted) -> AsyncIterator[Changes]:
    """Newest first. CouchDB begins at the end, whatever `since` says, and cannot be asked for a page of it:
    so one answer is read line by line, up to where `since` is."""
    query = wanted.query | {"descending": "true"}
    if wanted.limit is not None:
        query["limit"] = str(wanted.limit + 1)
    body = None if wanted.ids is None else json.encode({"doc_ids": list(wanted.ids)})
    method = "GET" if body is None else "POST"
    path = await wanted.order.backwards_path() or asking.path + "/_changes"
    found, size = list[Change](), 0
    left = wanted.limit
    if left == 0:
        return
    async with asking.calls.opened(method, path, query=query, body=body) as response:
        if response.status >= 400:
            raise await asking.calls.refused(response)
        async for line in lines(response.content):
            if line.startswith(b'{"seq"'):
                change = wanted.change(_line.decode(line.rstrip(b",\r\n")))
                if change.seq.number > wanted.until.number:
                    continue
                if change.seq.number <= wanted.since.number or left == 0:
                    break
                left = None if left is None else left - 1
                found.append(change)
                size += len(line)
            if size >= BYTES or len(found) >= ROWS:
                yield Changes(found, found[-1].seq)
                found, size = [], 0
    yield Changes(found, found[-1].seq if found else wanted.since)


async def lines(content: Any) -> AsyncIterator[bytes]:
    """However long they are, up to what one answer may have."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > (64 << 20):
            raise TooLarge("A line of a feed is too long.")
    if rest:
        yield rest


async def pending(asking: DatabaseCalls, since: str) -> int:
    """One row, and how many there are behind it."""
    query = {"since": since, "limit": "1"}
    page = await asking.decoded(await asking.ask("GET", "/_changes", query=query), _pages)
    return len(page.results) + (page.pending or 0)


async def news(asking: DatabaseCalls, since: str, milliseconds: int) -> Any:
    """Wait for a change after a place: where that is, or how far there was none in time."""
    query = {
        "feed": "longpoll",
        "since": since,
        "limit": "1",
        "timeout": str(milliseconds),
    }
    async with asking.calls.opened("GET", asking.path + "/_changes", query=query, feed=True) as response:
        if response.status >= 400:
            raise await asking.calls.refused(response)
        found = await asking.decoded(CouchAnswer(response.status, await response.read()), _pages)
    return found.last_seq
