"""The loop behind `_changes`: read what there is, write it, and for the live feeds wait for more."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from aiohttp import web

from couchreg.docstore.base import BEGINNING, Change, Changes, Database, Seq
from couchreg.errors import Forbidden, NotFound, Unauthorized
from couchreg.http.couch.feeds.changes_query import ChangesQuery
from couchreg.http.couch.feeds.feed_format import format_of
from couchreg.http.couch.feeds.filters import AT_ONCE, Filter
from couchreg.http.couch.feeds.timer import feed_timer
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Headers
from couchreg.http.couch.frame.selections import SelectionQuestion
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.listings import rowdocs
from couchreg.http.couch.listings.rowdocs import RowDocument
from couchreg.model import json
from couchreg.model.addresses import origin
from couchreg.turns import TimeSlice
from couchreg.wire import documents, rows

UNLIMITED = 10**15  # CouchDB counts down from here, and `seq_interval` shows it


class ChangesFeed:
    """One answer to one request; `run` goes through it."""

    def __init__(
        self, ctx: Context, db: Database, query: ChangesQuery, chosen: Filter, headers: Headers
    ) -> None:
        self._ctx = ctx
        self._db = db
        self._query = query
        self._filter = chosen
        self._format = format_of(query.feed)
        self._writer = RowWriter(ctx, [*self._format.headers, *headers], self._format.content_type)
        self._left = UNLIMITED if query.limit is None else query.limit
        self._shown = 0
        self._pending = 0
        plain_docs = query.docs.are_plain or not query.docs.include_docs
        self._simple = plain_docs and chosen.projection is None and not chosen.drops

    async def run(self, since: Seq) -> web.StreamResponse:
        """From `since` to the end of the answer."""
        await self._writer.write(self._format.head)
        last = await self._pass(since)
        if self._query.feed != "normal":
            last = await self._follow(last)
        await self._writer.write(self._format.tail(last.text, self._pending))
        return await self._writer.finish()

    async def _follow(self, last: Seq) -> Seq:
        """Wait and show until done or out of time; the last sequence dealt with."""
        timer = feed_timer(self._ctx, self._query)
        while not self._done():
            await self._writer.flush()
            try:
                news = await timer.wait(partial(self._db.wait, last))
            except (NotFound, Unauthorized, Forbidden):
                break  # the database has been deleted, or may be seen no longer
            if not news and not timer.heartbeat:
                break
            if not news:
                await self._writer.write(self._format.heartbeat)
                continue
            shown = self._shown
            last = await self._pass(last)
            if self._shown > shown:
                timer.restart()
        return last

    def _done(self) -> bool:
        """Whether a live feed has shown what was asked for."""
        if self._left == 0 or self._query.descending:
            return True
        return self._query.feed == "longpoll" and self._shown > 0

    async def _pass(self, since: Seq) -> Seq:
        """Show what there is after `since`; the sequence to go on from."""
        last, shown = since, self._shown
        if self._left > 0:
            async for chunk in self._read(since):
                last = chunk.last_seq
                at = await self._show_chunk(chunk) if chunk.results else last
                if self._left == 0 and not chunk.goes_on:
                    last = at
                    break
        await self._count_pending(since, last, self._shown - shown)
        return last

    def _read(self, since: Seq) -> AsyncIterator[Changes]:
        limited = self._query.limit is not None and not self._filter.drops
        return self._db.changes(
            BEGINNING if self._query.descending else since,
            limit=self._left if limited else None,
            descending=self._query.descending,
            bodies=self._query.docs.include_docs or self._filter.needs_bodies,
            all_leafs=self._query.all_leafs,
            ids=self._filter.ids,
        )

    async def _count_pending(self, since: Seq, last: Seq, shown: int) -> None:
        """What is left to see; see `Filter.skips` for what CouchDB does not count as seen."""
        if self._query.descending:
            self._pending = 0
        elif self._filter.skips:
            self._pending = max(0, await self._db.pending(since) - shown)  # some may have come again
        else:
            self._pending = await self._db.pending(last) if self._left == 0 else 0

    async def _show_chunk(self, chunk: Changes) -> Seq:
        if self._simple and not (self._query.docs.include_docs and rowdocs.holds_large(chunk.results)):
            return await self._show_simply(chunk.results)
        return await self._show_some(chunk.results, stops=not chunk.goes_on)

    async def _show_simply(self, chunk: Sequence[Change]) -> Seq:
        """All rows of a chunk in one go; the last one's sequence. Large documents go by themselves."""
        docs = _documents(chunk) if self._query.docs.include_docs else None
        seqs = self._seqs(chunk)
        await self._writer.write(self._format.rows(seqs, rows.changes(seqs, chunk), docs))
        self._count(len(chunk))
        return chunk[-1].seq

    def _seqs(self, chunk: Sequence[Change]) -> list[str]:
        """The sequences as JSON text; with `seq_interval` all but some are null."""
        interval = self._query.seq_interval
        if interval == 1:
            return [f'"{change.seq.text}"' for change in chunk]
        return [
            f'"{change.seq.text}"' if (self._left - place) % interval == 0 else "null"
            for place, change in enumerate(chunk)
        ]

    async def _show_some(self, chunk: Sequence[Change], *, stops: bool) -> Seq:
        """The rows of a chunk that pass, one at a time; the sequence of the last one looked at. Without
        `stops` all are looked at, however many are asked for."""
        last, turn = (
            chunk[0].seq,
            TimeSlice(),
        )  # from now on: who holds what is large shall not pause before it
        for place, change in enumerate(chunk):
            if place % AT_ONCE == 0:
                await self._filter.prepare(self._db, chunk[place : place + AT_ONCE])
            last = change.seq
            revs = await self._filter.passes(self._db, change)
            if revs:
                await self._show(change, revs)
                self._count(1)
            if self._left == 0 and stops:
                break
            if turn.is_over:
                await turn.pass_on()
        return last

    async def _show(self, change: Change, revs: Sequence[str]) -> None:
        [seq] = self._seqs([change])
        [text] = rows.changes([seq], [change._replace(revs=tuple(revs))])
        row = text.encode()
        if not self._query.docs.include_docs:
            await self._writer.write(self._format.before() + row + self._format.after(seq))
            return
        await self._writer.write(self._format.before() + row[:-1] + b',"doc":')
        await self._write_document(change)
        await self._writer.write(b"}" + self._format.after(seq))

    async def _write_document(self, change: Change) -> None:
        projection = self._filter.projection
        if projection is not None and rowdocs.is_large(change.members):
            question = SelectionQuestion(None, self._filter.fields)
            asker = origin(self._ctx.address)
            shown_fields = await self._ctx.services.selections.ask(question, _plain(change), asker)
            await self._writer.write(shown_fields)
            return
        if projection is not None:
            await self._writer.write(json.encode(projection(json.decode(_plain(change)))))
            return
        shown = RowDocument(
            change.id, change.revs[0], change.deleted, change.members or b"", change.attachments
        )
        await self._writer.write_document(await rowdocs.parts(self._db, shown, self._query.docs))

    def _count(self, number: int) -> None:
        self._left = max(0, self._left - number)  # there may be more than was asked for
        self._shown += number


def _documents(chunk: Sequence[Change]) -> list[bytes]:
    if any(change.deleted or change.attachments or not change.members for change in chunk):
        return [_plain(change) for change in chunk]
    return documents.plain([(change.id, change.revs[0], change.members or b"") for change in chunk])


def _plain(change: Change) -> bytes:
    return documents.document(
        change.id, change.revs[0], change.deleted, change.members or b"", change.attachments
    )
