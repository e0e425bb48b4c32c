"""Sending the bytes of published files: whole, in a coding, in ranges, or only if they are new to the client.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests and #name-conditional-requests.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.errors import CouchregError, RangeNotSatisfiable
from couchreg.http.registry.frame.answers import OPEN, SAFE, failure, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.codings import tag_in
from couchreg.http.registry.frame.finished import counted
from couchreg.registry.reading.catalog import Version
from couchreg.wire.accept import IDENTITY

log = logging.getLogger(__name__)


class SentFile(NamedTuple):
    """What is sent: files of a version one after the other. `tag` names their plain bytes. Nobody is sent
    to a bucket for what comes `from_here`: there it has other headers."""

    version: Version
    kind: str
    tag: str
    parts: Sequence[Attachment]
    headers: dict[str, str]
    modified: datetime | None
    from_here: bool = False

    @property
    def length(self) -> int:
        return sum(part.length for part in self.parts)

    @property
    def key(self) -> str:
        """Of the plain bytes: what arrived compressed is known by the hash of its compressed bytes only."""
        return ":".join([self.tag, *(part.encoding for part in self.parts)])


class Span(NamedTuple):
    """The bytes of an answer: from `start`, `length` of `total`."""

    start: int
    length: int
    total: int


async def send(call: Call, file: SentFile) -> web.StreamResponse:
    """The answer to a request for a file."""
    coding = call.services.codings.wanted(call.request, file.kind, file.length)
    headers = {**file.headers, "ETag": f'"{tag_in(file.tag, coding)}"'}
    unchanged = _unchanged(call.request, headers["ETag"], file.modified)
    if unchanged is not None:
        del headers["Content-Type"]
        return web.Response(status=unchanged, headers=headers)
    moves = len(file.parts) == 1 and not file.from_here
    address = await call.services.elsewhere(file.parts[0]) if moves else None
    if address is not None:
        return _moved(call, file, address)
    coded = await _coded(call, file, coding, headers) if coding != IDENTITY else None
    return coded or await _plain_answer(call, file, headers | {"ETag": f'"{file.tag}"'})


def _moved(call: Call, file: SentFile, address: str) -> web.Response:
    asked = call.request.headers.get("Range", "bytes=0-")
    if asked.startswith("bytes=0-"):
        _count(call, file.version)
    moved = {**SAFE, **OPEN, "Location": address, "Cache-Control": "no-store"}
    return web.Response(status=302, headers=moved)


def _count(call: Call, version: Version) -> None:
    if call.request.method == "GET":
        call.registry.downloads.count(version.name, version.version)
        counted(call, version.name, version.version)


async def _coded(
    call: Call, file: SentFile, coding: str, headers: dict[str, str]
) -> web.StreamResponse | None:
    """The answer in a coding; None when there is too much to be made just now. Nothing is made for HEAD."""

    async def read() -> bytes:
        whole = Span(0, file.length, file.length)
        return b"".join([chunk async for chunk in _chunks(call, file.parts, whole)])

    codings, coded = call.services.codings, headers | {"Content-Encoding": coding}
    if call.request.method == "HEAD":
        body = codings.kept(file.key, coding)
    else:
        body = await codings.body(file.key, coding, read)
        if body is None:
            return None
    _count(call, file.version)
    return web.StreamResponse(headers=coded) if body is None else web.Response(body=body, headers=coded)


async def _plain_answer(call: Call, file: SentFile, headers: dict[str, str]) -> web.StreamResponse:
    total = file.length
    try:
        span = _span(call.request, headers["ETag"], total)
    except RangeNotSatisfiable as error:
        refused = failure(error)
        refused.headers["Content-Range"] = f"bytes */{total}"
        return refused
    wanted = span or Span(0, total, total)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{span.total}"
    if wanted.start == 0:
        _count(call, file.version)
    return await _stream(call, 200 if span is None else 206, headers, file.parts, wanted)


async def _stream(
    call: Call, status: int, headers: dict[str, str], parts: Sequence[Attachment], span: Span
) -> web.StreamResponse:
    chunks = _chunks(call, parts, span)
    # What fails should fail before the headers are sent.
    first = b"" if call.request.method == "HEAD" else await anext(chunks, b"")
    if len(first) == span.length:
        return web.Response(status=status, headers=headers, body=first)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = span.length
    await response.prepare(call.request)
    if call.request.method == "HEAD":
        return response
    try:
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        raise
    except Exception as error:
        foreseen = isinstance(error, CouchregError)  # of which a line is enough: a stranger may ask often
        log.log(
            logging.WARNING if foreseen else logging.ERROR,
            "%s broke off: %s",
            call.request.path,
            error,
            exc_info=not foreseen,
        )
        if call.request.transport is not None:
            call.request.transport.abort()  # a short body must not look like a whole one
    return response


async def _chunks(call: Call, parts: Sequence[Attachment], span: Span) -> AsyncIterator[bytes]:
    """The bytes of a span over the parts, one after the other."""
    start, left = span.start, span.length
    for part in parts:
        if start >= part.length or not left:
            start -= part.length
            continue
        length = min(part.length - start, left)
        async for chunk in _plain(call, part, start, length):
            yield chunk
        start, left = 0, left - length


async def _plain(call: Call, part: Attachment, start: int, length: int) -> AsyncIterator[bytes]:
    """Bytes of one file. One that arrived compressed, by replication, is undone from its beginning."""
    if part.encoding == "identity":
        async for chunk in call.registry.attachments.open(part, start, length):
            yield chunk
        return
    end, at = start + length, 0
    async for chunk in call.registry.attachments.open(part):
        piece = chunk[max(0, start - at) : max(0, end - at)]
        at += len(chunk)
        if piece:
            yield piece
        if at >= end:
            return


def _unchanged(request: web.Request, tag: str, modified: datetime | None) -> int | None:
    """304 or 412 when a condition of the request says so."""
    bare = tag.strip('"')
    named = [item.value for item in request.if_match or () if not item.is_weak or item.value == "*"]
    if request.if_match is not None and not {bare, "*"}.intersection(named):
        return 412
    if request.if_none_match is not None:
        return 304 if not_modified(request, bare) else None
    since = request.if_modified_since
    return 304 if since is not None and modified is not None and modified <= since else None


def _span(request: web.Request, tag: str, total: int) -> Span | None:
    """The one range asked for; None for the whole. Raises RangeNotSatisfiable."""
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != tag:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None  # several ranges, other units, nonsense: all may be ignored
    if asked.start is None and asked.stop is None:
        return None
    start = max(0, total + asked.start) if asked.start < 0 else asked.start
    stop = total if asked.stop is None else min(asked.stop, total)
    if start >= stop:
        raise RangeNotSatisfiable(f"The file has only {total} bytes.")
    return Span(start, stop - start, total)
