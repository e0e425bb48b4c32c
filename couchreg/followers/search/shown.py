"""What a hit is made of, as an index keeps it: two values of JSON, compressed together.

The first is what every hit shows, the second what says why tags were found: most searches have none, and to
read it takes longer than the first.
"""

import zlib
from typing import Any, Final, NamedTuple

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


def pack(value: Any, by_tag: Any) -> bytes:
    return zlib.compress(json.encode(value) + _BETWEEN + json.encode(by_tag), _LEVEL)


def unpack(packed: bytes) -> Shown:
    """What `pack` was given."""
    value, _, by_tag = zlib.decompress(packed).partition(_BETWEEN)
    return Shown(json.decode_own(value), by_tag)
