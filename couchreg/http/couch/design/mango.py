"""`_find`, `_explain` and `_index`: not built here; what is no JSON is refused all the same."""

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer


async def not_built(ctx: Context) -> Answer:
    ctx.require_json()
    await ctx.json_object()
    raise NotImplementedHere("Mango queries are not supported yet.")
