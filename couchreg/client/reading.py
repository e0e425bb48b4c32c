"""Reading published packages without writing them anywhere: which version, which bytes.

A version that is named exactly never changes, so its descriptor is asked for once; `latest`, other tags and
ranges are asked for again after a moment.
"""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from yarl import URL

from couchreg.client.address import Address, FileEntry, file_entries, find_entry
from couchreg.client.errors import Missing, UsageError
from couchreg.client.suggesting import absent_package, absent_version
from couchreg.client.transport import Transport
from couchreg.package.names import is_version
from couchreg.package.versions import LATEST

_KEPT = 64  # descriptors
_FRESH = 5  # seconds that a tag or a range is believed to lead to the same version
_CHUNK = 1 << 18

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """Bytes that can be read in ranges; `length` is None where the registry does not say."""

    url: URL
    entry: FileEntry
    length: int | None
    descriptor: Descriptor


class Reader:
    """Descriptors and bytes of one registry."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._kept: OrderedDict[tuple[str, str], tuple[float, Descriptor]] = OrderedDict()

    async def descriptor(self, name: str, wanted: str | None) -> Descriptor:
        """The descriptor of a version, a tag's or a range's, as the registry serves it. Raises Missing."""
        key = (name, wanted or LATEST)
        moment, found = self._kept.get(key, (0.0, None))
        if found is not None and (found.get("version") == wanted or time.monotonic() - moment < _FRESH):
            self._kept.move_to_end(key)
            return found
        found = await self._fetch(*key)
        self._kept[key] = (time.monotonic(), found)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self, name: str) -> None:
        """Ask anew for what is kept of a package: it has been changed by this very client."""
        for key in [key for key in self._kept if key[0] == name]:
            del self._kept[key]

    async def _fetch(self, name: str, wanted: str) -> Descriptor:
        """A word may be a version, a tag or a range (`1.x`): the registry is asked in this order."""
        exact = self._transport.address(name, wanted)
        ranged = self._transport.address(name, query={"range": wanted})
        urls = [exact] if wanted == LATEST else [exact, ranged] if is_version(wanted) else [ranged]
        for url in urls:
            try:
                return await self._descriptor_at(url)
            except Missing:
                continue
            except UsageError:  # 400: the word is no range, so it was a version or tag
                if url is not ranged or len(urls) == 1:
                    raise
        if wanted == LATEST:
            raise Missing(await absent_package(self._transport, name))
        raise Missing(await absent_version(self._transport, name, wanted))

    async def _descriptor_at(self, url: URL) -> Descriptor:
        found: Descriptor = await self._transport.json(url)
        self._transport.stated(found, "couchreg", dict)
        return found

    async def open(self, address: Address) -> OpenedFile:
        """A file or resource of one exact version, and its length. Raises Missing."""
        descriptor = await self.descriptor(address.name, address.wanted)
        entry = find_entry(descriptor, address.path)
        url = self._transport.address(address.name, str(descriptor.get("version")), *entry.path.split("/"))
        files = file_entries(descriptor)  # what a publisher says of data elsewhere is nobody's word
        known = (entry.length, entry.sha256) in {(file.length, file.sha256) for file in files}
        length = entry.length if known else await self._length(url)
        return OpenedFile(url, entry, length, descriptor)

    async def _length(self, url: URL) -> int | None:
        """Of what is no single file; None where the answer has no length."""
        async with self._transport.request("HEAD", url, headers={"Accept-Encoding": "identity"}) as response:
            stated = response.headers.get("Content-Length", "")
            return int(stated) if stated.isdecimal() else None

    async def chunks(
        self, opened: OpenedFile, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (None: the end)."""
        if end is not None and end <= start:
            return
        ranged = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end else {}
        headers = {"Accept-Encoding": "identity", **ranged}
        async with self._transport.request("GET", opened.url, headers=headers) as response:
            skip = start if response.status == 200 else 0  # a server that does not serve ranges
            left = None if end is None else end - start
            async for chunk in response.content.iter_chunked(_CHUNK):
                piece, skip = chunk[skip:], max(0, skip - len(chunk))
                piece = piece if left is None else piece[:left]
                if piece:
                    yield piece
                left = None if left is None else left - len(piece)
                if left == 0:
                    return

    async def read(self, opened: OpenedFile, start: int = 0, end: int | None = None) -> bytes:
        """The same in one piece."""
        return b"".join([chunk async for chunk in self.chunks(opened, start, end)])
