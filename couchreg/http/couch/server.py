"""The server itself: welcome, health, UUIDs, and what is not built."""

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.context import Context
from couchreg.http.couch.responses import Answer


async def not_built(ctx: Context) -> Answer:
    """A part of CouchDB's API that is known and not built here."""
    raise NotImplementedHere
