"""The list of databases, and information about many at once.

Source: https://docs.couchdb.org/en/stable/api/server/common.html
"""

from collections.abc import Sequence
from hashlib import md5
from typing import Any

from couchreg.auth.policy import Rule, authorize
from couchreg.errors import BadRequest, NotFound, StorageFailure
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.description import describe
from couchreg.http.couch.frame.responses import Answer, answer_json, not_modified
from couchreg.http.couch.listings.namespaces import ALL, wanted_range
from couchreg.http.couch.listings.view_query import ViewQuery


async def all_dbs(ctx: Context) -> Answer:
    _authorize(ctx)
    return _tagged(ctx, answer_json(await _selected(ctx)))


async def dbs_info(ctx: Context) -> Answer:
    _authorize(ctx)
    return _tagged(ctx, answer_json(await _infos(ctx, await _selected(ctx))))


def _tagged(ctx: Context, answer: Answer) -> Answer:
    """The answer with an entity tag, or 304."""
    tag = f'"{md5(answer.answer_body, usedforsecurity=False).hexdigest()}"'
    if not_modified(ctx.request, tag):
        return Answer(status=304, headers=[("ETag", tag)])
    answer.extra.append(("ETag", tag))
    return answer


async def dbs_info_of(ctx: Context) -> Answer:
    """Information about the databases that the body names."""
    _authorize(ctx)
    ctx.require_json()
    body = await ctx.json_object()
    if "keys" not in body:
        raise BadRequest("`keys` member must exist.")
    keys = body["keys"]
    if not isinstance(keys, list):
        raise BadRequest("`keys` member must be an array.")
    if len(keys) > ctx.settings.integer("chttpd", "max_db_number_for_dbs_info_req", 100):
        raise BadRequest("too_many_keys")
    return answer_json(await _infos(ctx, keys))


def _authorize(ctx: Context) -> None:
    if ctx.settings.boolean("chttpd", "admin_only_all_dbs"):
        authorize(Rule.SERVER_ADMIN, ctx.user)


async def _selected(ctx: Context) -> list[str]:
    """The names that the query string asks for, in its order."""
    query = ViewQuery().read(ctx.pairs)
    wanted = wanted_range(ALL, query)
    low, high = (wanted.end, wanted.start) if wanted.descending else (wanted.start, wanted.end)
    names = [
        name
        for name in await ctx.store.names()
        if (low is None or name >= low)
        and (high is None or name <= high)
        and (wanted.inclusive_end or name != wanted.end)
    ]
    if wanted.descending:
        names.reverse()
    return names[wanted.skip :][: wanted.limit]


async def _infos(ctx: Context, names: Sequence[Any]) -> list[dict[str, Any]]:
    return [await _info(ctx, name) for name in names]


async def _info(ctx: Context, name: Any) -> dict[str, Any]:
    try:
        if not isinstance(name, str):
            raise NotFound
        return {"key": name, "info": await describe(await ctx.opened(name), ctx.settings)}
    except NotFound:
        return {"key": name, "error": "not_found"}
    except StorageFailure as error:
        return {"key": name, "error": error.error, "reason": error.reason}
