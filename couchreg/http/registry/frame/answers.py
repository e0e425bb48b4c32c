"""Answers that are not files: JSON, errors as JSON, conditional GET, and what every answer carries."""

import hashlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

from aiohttp import web

from couchreg.errors import (
    BadStatement,
    CouchregError,
    Failure,
    InvalidPackage,
    LostDocument,
    StorageFailure,
    TooManyRequests,
    Unavailable,
    of_a_file,
)
from couchreg.http.registry.frame.call import Call, Handler
from couchreg.http.registry.frame.codings import tag_in
from couchreg.journal.failing import tell, tell_of_files
from couchreg.model import json
from couchreg.turns import TimeSlice
from couchreg.wire.accept import IDENTITY
from couchreg.wire.status import status_of

log = logging.getLogger(__name__)

# Published content is never a page of ours: no script of it runs here, no type is guessed.
CHUNK = 64 << 10  # bytes of one write of a long answer
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
# Reading is open to pages of any origin, as the datastore's own CORS rules have it.
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Range, Content-Length, ETag, Link, Location, Retry-After, X-Request-ID"
    ),
}
ALLOWED = (
    "Authorization, Content-Encoding, Content-MD5, Content-Type, If-Match, If-None-Match, If-Range, Range"
)
CHALLENGE = {"WWW-Authenticate": 'Basic realm="couchreg", charset="UTF-8"'}


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    body = json.encode(value) + b"\n"
    return web.Response(
        body=body, status=status, content_type="application/json", headers={**SAFE, **OPEN, **(headers or {})}
    )


def cacheable(call: Call, value: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer with an ETag, or 304 when the client has it already."""
    headers = {"Cache-Control": "no-cache", "Vary": "Host", **(headers or {})}
    response = answer(value, headers=headers)
    body = response.body if isinstance(response.body, bytes) else b""
    tag = hashlib.sha256(body).hexdigest()[:32]
    response.etag = tag
    if not_modified(call.request, tag):
        return web.Response(status=304, headers={**headers, "ETag": f'"{tag}"', **OPEN})
    return response


async def text(
    call: Call, tag: str, body: bytes, kind: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """A text with its tag, in a coding that the client takes; for HEAD in one that is at hand."""
    codings = call.services.codings
    coding = codings.wanted(call.request, kind, len(body))
    headers = {**SAFE, **OPEN, **headers, "Content-Type": kind, "ETag": f'"{tag}"'}
    if coding == IDENTITY:
        return await _plain(call, body, headers)
    coded = {**headers, "ETag": f'"{tag_in(tag, coding)}"', "Content-Encoding": coding}

    async def read() -> bytes:
        return body

    if call.request.method != "HEAD":
        smaller = await codings.body(tag, coding, read)
        if smaller is None:
            return await _plain(call, body, headers)
        return web.Response(body=smaller, headers=coded)
    smaller = codings.kept(tag, coding)
    return web.StreamResponse(headers=coded) if smaller is None else web.Response(body=smaller, headers=coded)


async def fresh(call: Call, body: bytes, kind: str, headers: Mapping[str, str]) -> web.StreamResponse:
    """A text whose tag is that of its bytes, or 304 where the client has it."""
    tag = hashlib.sha256(body).hexdigest()[:32]
    coding = call.services.codings.wanted(call.request, kind, len(body))
    for one in (tag_in(tag, coding), tag):
        if not_modified(call.request, one):
            return web.Response(status=304, headers={**headers, **OPEN, "ETag": f'"{one}"'})
    return await text(call, tag, body, kind, headers)


async def _plain(call: Call, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """What is long is sent here and not by aiohttp, so that a place among the large ones is kept until it has
    gone."""
    if len(body) <= CHUNK:
        return web.Response(body=body, headers=headers)
    return await streamed(call, once(body), headers, len(body))


async def once(piece: bytes | memoryview) -> AsyncIterator[bytes | memoryview]:
    yield piece


async def streamed(
    call: Call,
    pieces: AsyncIterable[bytes | memoryview],
    headers: Mapping[str, str],
    length: int | None = None,
) -> web.StreamResponse:
    """A long answer, sent as fast as it is read. Nothing of it is made for HEAD."""
    response = web.StreamResponse(headers={**SAFE, **OPEN, **headers})
    response.content_length = length
    await response.prepare(call.request)
    if call.request.method == "HEAD":
        return response
    waiting, turn = bytearray(), TimeSlice()
    async for piece in pieces:
        if len(piece) < CHUNK:
            waiting += piece
        if len(piece) >= CHUNK or len(waiting) >= CHUNK:
            await response.write(bytes(waiting))
            waiting.clear()
        if len(piece) >= CHUNK:
            for start in range(0, len(piece), CHUNK):
                await response.write(memoryview(piece)[start : start + CHUNK])
                await turn.pass_on()
    await response.write(bytes(waiting))
    await response.write_eof()
    return response


def not_modified(request: web.Request, tag: str) -> bool:
    """Whether If-None-Match names the entity tag `tag` (without its quotes); weakly is enough."""
    return any(item.value in (tag, "*") for item in request.if_none_match or ())


def failure(error: CouchregError) -> web.Response:
    """`{error, reason}`, and for a refused package its report."""
    value: dict[str, Any] = {"error": error.error, "reason": error.reason}
    headers: dict[str, str] = {}
    if isinstance(error, BadStatement) and error.line is not None:
        value |= {"line": error.line, "column": error.column}
    if isinstance(error, InvalidPackage):
        value |= error.report
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    status = status_of(error)
    return answer(value, status, {**headers, **(CHALLENGE if status == 401 else {})})


def options(methods: Iterable[str]) -> web.Response:
    """What may be done at an address, for a person or for a browser that asks on behalf of a page: pages of
    any origin may, with a login of their own, since no route that they could use so acts on cookies."""
    allowed = ", ".join(sorted({"OPTIONS", *methods}))
    asked = {"Access-Control-Allow-Methods": allowed, "Access-Control-Allow-Headers": ALLOWED}
    return web.Response(
        status=204, headers={"Allow": allowed, **OPEN, **asked, "Access-Control-Max-Age": "3600"}
    )


def rejected(error: web.HTTPException, request: web.Request) -> web.Response:
    """What aiohttp itself refuses (no such route, no such method …), in the door's shape."""
    if isinstance(error, web.HTTPMethodNotAllowed) and request.method == "OPTIONS":
        return options(error.allowed_methods)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        reason = f"{request.method} is not allowed here, but {allowed}: see /."
        return answer({"error": "method_not_allowed", "reason": reason}, 405, {"Allow": allowed})
    word = {404: "not_found", 413: "too_large"}.get(error.status, "bad_request")
    absent = "There is nothing at this address: / lists what there is."
    reason = absent if word == "not_found" else error.reason
    return answer({"error": word, "reason": reason}, error.status)


def _named(request: web.Request) -> str:
    """For the log, which says the same seldom: the route, since strangers choose what stands in its place."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else request.path[:400]}"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong is an answer too; what nobody foresaw, one that the log explains."""
    try:
        return await handler(request)
    except (StorageFailure, LostDocument) as error:
        tell(log, _named(request), error)
        return failure(error)
    except CouchregError as error:
        tell_of_files(log, error)
        return failure(error)
    except web.HTTPException as error:
        return rejected(error, request)
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response()  # the client has gone: nobody reads this
    except Exception as error:
        tell(log, f"{request.method} {request.path[:400]}", error)
        unforeseen = Failure("The server failed; its log says why.", error="internal_server_error")
        return failure(of_a_file(error) or unforeseen)
