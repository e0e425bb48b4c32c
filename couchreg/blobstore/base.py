"""The port to where bytes lie: a key names immutable bytes.

Keys are relative slash-separated paths (`gdp/2026/data/gdp.csv`, `_blobs/ab/ab12…`); a key is
never overwritten with other content. A directory is the first store; S3 is the second.
Nothing here knows what an attachment, a document or a package is.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from couchreg.errors import Unavailable


class Spooled(NamedTuple):
    """Bytes that have arrived and lie in a temporary file of ours, hashed on the way.

    With `kept` they lie in the blob store under that key already, and need not be in a file. A few bytes may
    be in memory (`data`): then there is no file until `on_disk` is asked for one.
    """

    path: Path
    length: int
    md5: bytes
    sha256: str  # hex
    kept: str | None = None
    data: bytes | None = None

    def on_disk(self) -> Path:
        """The file; it is written when it is not there, and is there as a whole. Blocking."""
        if self.data is not None and not self.path.exists():
            written = self.path.with_name(secrets.token_hex(12))
            try:
                written.write_bytes(self.data)
                with suppress(FileExistsError):  # somebody else was faster
                    self.path.hardlink_to(written)
            finally:
                written.unlink(missing_ok=True)
        return self.path

    def content(self) -> bytes:
        """All bytes. Blocking."""
        return self.path.read_bytes() if self.data is None else self.data


class BlobInfo(NamedTuple):
    key: str
    length: int
    modified: float  # Unix time


class SentPart(NamedTuple):
    """A part that the store has of an object which somebody else sends in parts."""

    length: int
    etag: str


class Damaged(Unavailable):
    """The store answers, but with other bytes than were put."""


class BlobStore(Protocol):
    """Immutable bytes by key. Every method may raise Unavailable when the store does not answer."""

    is_local: bool  # whether what is stored is files, which a link holds on to

    async def put(
        self, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """Store durably (on return it survives a power cut). True if stored, or there with the same
        bytes; False if the key holds other bytes, which stay. The spooled file is left to its owner."""

    async def adopt(
        self, source: str, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """As `put`, of bytes that lie under the key `source` already, where they stay; `spooled.path` is
        not read. Raises NotFound without a source, DigestMismatch when it has other bytes than said."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start`, in chunks of at most 256 KiB. Raises NotFound before the first chunk.
        Close it (`contextlib.aclosing`) when leaving before the end."""

    async def info(self, key: str) -> BlobInfo | None: ...

    def local_path(self, key: str) -> Path | None:
        """A file that holds the bytes, where there is one (for sendfile and validation), else None."""

    async def delete(self, key: str, *, durably: bool = False) -> None:
        """Absent keys are no error. With `durably` no power cut brings the key back after the return."""

    def keys(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """Everything below a prefix, in no particular order."""

    async def close(self) -> None: ...
