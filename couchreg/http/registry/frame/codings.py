"""Content codings: text made smaller for clients that take it, once for all of them.

What was made is kept by the tag of the plain bytes and the coding, up to a number of bytes. It is made in
threads, few at a time; whoever comes while all are busy gets the plain bytes at once.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-content-codings, https://www.rfc-editor.org/rfc/rfc8878.
"""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import brotli
import zstandard
from aiohttp import web

from couchreg.model.media_types import is_text
from couchreg.wire.accept import IDENTITY, wanted_coding

LEAST, MOST = 1 << 10, 8 << 20  # bytes of what is coded: less gains nothing, more would be too much in memory
KEPT = 64 << 20  # bytes of coded bodies
AT_ONCE = 3

Read = Callable[[], Awaitable[bytes]]
Encode = Callable[[bytes], bytes]


def _brotli(data: bytes) -> bytes:
    coded: bytes = brotli.compress(data, mode=brotli.MODE_TEXT, quality=5)
    return coded


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=8).compress(data)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


CODINGS: Final[Mapping[str, Encode]] = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}  # the smallest first


class _Key(NamedTuple):
    tag: str
    coding: str


class Codings:
    """The coded bodies of one door. For the tasks of one event loop."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._bodies: OrderedDict[_Key, bytes] = OrderedDict()
        self._size = 0
        self._making: dict[_Key, asyncio.Task[bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def wanted(self, request: web.Request, kind: str, length: int) -> str:
        """The coding to answer in. A part of something is always one of its plain bytes."""
        if not LEAST <= length <= MOST or "Range" in request.headers or not is_text(kind):
            return IDENTITY
        accepted = request.headers.getall("Accept-Encoding", None)
        return wanted_coding(", ".join(accepted), tuple(CODINGS)) if accepted else IDENTITY

    def kept(self, tag: str, coding: str) -> bytes | None:
        """A body that was made before."""
        key = _Key(tag, coding)
        found = self._bodies.get(key)
        if found is not None:
            self._bodies.move_to_end(key)
        return found

    async def body(self, tag: str, coding: str, read: Read) -> bytes | None:
        """The coded bytes of what `read` gives, which is what `tag` names; None when too many are being made.

        Raises what `read` raises.
        """
        key = _Key(tag, coding)
        found = self.kept(tag, coding)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= AT_ONCE:
                return None
            task = self._making[key] = asyncio.create_task(self._make(key, read))
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)  # others may wait for it, or come for it

    async def _make(self, key: _Key, read: Read) -> bytes:
        plain = await read()
        return await asyncio.to_thread(CODINGS[key.coding], plain)

    def _made(self, key: _Key, task: "asyncio.Task[bytes]") -> None:
        del self._making[key]
        if task.cancelled() or task.exception() is not None:
            return
        body = task.result()
        if len(body) > self._most // 4:
            return
        self._bodies[key] = body
        self._size += len(body)
        while self._size > self._most:
            _, oldest = self._bodies.popitem(last=False)
            self._size -= len(oldest)


def tag_in(tag: str, coding: str) -> str:
    """The entity tag of a coded body: other bytes, so another tag."""
    return tag if coding == IDENTITY else f"{tag}-{coding}"
