"""`_replicate`: the server's own replicator is not built; a request that could not be one is told so first.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#replicate
"""

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.responses import Answer


async def replicate(ctx: Context) -> Answer:
    """The body comes before the method, as in CouchDB: whoever sends none hears of that."""
    body = await ctx.body()
    if ctx.method == "POST":
        ctx.require_json()
    await ctx.as_object(body)
    if ctx.method != "POST":
        raise MethodNotAllowed("POST")
    raise NotImplementedHere
