"""One database as a whole: made, described, looked after, deleted.

Source: https://docs.couchdb.org/en/stable/api/database/common.html and …/misc.html
"""

from typing import Any

from couchreg.auth.policy import USERS, default_security
from couchreg.docstore.base import Setting
from couchreg.docstore.optional import compacting, purging
from couchreg.errors import BadRequest, CouchregError, Forbidden
from couchreg.http.couch.frame import params
from couchreg.http.couch.frame.background import Compaction
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.description import describe
from couchreg.http.couch.frame.responses import MUST_REVALIDATE, Answer, answer_json, url_encode
from couchreg.http.couch.server.security import check_security
from couchreg.journal.asking import record
from couchreg.model.names import SYSTEM_DATABASES, check_database_name

ENGINE = "couch"  # the only one CouchDB comes with
LIMIT = 1000  # of revisions and of purges, where nothing else was set


async def create(ctx: Context) -> Answer:
    name = ctx.match["db"]
    shards = _shards(ctx)
    _check_placement(ctx)
    settings: dict[Setting, Any] = {**shards}
    if _is_partitioned(ctx):
        _check_not_system(ctx, name)
        settings["partitioned"] = True
    check_database_name(name)
    if ctx.settings.text("couchdb", "default_security") != "admin_only":
        settings["security"] = dict(default_security("everyone"))
    await ctx.store.create(name, settings)
    record("database.create", database=name)
    location = f"{ctx.base_url}/{url_encode(name)}"
    return answer_json({"ok": True}, status=201, headers=[("Location", location)])


def _shards(ctx: Context) -> dict[Setting, int]:
    """`q` and `n` as asked for: kept and told, though one file holds it all."""
    found: dict[Setting, int] = {}
    names: tuple[Setting, ...] = ("q", "n")
    for name in names:
        text = ctx.query.get(name)
        number = None if text is None else params.parse_int(text)
        if text is not None and (number is None or number <= 0):
            raise BadRequest(f"The `{name}` value should be a positive integer.")
        if number is not None:
            found[name] = min(number, params.LARGEST)
    return found


def _is_partitioned(ctx: Context) -> bool:
    """Raises BadRequest."""
    given = ctx.query.get("partitioned", "false")
    if given not in ("true", "false"):
        raise BadRequest("Invalid `partitioned` parameter")
    return given == "true"


def _check_not_system(ctx: Context, name: str) -> None:
    """Raises BadRequest for the database of users, replications and the like."""
    last = name.rpartition("/")[2]
    suffix = ctx.settings.text("couchdb", "users_db_suffix", USERS)
    if name in SYSTEM_DATABASES or last in (USERS, "_replicator", suffix):
        raise BadRequest("Cannot partition a system database")


def _check_placement(ctx: Context) -> None:
    """`placement` and `engine` have to be right, and change nothing. Raises BadRequest."""
    placement = ctx.query.get("placement")
    if placement is not None and not (placement and all(map(_is_rule, _tokens(placement, ",")))):
        raise BadRequest("The `placement` value should be in a format `zone:n`.")
    if ctx.query.get("engine", ENGINE) != ENGINE:
        raise BadRequest("invalid_engine_extension")


def _is_rule(text: str) -> bool:
    parts = _tokens(text, ":")
    return len(parts) == 2 and params.parse_int(parts[1]) is not None


def _tokens(text: str, separator: str) -> list[str]:
    return [part for part in text.split(separator) if part]


async def delete(ctx: Context) -> Answer:
    if "rev" in ctx.query:
        raise BadRequest(
            "You tried to DELETE a database with a ?=rev parameter. "
            "Did you mean to DELETE a document instead?"
        )
    await ctx.store.delete(ctx.match["db"])
    record("database.delete", database=ctx.match["db"])
    return answer_json({"ok": True})


async def info(ctx: Context) -> Answer:
    if ctx.is_head:
        return Answer(headers=[MUST_REVALIDATE])
    return answer_json(await describe(ctx.db, ctx.settings))


# -- settings of a database


async def security(ctx: Context) -> Answer:
    stored = await ctx.db.setting("security")
    return answer_json(dict(default_security("admin_only")) if stored is None else stored)


async def set_security(ctx: Context) -> Answer:
    editable = ctx.settings.boolean("couchdb", "users_db_security_editable")
    if ctx.services.meaning(ctx.db.name) == USERS and not editable:
        raise Forbidden("You can't edit the security object of the user database.")
    value = await ctx.json()
    check_security(value)
    await ctx.db.set_setting("security", value)
    record("security.change", database=ctx.db.name)
    return answer_json({"ok": True})


async def revs_limit(ctx: Context) -> Answer:
    return await _limit(ctx, "revs_limit")


async def set_revs_limit(ctx: Context) -> Answer:
    return await _set_limit(ctx, "revs_limit")


async def purged_infos_limit(ctx: Context) -> Answer:
    return await _limit(ctx, "purged_infos_limit")


async def set_purged_infos_limit(ctx: Context) -> Answer:
    return await _set_limit(ctx, "purged_infos_limit")


async def _limit(ctx: Context, name: Setting) -> Answer:
    return answer_json(await ctx.db.setting(name) or LIMIT)


async def _set_limit(ctx: Context, name: Setting) -> Answer:
    value = await ctx.json()
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise BadRequest(f"`{name}` must be positive integer")
    await ctx.db.set_setting(name, min(value, params.LARGEST))
    return answer_json({"ok": True})


# -- care


async def ensure_full_commit(ctx: Context) -> Answer:
    """Every write is on disk before it is acknowledged; there is nothing left to do."""
    ctx.require_json()
    found = await ctx.db.info()
    return answer_json({"ok": True, "instance_start_time": str(int(found.created))}, status=201)


async def compact(ctx: Context) -> Answer:
    ctx.require_json()
    ctx.services.background.start(Compaction(ctx.db.name, compacting(ctx.db)))
    return answer_json({"ok": True}, status=202)


async def compact_views(ctx: Context) -> Answer:
    """The index of one design document, in the background."""
    ctx.require_json()
    design = await ctx.db.revision("_design/" + ctx.match["path"].partition("/")[0])
    index, _ = await ctx.services.views.index(ctx.db, design)
    index.compact()
    return answer_json({"ok": True}, status=202)


async def purged_infos(ctx: Context) -> Answer:
    found = await purging(ctx.db).purged_infos()
    return answer_json({"purged_infos": [{"id": doc_id, "revs": revs} for doc_id, revs in found]})


async def temp_view(ctx: Context) -> Answer:
    raise CouchregError("Temporary views are not supported in CouchDB", error="gone")
