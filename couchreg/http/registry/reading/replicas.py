"""`GET /-/replicas`: which registry this one is a mirror of, and how far behind it."""

from aiohttp import web

from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call


async def replicas(call: Call) -> web.StreamResponse:
    """Source, patterns, state and lag; what went wrong, and with which documents, is for admins."""
    return answer({"replicas": call.services.replicas(call.user.is_admin)})
