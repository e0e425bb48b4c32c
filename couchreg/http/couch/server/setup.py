"""`_cluster_setup`: a server is a single node and set up from its start, as scripts that set one up find.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#cluster-setup
"""

from typing import Any

from couchreg.auth.policy import REPLICATOR, USERS
from couchreg.auth.users.admins import SECTION as ADMINS
from couchreg.auth.users.admins import hash_admin_value
from couchreg.errors import BadRequest, FileExists, NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.http.couch.server.config import checked_name, checked_value
from couchreg.model import json
from couchreg.model.names import check_database_name

WANTED = [USERS, REPLICATOR]
MOST = 100  # databases that one request makes
OF_CLUSTERS = frozenset({"enable_cluster", "add_node", "remove_node", "receive_cookie"})


async def state(ctx: Context) -> Answer:
    """Always that of a single node, whichever databases are asked about."""
    text = ctx.query.get("ensure_dbs_exist")
    if text is not None:
        json.decode(text.encode("utf-8", "surrogateescape"))
    return answer_json({"state": "single_node_enabled"})


async def set_up(ctx: Context) -> Answer:
    ctx.require_json()
    asked = await ctx.json()
    if not isinstance(asked, dict):
        raise BadRequest("Missing JSON body'")
    action = asked.get("action")
    if action == "enable_single_node":
        return await _single_node(ctx, asked)
    if action == "finish_cluster":
        raise BadRequest("Cluster is already finished")
    if isinstance(action, str) and action in OF_CLUSTERS:
        raise NotImplementedHere("This server is a single node; several of them replicate.")
    raise BadRequest("Invalid Action'")


async def _single_node(ctx: Context, asked: dict[str, Any]) -> Answer:
    """Set the administrator, and make the databases that are not there. Where the server listens was said
    when it was started, so `bind_address` and `port` change nothing."""
    name, password = asked.get("username"), asked.get("password")
    if not (isinstance(name, str) and name and isinstance(password, str) and password):
        raise BadRequest("username and password have to be strings")
    names = _databases(asked)
    checked_name("key", name)
    checked_value(password)
    hashed = await hash_admin_value(password, ctx.services.auth.passwords)
    await ctx.confirm()  # to hash takes a while, and its turn has to come
    await ctx.store.set_config(ADMINS, name, hashed)
    there = set(await ctx.store.names())
    for missing in [wanted for wanted in names if wanted not in there]:
        try:
            await ctx.store.create(missing)
        except FileExists:
            continue  # somebody else has made it meanwhile
    return answer_json({"ok": True}, status=201)


def _databases(asked: dict[str, Any]) -> list[str]:
    names = asked.get("ensure_dbs_exist", WANTED)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > MOST:
        raise BadRequest(f"ensure_dbs_exist has to be a list of at most {MOST} names of databases")
    for name in names:
        check_database_name(name)
    return list(dict.fromkeys(names))
