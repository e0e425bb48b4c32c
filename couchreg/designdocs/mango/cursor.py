"""The documents of a query, in the order of an index: read in parts, matched one by one.

Nothing here grows with the database: a page of an index and a few documents are held at a time.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from couchreg.designdocs.mango import bookmarks, ranges
from couchreg.designdocs.mango.analysis import equalities
from couchreg.designdocs.mango.bookmarks import Mark, ResumePoint
from couchreg.designdocs.mango.intervals import Interval
from couchreg.designdocs.mango.options import MangoQuery
from couchreg.designdocs.mango.planner import Choice, is_covered, means_nothing
from couchreg.designdocs.views.engine import FEW, Index
from couchreg.designdocs.views.reading import IndexRow, KeyBound, Read
from couchreg.docstore.base import Database, Range, Row
from couchreg.model import json, selector
from couchreg.model.collation import sort_key
from couchreg.model.projection import Projection, put
from couchreg.model.selector_operators import split
from couchreg.turns import TimeSlice
from couchreg.wire import documents

DESIGN: Final = "_design/"
PAGE: Final = 500  # rows of an index at once
TOGETHER: Final = 25  # documents at once, and more where they are small
MOST_TOGETHER: Final = 64
SMALL: Final = 256 << 10  # bytes of documents
LARGEST: Final = 256 << 10  # bytes of a document that becomes objects here
AT_ONCE: Final = 1 << 20  # bytes of documents that are handed on
LARGE: Final = b""  # stands for a document that is not read at once
_EXACT: Final = frozenset({str, int, bool})  # whose text is theirs alone
BEHIND: Final = 1 << 62  # a number behind those of all rows of one document


class Elsewhere(Protocol):
    """Where documents are matched and cut that are too large for the event loop."""

    async def matches(self, form: selector.Selector, row: Row, members: bytes) -> bool: ...

    async def projected(self, fields: Sequence[str], text: bytes) -> bytes: ...


@dataclass(slots=True)
class Stats:
    """What a query has looked at so far."""

    keys: int = 0
    docs: int = 0
    quorum_docs: int = 0
    results: int = 0


class MangoHit(NamedTuple):
    """A row of an index, or of the database itself; without its document where the keys are enough."""

    key: bytes
    id: str
    row: Row | None
    text: bytes | None = None  # the document, where it is certain that it is meant


class Cursor:
    """One query. `documents` once; afterwards `stats` and `bookmark` are told.

    Raises BadRequest for a bookmark, or for names of fields, that are none.
    """

    def __init__(
        self,
        db: Database,
        query: MangoQuery,
        choice: Choice,
        found: tuple[Index, int] | None,
        large: Elsewhere,
    ) -> None:
        """`found` is the index that was chosen, and which of its maps."""
        winner = choice.winner
        assert winner is not None  # `_find` has one, or has been refused
        self._db, self._query, self._winner, self._found, self._large = db, query, winner, found, large
        self._covered = is_covered(query, winner.index, choice.analysis)
        self._matches = selector.compile_form(query.selector)
        self._project = None if query.fields is None else Projection(query.fields)
        self._columns = [split(name) for name in winner.index.columns]
        self._mark: Mark | None = None
        if query.bookmark is not None:
            self._mark = bookmarks.read(query.bookmark, of_ids=winner.index.is_special)
        self._order: Callable[[Any], bytes] = sort_key
        self._ranges = [] if found is None or self.means_nothing else ranges.key_intervals(query, winner)
        if found is not None and query.is_of_partition:
            self._order = found[0].definition.order(found[1], query.partition)
            self._ranges = ranges.of_partition(self._ranges, query.partition)
        self._ids = ranges.ids(query, winner) if winner.index.is_special else None
        self.stats = Stats()
        self._last: MangoHit | None = None
        self._names_revision = False  # whether `_id` or `_rev` is asked about
        self._read = self._reader(choice)
        self._only_key = self._of_all_meant()

    def _of_all_meant(self) -> bytes | None:
        """The key that the rows of all documents have that are meant, and of no others, as long as the index
        and the documents are of one time: then nothing more has to be looked at. None where there is none.

        It is compared as text: 1 and 1.0 have the same sort key, and so have texts that differ in characters
        which do not count in an order.
        """
        values = equalities(self._query.selector) if self._project is None else None
        columns = self._winner.index.columns
        if not values or self._query.conflicts or values.keys() != set(columns):
            return None
        if any(not name.isidentifier() or name.startswith("_") for name in columns):
            return None
        if not _EXACT.issuperset(map(type, values.values())):
            return None
        return json.encode([values[name] for name in columns])

    def _reader(self, choice: Choice) -> Callable[[bytes], dict[str, Any]] | None:
        """Reads of a document what is asked about; None where that is more than its own members."""
        names = {split(name)[0] for name in (*choice.analysis.fields, *(self._query.fields or ()))}
        if any(name.startswith("_") and name not in ("_id", "_rev") for name in names):
            return None
        self._names_revision = not names.isdisjoint(("_id", "_rev"))
        return json.reader(frozenset(names))

    @property
    def means_nothing(self) -> bool:
        """Whether nothing is read at all."""
        return means_nothing(self._query, self._winner)

    @property
    def bookmark(self) -> str:
        """Where the next query goes on."""
        if self._last is None:
            return self._query.bookmark or bookmarks.NONE
        return ResumePoint(self._last.key, self._last.id).text()

    async def documents(self) -> AsyncIterator[list[bytes]]:
        """The text of each, with the fields that are wanted; some at a time."""
        skip, left, turn = self._query.skip, self._query.limit, TimeSlice()
        if not left or self.means_nothing:
            return
        async with aclosing(self._hits()) as every:
            async for hits in every:
                found: list[bytes] = []
                size = 0
                if not skip and hits and hits[0].text is not None:  # and so have the others
                    hits = hits[:left]
                    self._look(len(hits))
                    found = [hit.text for hit in hits if hit.text is not None]
                    self._last, hits = hits[-1], []
                for hit in hits:
                    text = self._matched(hit)
                    if text is LARGE:
                        text = await self._matched_slowly(hit)
                    if turn.is_over:
                        await turn.pass_on()
                    if text is None or self._is_design(hit):
                        self._uncount(hit, fits=text is not None)
                        continue
                    self._last = hit
                    if skip:
                        skip -= 1
                        continue
                    found.append(text)
                    size += len(text)
                    if len(found) == left:
                        break
                    if size > AT_ONCE:
                        self.stats.results += len(found)
                        left -= len(found)
                        yield found
                        found, size = [], 0
                self.stats.results += len(found)
                left -= len(found)
                if found:
                    yield found
                if not left:
                    return

    # What iterates here is closed where it is left, for else tasks are made to close it.

    async def _hits(self) -> AsyncGenerator[list[MangoHit], None]:
        if self._found is None:
            async with aclosing(self._listed()) as listed:
                async for rows in listed:
                    self.stats.keys += len(rows)
                    yield [MangoHit(json.quote(row.id), row.id, row) for row in rows]
            return
        async with aclosing(self._pages(*self._found)) as pages:
            async for page, seq in pages:
                async with aclosing(self._opened(page, seq)) as opened:
                    async for hits in opened:
                        yield hits

    async def _pages(
        self, index: Index, place: int
    ) -> AsyncGenerator[tuple[list[IndexRow], str | None], None]:
        """Of the ranges of an index, one after the other; they grow with what has been in vain. With each
        comes a sequence up to which the index has read the database."""
        wanted = max(1, min(self._query.skip + self._query.limit, FEW))
        for interval in self._intervals():
            read = self._part(place, interval)
            while True:
                seq = index.known_seq
                page, is_last = await index.peek(read, wanted)
                if page:
                    yield page, seq
                if is_last:
                    break
                read = read._replace(after=page[-1])
                wanted = min(2 * wanted, PAGE)

    def _intervals(self) -> list[Interval]:
        """Those that are behind the bookmark, in reading order."""
        found = list(self._ranges)
        if self._query.sort.descending:
            found.reverse()
        if self._mark is None:
            return found
        at = self._order(self._mark.key)
        if self._query.sort.descending:
            return [one for one in found if one.low <= at]
        return [one for one in found if one.high > at]

    def _part(self, place: int, interval: Interval) -> Read:
        low, high = KeyBound(interval.low, None), KeyBound(interval.high, None, inclusive=False)
        after = None
        if self._mark is not None:
            after = IndexRow(self._order(self._mark.key), self._mark.id, BEHIND, b"", b"")
        if self._query.sort.descending:
            return Read(place, high, low, descending=True, after=after)
        return Read(place, low, high, descending=False, after=after)

    async def _opened(
        self, page: Sequence[IndexRow], seq: str | None
    ) -> AsyncGenerator[list[MangoHit], None]:
        """Rows with their documents, a few at a time. The index was at `seq`, or behind it."""
        if self._covered:
            self.stats.keys += len(page)
            yield [MangoHit(row.key, row.id, None) for row in page]
            return
        start, together = 0, TOGETHER
        while start < len(page):
            some = page[start : start + together]
            start += len(some)
            self.stats.keys += len(some)
            rows = await self._db.winners([row.id for row in some], bodies=True)
            found = [
                MangoHit(of.key, of.id, row)
                for of, row in zip(some, rows, strict=True)
                if row is not None and not row.deleted
            ]
            # The documents were read before this look: if nothing came since, they are those of the index.
            is_one = self._only_key is not None and (await self._db.update_seq()).text == seq
            yield self._certain(found) if is_one else found
            size = sum(len(row.members or b"") for row in rows if row is not None)
            together = min(2 * together, MOST_TOGETHER) if size < SMALL else max(1, together // 4)

    def _certain(self, hits: list[MangoHit]) -> list[MangoHit]:
        """With their texts, as far as there is no more to them than members."""
        plain = [
            (hit.id, hit.row.rev, hit.row.members)
            for hit in hits
            if hit.key == self._only_key and hit.row and hit.row.members and not hit.row.attachments
        ]
        if len(plain) < len(hits):
            return hits
        texts = documents.plain(plain)
        return [MangoHit(hit.key, hit.id, hit.row, text) for hit, text in zip(hits, texts, strict=True)]

    async def _listed(self) -> AsyncGenerator[list[Row], None]:
        """The documents themselves, by their ids."""
        wanted = self._ids
        if wanted is None:
            return
        descending = self._query.sort.descending
        if wanted.ones is not None:
            async for rows in self._of_ids(wanted.ones, descending=descending):
                yield rows
            return
        first, last = (wanted.high, wanted.low) if descending else (wanted.low, wanted.high)
        if self._mark is not None:
            first = self._mark.id
        async for rows in self._db.all_docs(Range(first, last, descending=descending), bodies=True):
            yield [row for row in rows if self._mark is None or row.id != self._mark.id]

    async def _of_ids(self, ids: Sequence[str], *, descending: bool) -> AsyncIterator[list[Row]]:
        ordered = list(reversed(ids)) if descending else list(ids)
        if self._mark is not None:
            at = self._mark.id.encode()
            ordered = [one for one in ordered if (one.encode() < at if descending else one.encode() > at)]
        for start in range(0, len(ordered), TOGETHER):
            found = await self._db.winners(ordered[start : start + TOGETHER], bodies=True)
            yield [row for row in found if row is not None and not row.deleted]

    # -- documents

    def _matched(self, hit: MangoHit) -> bytes | None:
        """What is answered of a document; None for one that is not meant, LARGE where that takes longer."""
        row = hit.row
        if row is None:
            return self._of_keys(hit)
        self._look(1)
        if hit.text is not None:
            return hit.text
        members = row.members or b""
        if len(members) > LARGEST or self._query.conflicts:
            return LARGE
        if self._read is None or row.attachments:
            text = documents.document(row.id, row.rev, False, members, row.attachments)
            return self._answer(json.decode_own(text), text)
        doc = self._read(b"{%b}" % members)
        if self._names_revision:
            doc = {"_id": row.id, "_rev": row.rev, **doc}
        if not self._matches(doc):
            return None
        if self._project is not None:
            return json.encode(self._project(doc))
        return documents.document(row.id, row.rev, False, members)

    def _answer(self, doc: dict[str, Any], text: bytes) -> bytes | None:
        if not self._matches(doc):
            return None
        return text if self._project is None else json.encode(self._project(doc))

    async def _matched_slowly(self, hit: MangoHit) -> bytes | None:
        row = hit.row
        assert row is not None  # only documents are large
        extras = await self._conflicts(row) if self._query.conflicts else b""
        text = documents.document(row.id, row.rev, False, row.members or b"", row.attachments, extras)
        if len(text) <= LARGEST:
            return self._answer(json.decode_own(text), text)
        if not await self._large.matches(self._query.selector, row, text[1:-1]):
            return None
        fields = self._query.fields
        return text if fields is None else await self._large.projected(fields, text)

    def _look(self, number: int) -> None:
        """Count documents that are looked at."""
        if self._query.r > 1:
            self.stats.quorum_docs += number
        else:
            self.stats.docs += number

    def _is_design(self, hit: MangoHit) -> bool:
        return self._found is None and hit.id.startswith(DESIGN)

    def _uncount(self, hit: MangoHit, *, fits: bool) -> None:
        """Design documents are never found; CouchDB counts those that do not fit."""
        if not self._is_design(hit) or not (fits or self._query.r > 1):
            return
        self.stats.keys -= 1
        self._look(-1)

    def _of_keys(self, hit: MangoHit) -> bytes | None:
        """A document made of the key of its row, which has all that is asked about."""
        doc: dict[str, Any] = {"_id": hit.id}
        for path, value in zip(self._columns, json.decode_own(hit.key), strict=True):
            put(doc, path, value)
        if not self._matches(doc):
            return None
        project: Callable[[dict[str, Any]], dict[str, Any]] = self._project or dict
        return json.encode(project(doc))

    async def _conflicts(self, row: Row) -> bytes:
        tree = await self._db.tree(row.id)
        leafs = tree.leafs() if tree is not None else []
        revs = [leaf.rev for leaf in leafs if not leaf.deleted and leaf.rev != row.rev]
        return documents.conflicts_member(revs)
