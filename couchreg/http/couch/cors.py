"""Cross-origin requests as CouchDB's `[chttpd] enable_cors` and `[cors]` allow them."""

from aiohttp import web

from couchreg.http.couch.context import Context


def preflight(ctx: Context) -> web.StreamResponse | None:
    """The answer to a preflight request, None for any other request (and for a refused one)."""
    return None


def mark(ctx: Context) -> None:
    """Put the CORS headers of an allowed origin into `ctx.headers`."""
