"""Length, MD5 and SHA-256 of bytes that come in pieces: what is known of every blob."""

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

from couchreg.blobstore.base import BlobStore, Spooled

_CHUNK = 1 << 20  # bytes read from a file at a time


class Digests:
    """Takes pieces in their order; asks nothing of the event loop and may be fed in a thread."""

    def __init__(self) -> None:
        self.length = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        self.length += len(piece)
        self._md5.update(piece)
        self._sha256.update(piece)

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()

    def spooled(self, path: Path, kept: str | None = None) -> Spooled:
        """These bytes as a file at `path`, or as the blob `kept`."""
        return Spooled(path, self.length, self.md5, self.sha256, kept)


async def digests_of(store: BlobStore, key: str) -> Digests:
    """Those of a blob, read now. Raises NotFound, Unavailable."""
    digests = Digests()
    async with aclosing(store.open(key)) as chunks:
        async for chunk in chunks:
            await asyncio.to_thread(digests.update, chunk)
    return digests


def digests_of_file(path: Path) -> Digests:
    """Those of a file; it blocks until the file is read. Raises OSError."""
    digests = Digests()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digests.update(chunk)
    return digests
