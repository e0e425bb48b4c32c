"""Which attachments are kept gzipped, and gzip itself in bounded steps.

CouchDB compresses types that gain by it, and takes digest and length from the gzip bytes, so what
comes out here must be its bytes exactly: zlib at the configured level with a plain gzip header.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from couchreg.errors import Failure
from couchreg.model.media_types import essence

GZIP = 31  # zlib's window bits: the largest window, in a gzip wrapper
STEP = 256 << 10  # bytes of output at a time, however well the input was compressed
DEFAULT_TYPES = "text/*, application/javascript, application/json, application/xml"
DEFAULT_LEVEL = 8


@dataclass(frozen=True, slots=True)
class Compression:
    """CouchDB's `[attachments]` settings: patterns such as `text/*`, and zlib's level, 0 for never.

    https://docs.couchdb.org/en/stable/config/misc.html#attachments
    """

    types: tuple[str, ...]
    level: int

    @classmethod
    def of(cls, section: Mapping[str, str]) -> "Compression":
        """From the texts of a configuration section, CouchDB's defaults for what is not set."""
        level = section.get("compression_level", str(DEFAULT_LEVEL))
        return _parsed(section.get("compressible_types", DEFAULT_TYPES), level)

    def applies_to(self, content_type: str) -> bool:
        return self.level > 0 and _matches(self.types, content_type)


@lru_cache(16)
def _parsed(types: str, level: str) -> Compression:
    patterns = tuple(pattern.strip().lower() for pattern in types.split(",") if pattern.strip())
    number = int(level) if level.strip().isdecimal() and len(level) < 16 else DEFAULT_LEVEL
    return Compression(patterns, min(number, 9))


@lru_cache(1024)
def _matches(patterns: tuple[str, ...], content_type: str) -> bool:
    plain = essence(content_type)
    return any(fnmatchcase(plain, pattern.replace("[", "[[]")) for pattern in patterns)


class Gzip:
    """A transform for the spool that remembers what came in: `length`, and the `md5` if asked to."""

    def __init__(self, level: int, *, digest: bool) -> None:
        self._gzip = zlib.compressobj(level, zlib.DEFLATED, GZIP)
        self._md5 = hashlib.md5(usedforsecurity=False) if digest else None
        self.length = 0

    @property
    def md5(self) -> bytes | None:
        return self._md5.digest() if self._md5 else None

    def feed(self, data: bytes) -> bytes:
        self.length += len(data)
        if self._md5:
            self._md5.update(data)
        return self._gzip.compress(data)

    def finish(self) -> bytes:
        return self._gzip.flush()


class Gunzip:
    """Undoes gzip, one or several members of it, never more than STEP bytes at once."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Give the next stored bytes; then call `step` until it returns nothing."""
        self._rest += data

    def step(self) -> bytes:
        """The next plain bytes; nothing when more input is needed. Raises Failure."""
        while True:
            if self._member.eof:
                if not self._rest:
                    return b""
                self._member = zlib.decompressobj(GZIP)
            try:
                plain = self._member.decompress(self._rest, STEP)
            except zlib.error as error:
                raise Failure("An attachment that was sent as gzip is not gzip") from error
            self._rest = self._member.unused_data or self._member.unconsumed_tail
            if plain or not (self._member.eof and self._rest):
                return plain

    def finish(self) -> None:
        """Raises Failure when the last member is not complete."""
        if not self._member.eof:
            raise Failure("An attachment that was sent as gzip is truncated")
