"""Bytes of attachments on their way out: decoded, or as base64 in the middle of a JSON text.

Everything is a stream with a bounded footprint; nothing here knows where the bytes lie.
"""

import zlib
from base64 import b64encode
from collections.abc import AsyncIterator

from couchreg.docstore.attachments import Attachments
from couchreg.docstore.base import Attachment
from couchreg.errors import Failure

CHUNK = 256 * 1024


def identity(attachments: Attachments, attachment: Attachment) -> AsyncIterator[bytes]:
    """The bytes without their encoding."""
    stored = attachments.open(attachment)
    return stored if attachment.encoding == "identity" else gunzip(stored)


async def gunzip(packed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpacked in pieces of at most `CHUNK`. Raises Failure for what is no gzip, or breaks off."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        async for chunk in packed:
            while chunk:
                if unpacker.eof:  # another member follows the first
                    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
                if plain := unpacker.decompress(chunk, CHUNK):
                    yield plain
                chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    except zlib.error:
        raise Failure("The attachment is not the gzip that it was said to be.") from None
    if not unpacker.eof:
        raise Failure("The attachment is not the gzip that it was said to be.")


async def base64(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        data = rest + chunk if rest else chunk
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        if whole:
            yield b64encode(memoryview(data)[:whole])
    if rest:
        yield b64encode(rest)
