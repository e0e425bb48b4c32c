"""`_changes`: what happened in a database, once or as it goes on.

Source: https://docs.couchdb.org/en/stable/api/database/changes.html
"""

from collections.abc import Mapping
from hashlib import md5
from typing import Any

from aiohttp import web

from couchreg.docstore.base import Seq
from couchreg.errors import BadRequest
from couchreg.http.couch.feeds.changes_feed import ChangesFeed
from couchreg.http.couch.feeds.changes_query import read_changes_query
from couchreg.http.couch.feeds.filters import make_filter
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, not_modified


async def get(ctx: Context) -> web.StreamResponse:
    return await _changes(ctx, None)


async def post(ctx: Context) -> web.StreamResponse:
    """The body, where there is one, is for the filter; the rest stands in the query string."""
    ctx.require_json()
    body = await ctx.body()
    return await _changes(ctx, await ctx.as_object(body) if body else {})


async def _changes(ctx: Context, body: Mapping[str, Any] | None) -> web.StreamResponse:
    db = ctx.db
    query = read_changes_query(ctx.pairs, ctx.request.headers.get("Last-Event-ID"))
    chosen = await make_filter(ctx, query.filter, body)
    if not query.since:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    since = await db.parse_since(query.since)
    headers = []
    if query.feed == "normal":
        tag = _etag(await db.update_seq())
        if not_modified(ctx.request, tag):
            return Answer(status=304, headers=[("ETag", tag)])
        headers.append(("ETag", tag))
    if ctx.is_head:
        return Answer(headers=[MUST_REVALIDATE, *headers])
    return await ChangesFeed(ctx, db, query, chosen, headers).run(since)


def _etag(now: Seq) -> str:
    """Names the state of the whole database, whatever is asked of it, as CouchDB's does."""
    state = f"{now.incarnation} {now.text}"
    return f'"{md5(state.encode(), usedforsecurity=False).hexdigest()}"'
