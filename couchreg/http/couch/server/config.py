"""`_node/{node}/_config`: settings shown and changed while the server runs.

Passwords of admins are hashed before they are kept, and keys that sign something are never shown.

Source: https://docs.couchdb.org/en/stable/api/server/configuration.html
"""

from couchreg.auth.users.admins import SECTION as ADMINS
from couchreg.auth.users.admins import hash_admin_value
from couchreg.docstore.base import Config
from couchreg.errors import BadRequest, Forbidden, NotFound
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.http.couch.server.node import check_node

HIDDEN = "****"
SECRETS = {("chttpd_auth", "secret"), ("couch_httpd_auth", "secret"), ("replicator", "password")}
SECRET_SECTIONS = {"jwt_keys"}
LONGEST = 1024  # characters of a section's or key's name
# What decides how the server works inside is not changed from outside.
LOCKED = frozenset(
    {
        "daemons",
        "external",
        "feature_flags",
        "httpd_db_handlers",
        "httpd_design_handlers",
        "httpd_global_handlers",
        "native_query_servers",
        "os_daemons",
        "query_servers",
    }
)


async def everything(ctx: Context) -> Answer:
    check_node(ctx)
    shown = {name: _shown(name, values) for name, values in ctx.services.settings.all().items()}
    return answer_json(shown)


async def section(ctx: Context) -> Answer:
    check_node(ctx)
    name = ctx.match["section"]
    return answer_json(_shown(name, ctx.services.settings.section(name)))


async def value(ctx: Context) -> Answer:
    return answer_json(_known(ctx))


async def change(ctx: Context) -> Answer:
    """Answers with the value there was, "" if there was none."""
    check_node(ctx)
    name, key = _writable(ctx)
    new = await ctx.json()
    if not isinstance(new, str):
        raise BadRequest("a JSON string expected")
    new = checked_value(new)
    old = _shown(name, ctx.services.settings.section(name)).get(key, "")
    if name == ADMINS:
        new = await hash_admin_value(new, ctx.services.auth.passwords)
        await ctx.confirm()  # to hash takes a while, and its turn has to come
    await ctx.store.set_config(name, key, new, persist=_persists(ctx))
    return answer_json(old)


async def remove(ctx: Context) -> Answer:
    name, key = _writable(ctx)
    old = _known(ctx)
    if name == ADMINS and [key] in [list(one.get(ADMINS, {})) for one in await _configs(ctx)]:
        raise Forbidden("The last admin cannot be removed: nobody could undo it.")
    await ctx.store.set_config(name, key, None, persist=_persists(ctx))
    return answer_json(old)


async def reload(ctx: Context) -> Answer:
    """What is stored counts, by whoever it was stored, and nothing that was set for this run alone."""
    check_node(ctx)
    await ctx.store.forget_config()
    return answer_json({"ok": True})


def _persists(ctx: Context) -> bool:
    """Whether a change outlives the server."""
    return ctx.request.headers.get("X-Couch-Persist") != "false"


async def _configs(ctx: Context) -> tuple[Config, Config]:
    """What counts now, and what will after the next start."""
    return ctx.store.config(), await ctx.store.read_config()


def _known(ctx: Context) -> str:
    """The value asked for. Raises NotFound."""
    check_node(ctx)
    name = ctx.match["section"]
    found = _shown(name, ctx.services.settings.section(name)).get(ctx.match["key"])
    if found is None:
        raise NotFound("unknown_config_value")
    return found


def _writable(ctx: Context) -> tuple[str, str]:
    """Section and key of the path. Raises Forbidden for a section that is not changed from outside,
    BadRequest for names that no setting can have."""
    name, key = ctx.match["section"], ctx.match["key"]
    if name in LOCKED:
        raise Forbidden("Config section blacklisted for modification over HTTP API.")
    checked_name("section", name)
    checked_name("key", key)
    return name, key


def checked_name(what: str, name: str) -> None:
    """Raises BadRequest for the name of a `section` or `key` that no setting can have."""
    if len(name) > LONGEST or not _is_one_line(name) or "[" in name or "]" in name:
        raise BadRequest(f"Invalid configuration {what}")


def checked_value(text: str) -> str:
    """The value of a setting without blanks around it. Raises BadRequest for more than a line."""
    text = text.strip()
    if not _is_one_line(text):
        raise BadRequest("Invalid configuration value")
    return text


def _is_one_line(text: str) -> bool:
    return text.replace("\t", " ").isprintable()


def _shown(name: str, values: dict[str, str]) -> dict[str, str]:
    return {
        key: HIDDEN if name in SECRET_SECTIONS or (name, key) in SECRETS else text
        for key, text in values.items()
    }
