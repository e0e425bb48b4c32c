"""The request as functions of design documents are given it.

Source: https://docs.couchdb.org/en/stable/json-structure.html#request-object
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from couchreg.errors import BadRequest
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.description import describe
from couchreg.http.couch.frame.params import json_value, unquote_path
from couchreg.http.couch.frame.uuids import new_uuid
from couchreg.model import json

SESSION, PAGES = "AuthSession", "couchreg"
FORM = "application/x-www-form-urlencoded"
_JSON_KEYS = frozenset({"startkey", "endkey", "key", "descending"})
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})
_NOT_FOR_REWRITING = frozenset({"info", "form", "uuid", "id"})
_ESCAPED = re.compile(r"\\(.)")
MOST_FIELDS = 10_000  # of a form
_QUICK = 64 << 10  # bytes of a body that are taken apart on the loop
LARGEST = 16 << 20  # bytes of a body that functions are given: all of it goes to them as text
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def has_body(ctx: Context) -> bool:
    """Whether a request says that it has a body, be it an empty one."""
    headers = ctx.request.headers
    return "Content-Length" in headers or "Transfer-Encoding" in headers


async def request_object(
    ctx: Context,
    doc_id: str | None = None,
    *,
    body: dict[str, Any] | None = None,
    data: bytes | None = None,
    for_rewriting: bool = False,
) -> bytes:
    """`req` as JSON; for rewrites a part of it. Reads the body, where the method has one and neither its
    `data` nor what was made of it is given. Raises BadRequest, also for a form of too many fields."""
    brings_one = ctx.method in WITH_BODY and has_body(ctx)
    if data is None:
        data = await ctx.body(LARGEST) if brings_one and body is None else b""
    request = ctx.request
    found: dict[str, Any] = {
        "info": {} if for_rewriting else await describe(ctx.db, ctx.settings),
        "id": doc_id,
        "uuid": new_uuid(ctx),
        "method": "HEAD" if ctx.is_head else ctx.method,
        "requested_path": _requested(ctx),
        "path": list(ctx.parts),
        "raw_path": request.raw_path,
        "query": {key: _query_value(key, value) for key, value in ctx.pairs},
        "headers": _headers(request.headers),
        "body": body or "undefined",
        "peer": ctx.address,
        "form": {},
        "cookie": _cookies(request.headers.get("Cookie", "")),
        "userCtx": {"db": ctx.db.name, "name": ctx.user.name, "roles": list(ctx.user.roles)},
        "secObj": await ctx.db.setting("security") or {},
    }
    names = [name for name in found if not (for_rewriting and name in _NOT_FOR_REWRITING)]

    def whole() -> bytes:
        text = data.decode("utf-8", "replace")
        if brings_one and not body:
            found["body"] = text
        found["form"] = _form(request.content_type, text)
        return json.encode({name: found[name] for name in names})

    return whole() if len(data) <= _QUICK else await asyncio.to_thread(whole)


def _requested(ctx: Context) -> list[str]:
    """The path as the client has it, where a proxy says that it is another than here."""
    headers = ctx.request.headers
    stated = headers.get("X-CouchDB-Vhost-Path") or headers.get("X-CouchDB-Requested-Path")
    if stated is None:
        return list(ctx.parts)
    return [unquote_path(part, plus=False) for part in stated.partition("?")[0].split("/") if part]


def _query_value(key: str, value: str) -> Any:
    return json_value(value) if key in _JSON_KEYS else value


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what proves who asks: whoever writes a design document shall not be able to be them."""
    shown = {key: value for key, value in headers.items() if key.lower() not in _SECRET}
    return {"-".join(part.capitalize() for part in key.split("-")): value for key, value in shown.items()}


def _form(content_type: str, text: str) -> dict[str, str]:
    if content_type != FORM:
        return {}
    if text.count("&") >= MOST_FIELDS:
        raise BadRequest(f"A form for a function has at most {MOST_FIELDS} fields.")
    return dict(parse_qsl(text, keep_blank_values=True))


def _cookies(header: str) -> dict[str, str]:
    """Name and value of each, logins left out. Written here because the library's scanner looks at what
    is no cookie again and again: 1.6 s for a header of 8 KB."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if equals and name and not name.startswith("$"):  # `$Path` and its like are about another
            found[name] = _unquoted(value)
    return {name: value for name, value in found.items() if not _proves(name)}


def _proves(name: str) -> bool:
    """Whether a cookie is a login, of this door or of the registry's pages at the same address: functions are
    written by people who shall not be able to be those who call them."""
    return name == SESSION or name.removeprefix("__Host-").startswith(PAGES)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(r"\1", value[1:-1])
