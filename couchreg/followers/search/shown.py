"""What a hit is made of, as an index keeps it: two values of JSON, compressed together.

The first is what every hit shows, the second what says why tags were found: most searches have none, and to
read it takes longer than the first.
"""

import threading
from typing import Any, Final, NamedTuple

import zstandard

from couchreg.followers.base import RebuildNeeded
from couchreg.model import json

_LEVEL: Final = 1
_BETWEEN: Final = b"\n"  # compact JSON has none


class Shown(NamedTuple):
    """`value` has title, description, columns, types, keywords, publishers, deprecated and date."""

    value: Any
    by_tag_text: bytes

    @property
    def by_tag(self) -> Any:
        """`facets`, `pairs` of a path and a value, and `about`, IRIs."""
        return json.decode_own(self.by_tag_text)


class _OwnOfThread(threading.local):
    """What Zstandard works with belongs to one thread."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_own: Final = _OwnOfThread()


def pack(value: Any, by_tag: Any) -> bytes:
    return _own.compressor.compress(json.encode(value) + _BETWEEN + json.encode(by_tag))


def unpack(packed: bytes) -> Shown:
    """What `pack` was given. Raises RebuildNeeded."""
    try:
        value, _, by_tag = _own.decompressor.decompress(packed).partition(_BETWEEN)
    except (zstandard.ZstdError, MemoryError) as error:  # the frame says how long it is
        raise RebuildNeeded(f"the search index is damaged: what a hit shows: {error}") from error
    return Shown(json.decode_own(value), by_tag)
