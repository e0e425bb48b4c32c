"""`/{db}/_partition/…`: what a partition holds, and its part of listings, views and queries.

Source: https://docs.couchdb.org/en/stable/api/partitioned-dbs.html
"""

from collections.abc import Sequence

from aiohttp import web

from couchreg.docstore.optional import partitions
from couchreg.errors import BadRequest, NotFound
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.model.partitions import check_partition

OF_PARTITIONS = frozenset({"_all_docs", "_find", "_explain", "_index"})
NOT_PARTITIONED = "database is not partitioned"


async def unnamed(ctx: Context) -> Answer:
    raise BadRequest("invalid_partition_req")


async def info(ctx: Context) -> Answer:
    name = check_partition(ctx.match["partition"])
    if not await ctx.db.setting("partitioned"):
        raise BadRequest(NOT_PARTITIONED)
    found = await partitions(ctx.db).partition_info(name)
    about = {
        "db_name": ctx.db.name,
        "sizes": {"active": found.size, "external": found.size},
        "partition": name,
        "doc_count": found.doc_count,
        "doc_del_count": found.doc_del_count,
    }
    return answer_json(about)


async def post(ctx: Context) -> Answer:
    """What cannot be a partition is told before that there is nothing to POST to."""
    if ctx.match["partition"].startswith("_"):
        check_partition(ctx.match["partition"])
    raise MethodNotAllowed("GET")


async def within(ctx: Context) -> web.StreamResponse:
    """A request about a partition: the one behind its name, with `partition` among its parameters."""
    if not await ctx.db.setting("partitioned"):
        raise BadRequest(NOT_PARTITIONED)
    name = check_partition(ctx.match["partition"])
    if ctx.query.get("partition", name) != name:
        raise BadRequest("Conflicting value for `partition` in query string")
    if not _is_served(ctx.parts[3:]):
        raise NotFound("missing")
    return await ctx.again(ctx, ctx.request, name)


def _is_served(rest: Sequence[str]) -> bool:
    if rest[0] == "_design":
        return len(rest) > 2 and rest[2].startswith("_")
    return rest[0] in OF_PARTITIONS
