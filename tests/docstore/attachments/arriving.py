"""Bytes that arrive in the tests of attachments."""

from base64 import b64decode
from collections.abc import AsyncIterator, Iterable
from typing import Any

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.upload import BodyDetails
from couchreg.docstore.base import Attachment

LINES = b"The same line, again and again.\n" * 40
LINES_GZIP = "H4sIAAAAAAAAAwvJSFUoTsxNVcjJzEvVUUhMT8zMU0jMS4Gw9LhCRuVH5UflR+WHqTwABKiOXwAFAAA="
CLIENT_GZIP = b64decode("H4sIAAAAAAACAwvJSFUoTsxNVcjJzEvVUUhMT8zMU0jMS4Gw9LhCRuVH5UflR+WHqTwABKiOXwAFAAA=")


async def chunked(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def bodies(parts: Iterable[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    for part in parts:
        yield chunked(part)


async def everything(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def received(attachments: Attachments, content_type: str, data: bytes, **details: Any) -> Attachment:
    async with attachments.upload("db") as upload:
        return await upload.receive("a", "f", content_type, chunked(data), BodyDetails(**details))


async def keys(blobs: DirectoryBlobStore) -> list[str]:
    return sorted([blob.key async for blob in blobs.keys("")])


async def never(key: str) -> bool:
    return False


async def always(key: str) -> bool:
    return True
