"""What design documents serve: views, shows, lists, updates, rewrites. They need JavaScript, which is
not here yet; that the design document exists is checked, for that error comes first.
"""

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer


async def not_built(ctx: Context) -> Answer:
    await ctx.db.revision(ctx.doc_id)
    raise NotImplementedHere("Functions of design documents are not run here yet.")
