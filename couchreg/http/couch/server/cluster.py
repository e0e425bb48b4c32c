"""Calls about the cluster, answered as a CouchDB of a single node answers them.

Source: https://docs.couchdb.org/en/stable/cluster/ and …/api/database/shard.html
"""

from zlib import crc32

from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.description import shard_count
from couchreg.http.couch.frame.responses import Answer, answer_json

NODE = "couchreg@127.0.0.1"
# This node's own name, the one that means the node that is asked, and the one of a CouchDB that has none.
NAMES = frozenset({NODE, "_local", "nonode@nohost"})
SPACE = 2**32  # shards divide the CRC-32 of ids


async def active_tasks(ctx: Context) -> Answer:
    replicator = ctx.services.replicator
    jobs = () if replicator is None else replicator.scheduler.all()
    replications = [job.active_task(NODE) for job in jobs if job.task is not None]
    indexing = [task.shown(NODE) for task in ctx.services.views.tasks()]
    return answer_json([*ctx.services.background.tasks(NODE), *indexing, *replications])


async def membership(ctx: Context) -> Answer:
    return answer_json({"all_nodes": [NODE], "cluster_nodes": [NODE]})


async def shards(ctx: Context) -> Answer:
    number = await shard_count(ctx.db, ctx.settings)
    return answer_json({"shards": {_range(place, number): [NODE] for place in range(min(number, 1024))}})


async def shard_of(ctx: Context) -> Answer:
    number = await shard_count(ctx.db, ctx.settings)
    place = crc32(ctx.match["id"].encode("utf-8", "surrogateescape")) * number // SPACE
    return answer_json({"range": _range(place, number), "nodes": [NODE]})


def _range(place: int, number: int) -> str:
    first, beyond = SPACE * place // number, SPACE * (place + 1) // number
    return f"{first:08x}-{beyond - 1:08x}"


async def sync_shards(ctx: Context) -> Answer:
    return answer_json({"ok": True}, status=202)
