"""`/{db}/_design%2Fname`: a design document has a slash in its address, and readers are sent there."""

from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer

ENCODED = "_design%2f"


def is_encoded_design(ctx: Context) -> bool:
    return ctx.parts[1].startswith("_design/")


def redirect(ctx: Context) -> Answer:
    """301 to the same address with the slash, query and attachment included."""
    place = ctx.raw_path.lower().find(ENCODED)
    if place < 0:  # the underscore or a letter is encoded too
        path = f"/{ctx.raw_path.split('/')[1]}/{'/'.join(ctx.parts[1:])}"
    else:
        path = f"{ctx.raw_path[:place]}_design/{ctx.raw_path[place + len(ENCODED) :]}"
    query = f"?{ctx.raw_query}" if ctx.raw_query else ""
    return Answer(status=301, headers=[("Location", f"{ctx.base_url}{path}{query}")])
