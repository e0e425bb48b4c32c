"""`_replicate` and `_scheduler`: what the server replicates by itself.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#replicate
"""

from couchreg.errors import Failure, NotFound, NotImplementedHere, QueryParseError
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.http.couch.server.cluster import NODE
from couchreg.replication.replicator import Replicator

LIMIT = 100  # jobs of one answer


def replicator_of(ctx: Context) -> Replicator:
    """Raises NotImplementedHere where a door was made without one."""
    found = ctx.services.replicator
    if found is None:
        raise NotImplementedHere
    return found


async def replicate(ctx: Context) -> Answer:
    """The body comes before the method, as in CouchDB: whoever sends none hears of that."""
    body = await ctx.body()
    if ctx.method == "POST":
        ctx.require_json()
    wanted = await ctx.as_object(body)
    if ctx.method != "POST":
        raise MethodNotAllowed("POST")
    try:
        done = await replicator_of(ctx).request(wanted, ctx.user)
    except NotFound as error:
        if error.error != "db_not_found":
            raise
        raise Failure(error.reason, error=error.error) from None  # CouchDB's status for it is 500
    if done.kind == "done":
        return answer_json({"ok": True, **done.record})
    return answer_json({"ok": True, "_local_id": done.id}, status=202 if done.kind == "continuous" else 200)


async def jobs(ctx: Context) -> Answer:
    limit, skip = number(ctx, "limit", LIMIT), number(ctx, "skip", 0)
    every = replicator_of(ctx).scheduler.all()
    shown = [job.row(NODE) for job in every[skip : skip + limit]]
    return answer_json({"total_rows": len(every), "offset": min(skip, len(every)), "jobs": shown})


async def job(ctx: Context) -> Answer:
    found = replicator_of(ctx).scheduler.get(ctx.match["job"].replace(" ", "+"))
    if found is None:
        raise NotFound("missing")
    return answer_json(found.row(NODE))


def number(ctx: Context, name: str, default: int) -> int:
    """Raises QueryParseError."""
    text = ctx.query.get(name, str(default))
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise QueryParseError(f"{name} must be an integer")
    if text.startswith("-"):
        raise QueryParseError(f"{name} not in range of [0,infinity]")
    return int(text)
