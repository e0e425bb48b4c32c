"""Request bodies: limits, Content-Encoding, and what must be JSON.

The server is started with aiohttp's own decompression off, because CouchDB keeps a gzipped
attachment as it came; so documents are unpacked here.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from couchreg.errors import BadContentType, BadRequest, TooLarge
from couchreg.http.couch.frame.allowance import ON_THE_LOOP
from couchreg.model import json

SMALL = 16 * 1024  # bytes that are unpacked without a thread


async def read(request: web.BaseRequest, most: int) -> bytes:
    """The whole body, unpacked. Raises TooLarge beyond `most` bytes, packed or unpacked.

    A request without so much as a Content-Length has no body at all: BadRequest.
    """
    if request.content_length is None and "Transfer-Encoding" not in request.headers:
        raise BadRequest("Missing request body")
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return await _collect(request, most)
    if encoding == "gzip":
        packed = await _collect(request, most)
        if len(packed) < SMALL:
            return _gunzip(packed, most)
        return await asyncio.to_thread(_gunzip, packed, most)
    raise BadContentType(f"{encoding} is not a supported content encoding.")


async def _collect(request: web.BaseRequest, most: int) -> bytes:
    announced = request.content_length
    if announced is not None and announced > most:
        raise too_large()
    content = request.content
    first = await content.readany()
    if announced == len(first) or not first:
        return first
    pieces, size = [first], len(first)
    while size <= most and (chunk := await content.readany()):
        size += len(chunk)
        pieces.append(chunk)
    if size > most:
        raise too_large()
    return b"".join(pieces)


def _gunzip(packed: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise BadRequest("Request body is not properly gzipped.") from None
    if len(plain) > most:
        raise too_large()
    if not unpacker.eof:
        raise BadRequest("Request body is not properly gzipped.")
    return plain


async def chunks(request: web.BaseRequest, most: int) -> AsyncIterator[bytes]:
    """The body as it comes, packed or not. Raises TooLarge beyond `most` bytes."""
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > most:
            raise too_large()
        yield chunk


async def decoded(data: bytes) -> Any:
    """A JSON value. What only the slow reader can read, leaves the loop. Raises BadRequest."""
    if len(data) <= ON_THE_LOOP:
        return json.decode(data)
    try:
        return json.decode_quickly(data)
    except json.NeedsTime:
        return await asyncio.to_thread(json.decode, data)


def too_large() -> TooLarge:
    return TooLarge("the request entity is too large")


def require_type(request: web.BaseRequest, wanted: str) -> None:
    """Raises BadContentType unless the Content-Type, up to its parameters, is `wanted` to the letter."""
    given = request.headers.get("Content-Type", "").partition(";")[0]
    if given != wanted:
        raise BadContentType(f"Content-Type must be {wanted}")
