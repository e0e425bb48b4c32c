"""`_reload_query_servers`: functions of design documents begin anew."""

from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json


async def renew(ctx: Context) -> Answer:
    ctx.require_json()
    await ctx.services.functions.renew()
    return answer_json({"ok": True})
