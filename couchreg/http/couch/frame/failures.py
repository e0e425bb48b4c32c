"""Errors as CouchDB answers them: `{"error", "reason"}` with a status, and what goes with it."""

import logging
import secrets
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from couchreg import errors
from couchreg.http.couch.frame.responses import Answer, Headers, answer_json
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.model.json import encode
from couchreg.wire.accept import accepts_type
from couchreg.wire.status import status_of

# Refusals that CouchDB finds out about where it does not expect them; then it gives a number of its log.
CRASHES = frozenset({"badmatch", "error_saving_ddoc", "invalid_value"})

log = logging.getLogger(__name__)


class MethodNotAllowed(errors.CouchregError):
    """405; `allowed` in the order of the reason, the header sorts them."""

    error = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Only {allowed} allowed")
        self.allowed = allowed


def answer_error(
    error: errors.CouchregError, request: web.BaseRequest, settings: CouchSettings, base: str = ""
) -> Answer:
    """The answer to a request that failed for a foreseen reason. `base` is this server for its clients."""
    if isinstance(error, MethodNotAllowed):
        allow = ",".join(sorted(error.allowed.split(",")))
        return error_body(405, error.error, error.reason, [("Allow", allow)])
    if isinstance(error, errors.LockedOut):
        return error_body(403, errors.Forbidden.error, error.reason, _headers(error))
    if isinstance(error, errors.Unauthorized):
        return _unauthorized(error, request, settings, base)
    if error.error in CRASHES or isinstance(error, errors.ReversedRange):
        body = {"error": error.error, "reason": error.reason, "ref": secrets.randbits(32)}
        return answer_json(body, status=status_of(error))
    return error_body(status_of(error), error.error, error.shown, _headers(error))


def _headers(error: errors.CouchregError) -> Headers:
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        return [("Retry-After", str(error.retry_after))]
    return []


def _unauthorized(
    error: errors.CouchregError, request: web.BaseRequest, settings: CouchSettings, base: str
) -> Answer:
    """401; or, for a browser that takes HTML but no JSON, 302 to the page for logging in."""
    challenge = settings.text("chttpd", "WWW-Authenticate")
    if not challenge and valid_user_required(settings):
        challenge = 'Basic realm="server"'
    if challenge:
        return error_body(401, error.error, error.reason, [("WWW-Authenticate", challenge)])
    accept = request.headers.get("Accept")
    if accepts_type(accept, "application/json") or not accepts_type(accept, "text/html"):
        return error_body(401, error.error, error.reason)
    page = settings.text("chttpd_auth", "authentication_redirect")
    wanted = unquote(request.raw_path.partition("?")[0], errors="surrogateescape")
    query = f"return={_quoted(wanted)}&reason={_quoted(error.reason)}"
    target = f"{base}{page}?{query}"
    return error_body(302, error.error, error.reason, [("Location", target)])


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def valid_user_required(settings: CouchSettings) -> bool:
    return settings.boolean("chttpd", "require_valid_user") or settings.boolean(
        "chttpd_auth", "require_valid_user"
    )


def error_body(status: int, word: str, reason: Any, headers: Headers = ()) -> Answer:
    """`reason` is a text but for what functions of design documents throw."""
    if isinstance(reason, str) and not reason.isascii():  # it may quote what was no UTF-8
        reason = reason.encode("utf-8", "replace").decode()
    return answer_json({"error": word, "reason": reason}, status=status, headers=headers)


def answer_unforeseen(request: web.BaseRequest) -> Answer:
    """500 for a fault of ours: the log has the story under the `ref` that the client gets."""
    ref = secrets.randbits(32)
    log.exception("%s %s failed (ref %d)", request.method, request.path, ref)
    body = {"error": "unknown_error", "reason": "internal error, see the server's log", "ref": ref}
    return Answer(encode(body) + b"\n", status=500, headers=[("Cache-Control", "must-revalidate")])
