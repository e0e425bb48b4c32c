"""Searches of design documents, which are not built. The design document has to be there all the same."""

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer


async def not_built(ctx: Context) -> Answer:
    await ctx.db.revision(ctx.doc_id)
    raise NotImplementedHere("Searches of design documents are not supported.")
