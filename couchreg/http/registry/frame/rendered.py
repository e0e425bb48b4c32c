"""Texts that were made of documents, kept for whoever asks for the same next. Bounded in memory."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

KEPT = 16 << 20  # bytes of texts

Key = tuple[str | None, ...]  # all that a text depends on, the revision of its document included


class Rendering(NamedTuple):
    """A text, its entity tag, and the headers that go with it."""

    tag: str
    body: bytes
    headers: Mapping[str, str]


class Renderings:
    """Those used last."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._found: OrderedDict[Key, Rendering] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def get(self, key: Key) -> Rendering | None:
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
        return found

    def keep(self, key: Key, rendering: Rendering) -> None:
        if key in self._found or _size(key, rendering) > self._most // 4:
            return
        self._found[key] = rendering
        self._size += _size(key, rendering)
        while self._size > self._most:
            self._size -= _size(*self._found.popitem(last=False))


def _size(key: Key, rendering: Rendering) -> int:
    """Bytes, about: what goes with a text counts as well."""
    around = [*(part or "" for part in key), *rendering.headers.values()]
    return len(rendering.body) + sum(map(len, around)) + 1000
