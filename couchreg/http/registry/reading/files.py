"""The bytes of published files: whole, in ranges, or only if they are new to the client.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests and #name-conditional-requests.
"""

import hashlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.errors import BadRequest, NotFound, RangeNotSatisfiable
from couchreg.http.registry.frame.answers import OPEN, SAFE, cacheable, failure, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.reading.elsewhere import inline, redirect
from couchreg.model.media_types import OCTETS, disposition
from couchreg.package.descriptor import Resource
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.versions import LATEST
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import served_resource

log = logging.getLogger(__name__)


class Span(NamedTuple):
    """The bytes of an answer: from `start`, `length` of `total`."""

    start: int
    length: int
    total: int


async def resource(call: Call) -> web.StreamResponse:
    """A resource by its name, else a file by its path."""
    version = await version_of(call)
    wanted = call.part("path")
    found = version.resources.get(wanted)
    if call.request.query.get("meta") == "true":
        return _meta(call, version, found, wanted)
    if found is None:
        return await file(call, version, wanted)
    if found.urls:
        return redirect(found)
    if found.inline:
        return await inline(call, version, found)
    return await _send(call, version, found.name, _parts(version, found))


async def version_of(call: Call) -> Version:
    """The version an address names, exactly or by a dist-tag; `latest` with `?range=` the highest in it.

    Raises NotFound, and BadRequest for a range beside an exact version.
    """
    name, version = call.part("name"), call.request.match_info.get("version", LATEST)
    wanted = call.request.query.get("range")
    catalog = call.registry.catalog
    if wanted is None:
        return await catalog.named(name, version, room=call.room)
    if version != LATEST:
        raise BadRequest(f"“range” chooses a version: ask for {name} or {name}/{LATEST} with it.")
    exact = await catalog.resolve(name, wanted)
    return await catalog.version(name, exact, room=call.room)


def _meta(call: Call, version: Version, found: Resource | None, wanted: str) -> web.StreamResponse:
    if found is None:
        raise _nothing(version, wanted)
    members = served_resource(version, found, call.base)
    members.pop("data", None)  # is what the same address answers without “meta”
    return cacheable(call, members)


def _parts(version: Version, found: Resource) -> list[Attachment]:
    absent = [path for path in found.paths if path not in version.files]
    if absent or not found.paths:
        raise NotFound(f"The file of the resource {found.name!r} is not here.")
    return [version.files[path] for path in found.paths]


async def file(call: Call, version: Version, path: str) -> web.StreamResponse:
    """A file by its path, as it was published. Raises NotFound."""
    if path in version.files:
        return await _send(call, version, path, [version.files[path]])
    if path == DESCRIPTOR:  # a version that came from elsewhere without the file
        return cacheable(call, version.descriptor)
    raise _nothing(version, path)


def _nothing(version: Version, wanted: str) -> NotFound:
    there = ", ".join(sorted(version.resources)[:10])
    which = f"{version.name} {version.version}"
    return NotFound(f"{which} has no resource or file {wanted[:200]!r}; its resources: {there}.")


async def _send(call: Call, version: Version, name: str, parts: list[Attachment]) -> web.StreamResponse:
    headers = _headers(version, name, parts)
    unchanged = _unchanged(call.request, headers["ETag"], _modified(version))
    if unchanged is not None:
        del headers["Content-Type"]
        return web.Response(status=unchanged, headers=headers)
    address = await call.services.elsewhere(parts[0]) if len(parts) == 1 else None
    if address is not None:
        asked = call.request.headers.get("Range", "bytes=0-")
        if call.request.method == "GET" and asked.startswith("bytes=0-"):
            call.registry.downloads.count(version.name, version.version)
        moved = {**SAFE, **OPEN, "Location": address, "Cache-Control": "no-store"}
        return web.Response(status=302, headers=moved)
    total = sum(part.length for part in parts)
    try:
        span = _span(call.request, headers["ETag"], total)
    except RangeNotSatisfiable as error:
        response: web.StreamResponse = failure(error)
        response.headers["Content-Range"] = f"bytes */{total}"
        return response
    response = web.StreamResponse(status=200 if span is None else 206, headers=headers)
    wanted = span or Span(0, total, total)
    if span is not None:
        response.headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{span.total}"
    response.content_length = wanted.length
    if call.request.method == "GET" and wanted.start == 0:
        call.registry.downloads.count(version.name, version.version)
    return await _stream(call, response, parts, wanted)


async def _stream(
    call: Call, response: web.StreamResponse, parts: list[Attachment], span: Span
) -> web.StreamResponse:
    chunks = _chunks(call, parts, span)
    # What fails should fail before the headers are sent.
    first = b"" if call.request.method == "HEAD" else await anext(chunks, b"")
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
    except Exception:
        log.exception("%s broke off", call.request.path)
        if call.request.transport is not None:
            call.request.transport.abort()  # a short body must not look like a whole one
    return response


async def _chunks(call: Call, parts: list[Attachment], span: Span) -> AsyncIterator[bytes]:
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


def _headers(version: Version, name: str, parts: list[Attachment]) -> dict[str, str]:
    kind = _header_safe(parts[0].content_type)
    headers = {
        **SAFE,
        **OPEN,
        "Content-Disposition": disposition(parts[0].name if len(parts) == 1 else name, kind),
        "Content-Type": kind,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "ETag": f'"{_tag(parts)}"',
    }
    modified = _modified(version)
    if modified is not None:
        headers["Last-Modified"] = modified.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return headers


def _tag(parts: list[Attachment]) -> str:
    """The SHA-256 of the bytes, or for several files of their digests."""
    if len(parts) == 1:
        return parts[0].sha256
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


def _header_safe(kind: str) -> str:
    """A content type that arrived by replication may be any text."""
    return kind if kind.isascii() and kind.isprintable() and "/" in kind else OCTETS


def _modified(version: Version) -> datetime | None:
    """When the version was published, in whole seconds, as HTTP counts."""
    try:
        moment = datetime.fromisoformat(str(version.own.get("published"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=0)


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
