"""`_db_updates`: what happens to databases. As in CouchDB there is such a feed as long as there is the
database `_global_changes`: a new server has it, and whoever wants no feed deletes it.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#db-updates
"""

from collections.abc import Sequence
from functools import partial

from aiohttp import web

from couchreg.auth.policy import GLOBAL_CHANGES
from couchreg.docstore.base import DatabaseEvent, Seq
from couchreg.errors import Forbidden, Unauthorized
from couchreg.http.couch.feeds.changes_query import ChangesQuery, read_changes_query
from couchreg.http.couch.feeds.feed_format import format_of
from couchreg.http.couch.feeds.timer import FeedTimer
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.model.json import quote


async def feed(ctx: Context) -> web.StreamResponse:
    await ctx.store.open(GLOBAL_CHANGES)
    query = read_changes_query(ctx.pairs, ctx.request.headers.get("Last-Event-ID"))
    since = await ctx.store.parse_events_since(query.since)
    if ctx.is_head:
        return Answer(headers=format_of(query.feed).headers)
    return await UpdatesFeed(ctx, query).run(since)


class UpdatesFeed:
    """One answer to one request."""

    def __init__(self, ctx: Context, query: ChangesQuery) -> None:
        self._store = ctx.store
        self._query = query
        self._format = format_of(query.feed)
        self._writer = RowWriter(ctx, self._format.headers, self._format.content_type)
        self._left = query.limit
        self._shown = 0
        self._timer = FeedTimer(ctx, query.heartbeat, query.timeout)

    async def run(self, since: Seq) -> web.StreamResponse:
        await self._writer.write(self._format.head)
        last = await self._show(since)
        while self._query.feed != "normal" and not self._done():
            await self._writer.flush()
            try:
                news = await self._timer.wait(partial(self._store.wait_event, last))
            except (Unauthorized, Forbidden):
                break  # no administrator any more
            if news:
                last = await self._show(last)
                self._timer.restart()
            elif self._timer.heartbeat:
                await self._writer.write(self._format.heartbeat)
            else:
                break
        await self._writer.write(self._tail(last))
        return await self._writer.finish()

    def _done(self) -> bool:
        return self._left == 0 or (self._query.feed == "longpoll" and self._shown > 0)

    async def _show(self, since: Seq) -> Seq:
        """Show the events after `since`; the sequence to go on from."""
        found = await self._store.events(since)
        events = self._wanted(found.results)
        for event in events:
            seq = f'"{event.seq.text}"'
            row = b'{"db_name":%b,"type":%b,"seq":%b}' % (quote(event.name), quote(event.type), seq.encode())
            await self._writer.write(self._format.before() + row + self._format.after(seq))
        self._shown += len(events)
        if self._left is not None:
            self._left -= len(events)
        if self._left == 0:  # what was not shown is still to come
            return events[-1].seq if events else since
        return found.last_seq

    def _wanted(self, events: Sequence[DatabaseEvent]) -> Sequence[DatabaseEvent]:
        ordered = events[::-1] if self._query.descending else events
        return ordered if self._left is None else ordered[: self._left]

    def _tail(self, last: Seq) -> bytes:
        """As `_changes` ends, but without `pending`."""
        seq = quote(last.text)
        if self._query.feed == "eventsource":
            return b""
        if self._query.feed == "continuous":
            return b'{"last_seq":%b}\n' % seq
        return b'\n],\n"last_seq":%b}\n' % seq
