"""Searches of design documents, as a CouchDB answers them that runs beside no search service."""

from couchreg.errors import BadRequest, CouchregError, NotFound
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json


async def search(ctx: Context) -> Answer:
    """`_search` and `_search_info` of a design document, which has to be there."""
    await ctx.db.revision(ctx.doc_id)
    if not ctx.match["path"]:
        raise BadRequest("path not recognized")
    raise _unavailable()


async def unavailable(ctx: Context) -> Answer:
    raise _unavailable()


async def nouveau(ctx: Context) -> Answer:
    """CouchDB does not know these addresses while its second kind of search is not switched on."""
    raise NotFound("missing")


async def nothing_to_clean(ctx: Context) -> Answer:
    return answer_json({"ok": True}, status=202)


def _unavailable() -> CouchregError:
    return CouchregError("Search is not available", error="service unavailable")
