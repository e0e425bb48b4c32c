"""The bytes of a request, with a `Content-Encoding` undone and never more of them than a publish may have."""

import asyncio
from collections.abc import AsyncIterator

from couchreg.docstore.attachments.compression import Gunzip
from couchreg.errors import BadContentType, BadRequest, Failure, TooLarge
from couchreg.http.registry.frame.call import Call
from couchreg.registry.publishing.intake import Expansion, PublishLimits
from couchreg.turns import TimeSlice

_GZIP = ("gzip", "x-gzip")
_INLINE = 16 << 10  # bytes that are decompressed on the loop


def plain_body(call: Call, limits: PublishLimits) -> AsyncIterator[bytes]:
    """The body's bytes. Raises BadContentType for an encoding that is not gzip; while it is read
    BadRequest for broken gzip and TooLarge."""
    encoding = call.request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *_GZIP):
        raise BadContentType("Send the body unencoded, or with “Content-Encoding: gzip”.")
    stated = call.request.content_length
    if stated is not None and stated > limits.body:
        raise _too_long(limits)
    return _bounded(_gunzipped(call, limits) if encoding in _GZIP else _raw(call), limits)


async def _raw(call: Call) -> AsyncIterator[bytes]:
    async for chunk in call.request.content.iter_any():
        yield chunk


async def _bounded(chunks: AsyncIterator[bytes], limits: PublishLimits) -> AsyncIterator[bytes]:
    total, turn = 0, TimeSlice()
    async for chunk in chunks:
        total += len(chunk)
        if total > limits.body:
            raise _too_long(limits)
        yield chunk
        await turn.pass_on()  # what comes fast is here at once, and may be much work: parts of no bytes, say


async def _gunzipped(call: Call, limits: PublishLimits) -> AsyncIterator[bytes]:
    gunzip, expansion = Gunzip(), Expansion(limits)
    try:
        async for data in _raw(call):
            expansion.packed += len(data)
            gunzip.feed(data)
            while plain := gunzip.step() if len(data) <= _INLINE else await asyncio.to_thread(gunzip.step):
                expansion.grow(len(plain))
                yield plain
        gunzip.finish()
    except Failure:
        raise BadRequest(
            "The body is not valid gzip, which its Content-Encoding names, or it is truncated."
        ) from None


def _too_long(limits: PublishLimits) -> TooLarge:
    return TooLarge(f"The body of this request may have at most {limits.body} bytes.")
