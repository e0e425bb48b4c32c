"""`_reshard`: one file holds a database, so there is nothing to split, and there are never any jobs.

Whether jobs would run can be said and is remembered, and what could be no job is told so.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#api-server-reshard
"""

import re

from couchreg.errors import BadRequest, NotFound, NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.http.couch.server.cluster import NAMES

STOPPED = "Cluster-wide resharding stopped by the user"
LONGEST = 1024  # characters of a reason
_RANGE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")


async def summary(ctx: Context) -> Answer:
    state, reason = ctx.services.resharding
    counts = dict.fromkeys(("completed", "failed", "running", "stopped", "total"), 0)
    return answer_json({"state": state, "state_reason": reason, **counts})


async def state(ctx: Context) -> Answer:
    state, reason = ctx.services.resharding
    return answer_json({"state": state, "reason": reason})


async def set_state(ctx: Context) -> Answer:
    ctx.require_json()
    asked = await ctx.json_object()
    if "state" not in asked:
        raise BadRequest("Expected a `state` field")
    wanted = asked["state"]
    if wanted not in ("running", "stopped"):
        raise BadRequest("State field not `running` or `stopped`")
    reason = asked.get("reason")
    said = reason[:LONGEST] if isinstance(reason, str) else STOPPED
    ctx.services.resharding = (wanted, None if wanted == "running" else said)
    return answer_json({"ok": True})


async def jobs(ctx: Context) -> Answer:
    return answer_json({"total_rows": 0, "offset": 0, "jobs": []})


async def add_job(ctx: Context) -> Answer:
    ctx.require_json()
    asked = await ctx.json_object()
    if asked.get("type") != "split":
        raise BadRequest("`job type must be `split`")
    if "shard" in asked:
        raise BadRequest("`shard` is invalid")
    if "db" not in asked:
        raise BadRequest("Must specify at least `db` or `shard`")
    if asked["db"] not in await ctx.store.names():
        raise BadRequest("Invalid `db`")
    if str(asked.get("node", "_local")) not in NAMES:
        raise BadRequest("Not connected to `node`")
    if "range" in asked and not _RANGE.fullmatch(str(asked["range"])):
        raise BadRequest("Invalid `range`")
    raise NotImplementedHere("One file holds a database here: there are no shards to split.")


async def no_job(ctx: Context) -> Answer:
    raise NotFound("missing")


async def job_state(ctx: Context) -> Answer:
    if ctx.method == "PUT":
        ctx.require_json()
    raise NotFound("missing")
