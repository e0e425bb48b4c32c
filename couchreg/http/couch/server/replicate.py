"""`_replicate` and `_scheduler`: what the server replicates by itself.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#replicate
"""

from typing import Any

from aiohttp import web

from couchreg.auth.policy import REPLICATOR
from couchreg.errors import BadRequest, Failure, NotFound, NotImplementedHere, QueryParseError
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.http.couch.server.cluster import NODE
from couchreg.replication.following import STATES
from couchreg.replication.guarding import holds_replications
from couchreg.replication.replicator import Replicator

LIMIT = 100  # jobs of one answer


def replicator_of(ctx: Context) -> Replicator:
    """Raises NotImplementedHere where a door was made without one."""
    found = ctx.services.replicator
    if found is None:
        raise NotImplementedHere
    return found


async def replicate(ctx: Context) -> Answer:
    """The body comes before its type and the method, as in CouchDB: whoever sends none hears of that."""
    wanted = await ctx.as_object(await ctx.body())
    if ctx.method == "POST":
        ctx.require_json()
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


async def docs(ctx: Context) -> web.StreamResponse:
    return await _docs(ctx, REPLICATOR)


async def docs_below(ctx: Context) -> web.StreamResponse:
    """The documents of a database, or one of them; the database's name may stand there with its slashes."""
    parts = ctx.parts[2:]
    if not holds_replications(parts[0]):
        place = parts.index(REPLICATOR) + 1 if REPLICATOR in parts else 0
        parts = ["/".join(parts[:place]), *parts[place:]] if place else []
    if len(parts) not in (1, 2):
        raise BadRequest("Invalid path")
    if len(parts) == 1:
        return await _docs(ctx, parts[0])
    return answer_json(await replicator_of(ctx).documents.row(parts[0], parts[1], NODE))


async def _docs(ctx: Context, name: str) -> web.StreamResponse:
    limit, skip, states = number(ctx, "limit", LIMIT), number(ctx, "skip", 0), _states(ctx)
    shown: list[dict[str, Any]] = []
    total = 0
    async for row in replicator_of(ctx).documents.rows(name, NODE):
        if states and row["state"] not in states:
            continue
        if skip <= total < skip + limit:
            shown.append(row)
        total += 1
    return answer_json({"total_rows": total, "offset": min(skip, total), "docs": shown})


def _states(ctx: Context) -> frozenset[str]:
    """Those that are wanted, none for all. Raises QueryParseError."""
    found = frozenset(part for part in ctx.query.get("states", "").lower().split(",") if part)
    if found - set(STATES):
        raise QueryParseError(f"States must be one or more of [{','.join(STATES)}]")
    return found


def number(ctx: Context, name: str, default: int) -> int:
    """Raises QueryParseError."""
    text = ctx.query.get(name, str(default))
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise QueryParseError(f"{name} must be an integer")
    if text.startswith("-"):
        raise QueryParseError(f"{name} not in range of [0,infinity]")
    return int(text)
