"""Cross-origin requests, as `[chttpd] enable_cors` and the section `[cors]` allow them.

A preflight that is refused is no preflight: it goes on as an ordinary OPTIONS, as in CouchDB.

Source: https://docs.couchdb.org/en/stable/config/http.html#cross-origin-resource-sharing
"""

from typing import Final

from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer

METHODS: Final = "CONNECT, COPY, DELETE, GET, HEAD, OPTIONS, POST, PUT, TRACE"
REQUEST_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "authorization",
        "cache-control",
        "content-language",
        "content-length",
        "content-md5",
        "content-range",
        "content-type",
        "destination",
        "expires",
        "if-match",
        "if-none-match",
        "last-event-id",
        "last-modified",
        "origin",
        "pragma",
        "range",
        "referer",
        "x-couch-full-commit",
        "x-couch-id",
        "x-couch-persist",
        "x-couchdb-www-authenticate",
        "x-http-method-override",
        "x-requested-with",
    }
)
EXPOSED: Final = (
    "content-type, cache-control, accept-ranges, etag, server, x-couch-request-id, "
    "x-couch-update-newrev, x-couchdb-body-time"
)


def preflight(ctx: Context) -> Answer | None:
    """The answer to a preflight request, None for any other request (and for a refused one)."""
    if ctx.method != "OPTIONS":
        return None
    origin, asked = _allowed_origin(ctx), ctx.request.headers.get("Access-Control-Request-Method")
    methods = ctx.settings.text("cors", "methods") or METHODS
    if origin is None or asked not in _listed(methods):
        return None
    headers = ctx.request.headers.get("Access-Control-Request-Headers", "")
    if not _headers_allowed(ctx, headers):
        return None
    return Answer(
        status=204,
        headers=[
            *_allow(ctx, origin),
            ("Vary", "Origin"),
            ("Access-Control-Max-Age", ctx.settings.text("cors", "max_age") or "600"),
            ("Access-Control-Allow-Methods", ", ".join(_listed(methods))),
            ("Access-Control-Allow-Headers", headers),
        ],
    )


def mark(ctx: Context) -> None:
    """Put the CORS headers of an allowed origin into `ctx.headers`. Where origins are told apart, a cache has
    to know, also of an answer to a request without one."""
    if ctx.settings.boolean("chttpd", "enable_cors"):
        ctx.headers.append(("Vary", "Origin"))
    origin = _allowed_origin(ctx)
    if origin is not None:
        ctx.headers += _allow(ctx, origin)
        ctx.headers.append(("Access-Control-Expose-Headers", EXPOSED))


def _allow(ctx: Context, origin: str) -> list[tuple[str, str]]:
    """Who is let in by `*` alone comes without credentials, or any page could act as whoever looks at it."""
    if not ctx.settings.boolean("cors", "credentials"):
        return [("Access-Control-Allow-Origin", origin)]
    if origin not in _listed(ctx.settings.text("cors", "origins")):
        return [("Access-Control-Allow-Origin", "*")]
    return [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]


def _allowed_origin(ctx: Context) -> str | None:
    """The request's origin, if there is one and it may."""
    origin = ctx.request.headers.get("Origin")
    if origin is None or not ctx.settings.boolean("chttpd", "enable_cors"):
        return None
    accepted = _listed(ctx.settings.text("cors", "origins"))
    return origin if "*" in accepted or origin in accepted else None


def _headers_allowed(ctx: Context, asked: str) -> bool:
    configured = ctx.settings.text("cors", "headers")
    allowed = {name.lower() for name in _listed(configured)} if configured else REQUEST_HEADERS
    return all(name.lower() in allowed for name in _listed(asked))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
