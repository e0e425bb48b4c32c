"""`_node/{node}`: what one node tells of itself. The only node answers to several names.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#node-node-name
"""

import gc
import resource
import sys
from importlib.metadata import version
from typing import Any

import icu

from couchreg import __version__
from couchreg.errors import BadRequest, NotFound
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, answer_json
from couchreg.http.couch.server.cluster import NAMES, NODE


def check_node(ctx: Context) -> None:
    """Raises NotFound for a node that is not this one."""
    if ctx.match["node"] not in NAMES:
        raise NotFound(f"no such node: {ctx.match['node']}")


async def name(ctx: Context) -> Answer:
    check_node(ctx)
    return answer_json({"name": NODE})


async def incomplete(ctx: Context) -> Answer:
    raise BadRequest("Incomplete path to _node request")


async def unknown(ctx: Context) -> Answer:
    raise NotFound("missing")


async def stats(ctx: Context) -> Answer:
    """All counters, or those below a path (`couchdb/httpd/requests`)."""
    check_node(ctx)
    found: Any = ctx.services.counters.tree(len(await ctx.store.names()))
    for part in [part for part in ctx.match.get("path", "").split("/") if part]:
        if not isinstance(found, dict) or part not in found:
            raise NotFound(f"unknown metric: {part}")
        found = found[part]
    return answer_json(found)


async def prometheus(ctx: Context) -> Answer:
    check_node(ctx)
    text = ctx.services.counters.text(len(await ctx.store.names()))
    return Answer(text.encode(), headers=[MUST_REVALIDATE], content_type="text/plain; version=2.0")


async def system(ctx: Context) -> Answer:
    """The process in CouchDB's words, as far as they mean something for it."""
    check_node(ctx)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    memory = usage.ru_maxrss * 1024
    return answer_json(
        {
            "uptime": ctx.services.counters.uptime,
            "memory": {"processes": memory, "processes_used": memory, "other": 0, "binary": 0, "code": 0},
            "run_queue": 0,
            "context_switches": usage.ru_nvcsw + usage.ru_nivcsw,
            "garbage_collection_count": sum(generation["collections"] for generation in gc.get_stats()),
            "io_input": usage.ru_inblock * 512,
            "io_output": usage.ru_oublock * 512,
            "process_count": 1,
            "message_queues": {},
            "internal_replication_jobs": 0,
            "distribution": {},
        }
    )


async def versions(ctx: Context) -> Answer:
    check_node(ctx)
    return answer_json(
        {
            "couchreg": {"version": __version__},
            "python": {"version": sys.version.split()[0]},
            "javascript_engine": {"name": "quickjs", "version": f"ng {version('quickjs-ng')}"},
            "collation_driver": {"name": "libicu", "library_version": icu.ICU_VERSION},
            "hash_algorithms": ["sha256", "sha512", "sha224", "sha384", "md5", "sha"],
        }
    )
