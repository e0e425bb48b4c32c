"""`_rewrite`: a request that a design document sends somewhere else.

It is decided anew there, about the same person, whatever headers a function has set: a rewrite gives nobody a
right that they do not have. Source: https://docs.couchdb.org/en/stable/api/ddoc/rewrites.html
"""

import asyncio
from dataclasses import replace
from typing import Any, Final

from aiohttp import StreamReader, web
from multidict import CIMultiDict
from yarl import URL

from couchreg.designdocs import rewrites
from couchreg.designdocs.functions import Design
from couchreg.docstore.base import Revision
from couchreg.errors import BadRequest, Forbidden, NotFound
from couchreg.http.connections import LONGEST_LINE
from couchreg.http.couch.design.rendering import function_answer
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.params import json_value
from couchreg.http.couch.frame.request_object import LARGEST, WITH_BODY, has_body, request_object

LIMIT = 100  # rewrites of one request, unless `[chttpd] rewrite_limit` says otherwise
READING = ("GET", "HEAD")
# Headers that are the connection's or say who sends something: no function sets them.
OURS = frozenset({"authorization", "connection", "cookie", "expect", "forwarded", "host", "origin", "te"})
OURS_BEGIN: Final = (
    *("content-encoding", "content-length", "keep-alive", "proxy-", "trailer", "transfer-", "upgrade"),
    *("x-auth-", "x-couchdb-", "x-forwarded-", "x-http-"),
)


async def rewrite(ctx: Context) -> web.StreamResponse:
    """`/{db}/_design/{ddoc}/_rewrite/{path}`"""
    found = await ctx.db.revision(ctx.doc_id)
    if ctx.rewritten >= ctx.settings.integer("chttpd", "rewrite_limit", LIMIT):
        raise BadRequest("Exceeded rewrite recursion limit")
    given = found.body.get("rewrites")
    if isinstance(given, list):
        return await _by_rules(ctx, given)
    if isinstance(given, str):
        return await _by_function(ctx, found)
    raise _no_path()


async def _by_rules(ctx: Context, given: list[Any]) -> web.StreamResponse:
    rules = rewrites.rules_of(given, secure=_is_secure(ctx))
    query = [(name, json_value(value) if name in rewrites.JSON_KEYS else value) for name, value in ctx.pairs]
    path, text = rewrites.target_of(rules, ctx.method, ctx.parts[4:], query)
    return await _sent_on(ctx, path, text)


async def _by_function(ctx: Context, found: Revision) -> web.StreamResponse:
    body = await ctx.body(LARGEST) if ctx.method in WITH_BODY and has_body(ctx) else b""
    request = await request_object(ctx, for_rewriting=True, data=body)
    made = await ctx.services.functions.rewrite(Design.of(ctx.db.name, found), request)
    if made.response is None:
        raise _no_path()
    answer = rewrites.check_answer(made.response)
    if "code" in answer:
        return function_answer(ctx, made if made.kind else replace(made, kind="body"), [])
    if len(answer["path"]) > LONGEST_LINE:
        raise _too_long()
    path, query = rewrites.spelt(answer["path"])
    own = rewrites.query_string(answer["query"].items()) if "query" in answer else ctx.raw_query
    headers = {name: value for name, value in answer.get("headers", {}).items() if _may_set(name, value)}
    if made.kind == "body":
        body = made.content
    method = answer.get("method", ctx.method).upper()
    return await _sent_on(ctx, path, "&".join(filter(None, (query, own))), method, headers, body)


async def _sent_on(
    ctx: Context,
    path: str,
    query: str,
    method: str = "",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> web.StreamResponse:
    method = method or ctx.method
    target = rewrites.joined(ctx.match["db"], ctx.match["ddoc"], path)
    _check_target(ctx, target, method)
    line = ctx.prefix + target + ("?" + query if query else "")
    if len(line) > LONGEST_LINE:
        raise _too_long()
    if method in READING:
        method = (
            "HEAD" if ctx.is_head else "GET"
        )  # who asks for a head reads no body, and who does not waits for one
    elif ctx.is_head:
        raise BadRequest("HEAD cannot be rewritten to another method")
    request = ctx.request.clone(
        method=method, rel_url=URL(line, encoded=True), headers=_headers(ctx, headers or {}, body)
    )
    if body is not None:
        request._payload = _payload(request, body)
    return await ctx.again(ctx, request)


def _check_target(ctx: Context, target: str, method: str) -> None:
    """Whoever writes the design document says where others' requests go: outside of the database they only
    read. Raises Forbidden."""
    inside = rewrites.joined(ctx.match["db"], ctx.match["ddoc"], "../..") + "/"
    if method not in READING and _is_secure(ctx) and not (target + "/").startswith(inside):
        raise Forbidden("a rewrite writes nothing outside of its database", error="insecure_rewrite_rule")


def _headers(ctx: Context, own: dict[str, str], body: bytes | None) -> CIMultiDict[str]:
    headers = CIMultiDict(ctx.request.headers)
    for name in ("Expect", "X-HTTP-Method-Override"):  # both are done
        headers.popall(name, None)
    for name, value in own.items():
        headers[name] = value
    if body is not None:
        for name in ("Content-Encoding", "Transfer-Encoding"):
            headers.popall(name, None)
        headers["Content-Length"] = str(len(body))
    return headers


def _payload(request: web.BaseRequest, body: bytes) -> StreamReader:
    stream = StreamReader(request.protocol, max(len(body), 1), loop=asyncio.get_running_loop())
    stream.feed_data(body)
    stream.feed_eof()
    return stream


def _may_set(name: str, value: str) -> bool:
    lower = name.lower()
    plain = lower.replace("-", "").replace("_", "").isalnum() and not set(value) & set("\r\n\0")
    return plain and lower.isascii() and lower not in OURS and not lower.startswith(OURS_BEGIN)


def _is_secure(ctx: Context) -> bool:
    return ctx.settings.boolean("chttpd", "secure_rewrites")


def _too_long() -> BadRequest:
    return BadRequest("the rewritten uri is too long", error="too_long")


def _no_path() -> NotFound:
    return NotFound("Invalid path.", error="rewrite_error")
