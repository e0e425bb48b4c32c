"""`_db_updates`: what happens to databases. As in CouchDB there is such a feed once somebody has made
the database `_global_changes`.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#db-updates
"""

from collections.abc import Sequence
from functools import partial

from aiohttp import web

from couchreg.docstore.base import DatabaseEvent, Store
from couchreg.errors import BadRequest
from couchreg.http.couch.feeds.changes_query import ChangesQuery, read_changes_query
from couchreg.http.couch.feeds.feed_format import format_of
from couchreg.http.couch.feeds.patience import Patience
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.model.json import quote

SOURCE = "_global_changes"


async def feed(ctx: Context) -> web.StreamResponse:
    ctx.store.database(SOURCE)
    query = read_changes_query(ctx.pairs, ctx.request.headers.get("Last-Event-ID"))
    since = parse_since(ctx.store, query.since)
    if ctx.is_head:
        return Answer(headers=format_of(query.feed).headers)
    return await UpdatesFeed(ctx, query).run(since)


def stamp(store: Store, seq: int) -> str:
    return f"{seq}-{store.uuid[:8]}"


def parse_since(store: Store, text: str) -> int:
    """The number behind a client's `since`; 0 for one that another server gave. Raises BadRequest."""
    text = text.strip('"')
    if text == "now":
        return store.events_seq
    number, _, server = text.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    return int(number) if server in ("", store.uuid[:8]) else 0


class UpdatesFeed:
    """One answer to one request."""

    def __init__(self, ctx: Context, query: ChangesQuery) -> None:
        self._store = ctx.store
        self._query = query
        self._format = format_of(query.feed)
        self._writer = RowWriter(ctx, self._format.headers, self._format.content_type)
        self._left = query.limit
        self._shown = 0
        self._patience = Patience(ctx, query.heartbeat, query.timeout)

    async def run(self, since: int) -> web.StreamResponse:
        await self._writer.write(self._format.head)
        last = await self._show(since)
        while self._query.feed != "normal" and not self._done():
            await self._writer.flush()
            if await self._patience.wait(partial(self._store.wait_event, last)):
                last = await self._show(last)
                self._patience.restart()
            elif self._patience.beats:
                await self._writer.write(self._format.heartbeat)
            else:
                break
        await self._writer.write(self._tail(last))
        return await self._writer.finish()

    def _done(self) -> bool:
        return self._left == 0 or (self._query.feed == "longpoll" and self._shown > 0)

    async def _show(self, since: int) -> int:
        """Show the events after `since`; the sequence to go on from."""
        until = self._store.events_seq
        events = self._wanted(self._store.events(since))
        for event in events:
            seq = f'"{stamp(self._store, event.seq)}"'
            row = b'{"db_name":%b,"type":%b,"seq":%b}' % (quote(event.name), quote(event.type), seq.encode())
            await self._writer.write(self._format.before() + row + self._format.after(seq))
        self._shown += len(events)
        if self._left is not None:
            self._left -= len(events)
        return events[-1].seq if events and self._left == 0 else until

    def _wanted(self, events: Sequence[DatabaseEvent]) -> Sequence[DatabaseEvent]:
        ordered = events[::-1] if self._query.descending else events
        return ordered if self._left is None else ordered[: self._left]

    def _tail(self, last: int) -> bytes:
        """As `_changes` ends, but without `pending`."""
        seq = quote(stamp(self._store, last))
        if self._query.feed == "eventsource":
            return b""
        if self._query.feed == "continuous":
            return b'{"last_seq":%b}\n' % seq
        return b'\n],\n"last_seq":%b}\n' % seq
