"""The request as functions of design documents are given it.

Source: https://docs.couchdb.org/en/stable/json-structure.html#request-object
"""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.description import describe
from couchreg.http.couch.frame.params import json_value
from couchreg.http.couch.frame.uuids import new_uuid
from couchreg.model import json

SESSION = "AuthSession"
FORM = "application/x-www-form-urlencoded"
_JSON_KEYS = frozenset({"startkey", "endkey", "key", "descending"})
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


async def request_object(ctx: Context, doc_id: str | None = None) -> bytes:
    """`req` as JSON. Reads the body, where the method has one. Raises BadRequest."""
    body = await ctx.body() if ctx.method in _WITH_BODY else b""
    request = ctx.request
    text = body.decode("utf-8", "replace")
    found: dict[str, Any] = {
        "info": await describe(ctx.db, ctx.settings),
        "id": doc_id,
        "uuid": new_uuid(ctx),
        "method": "HEAD" if ctx.is_head else ctx.method,
        "requested_path": list(ctx.parts),
        "path": list(ctx.parts),
        "raw_path": request.raw_path,
        "query": {key: _query_value(key, value) for key, value in ctx.query.items()},
        "headers": _headers(request.headers),
        "body": text if ctx.method in _WITH_BODY else "undefined",
        "peer": ctx.address,
        "form": _form(request.content_type, text),
        "cookie": _cookies(request.headers.get("Cookie", "")),
        "userCtx": {"db": ctx.db.name, "name": ctx.user.name, "roles": list(ctx.user.roles)},
        "secObj": await ctx.db.setting("security") or {},
    }
    return json.encode(found)


def _query_value(key: str, value: str) -> Any:
    return json_value(value) if key in _JSON_KEYS else value


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what proves who asks: whoever writes a design document shall not be able to be them."""
    shown = {key: value for key, value in headers.items() if key.lower() not in _SECRET}
    return {"-".join(part.capitalize() for part in key.split("-")): value for key, value in shown.items()}


def _form(content_type: str, text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True)) if content_type == FORM else {}


def _cookies(header: str) -> dict[str, str]:
    try:
        found = SimpleCookie(header)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items() if name != SESSION}
