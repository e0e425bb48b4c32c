"""JSON as a script that calls a function of the page: `[chttpd] allow_jsonp`, off as a rule."""

import re
from typing import Final

from couchreg.errors import BadRequest
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import JSON_TYPE, Answer

SCRIPT: Final = "application/javascript"
_NAME: Final = re.compile(r"[A-Za-z0-9_$.\[\]]+")


def read(ctx: Context) -> None:
    """Note the request's callback, where such are allowed. Raises BadRequest for what is no name."""
    if "callback" not in ctx.raw_query or not ctx.settings.boolean("chttpd", "allow_jsonp"):
        return
    name = ctx.query.get("callback", "")
    if name and not _NAME.fullmatch(name):
        raise BadRequest("invalid_callback")
    ctx.callback = name


def wrap(answer: Answer, callback: str) -> None:
    """Make a script of a JSON answer."""
    if answer.content_kind == JSON_TYPE:
        answer.answer_body = opening(callback) + answer.answer_body.rstrip(b"\n") + CLOSING
        answer.content_kind = SCRIPT


def opening(callback: str) -> bytes:
    return b"/* CouchDB */" + callback.encode() + b"("


CLOSING: Final = b");\n"
