"""Sending a file of a package and ending its publish, as both ways of publishing large files do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from yarl import URL

from couchreg.blobstore.digests import Digests, digests_of_file
from couchreg.client.errors import Unreachable, UsageError
from couchreg.client.folder import FolderFile
from couchreg.client.transport import Progress, Transport, read_json

_CHUNK = 1 << 18


class FileBody:
    """A file's bytes from `start` on; iterate once. `sent` is how many of them were taken, `fault` why the
    file cannot be sent, where it cannot: an HTTP client tells of that in words of its own."""

    def __init__(self, file: FolderFile, progress: Progress, start: int = 0) -> None:
        self._file, self._start, self._progress = file, start, progress
        self.sent = 0
        self.fault: UsageError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._file.length - self._start
        try:
            with self._file.source.open("rb") as opened:
                opened.seek(self._start)
                while left and (chunk := await asyncio.to_thread(opened.read, min(_CHUNK, left))):
                    left -= len(chunk)
                    yield chunk
                    self.sent += len(chunk)
                    self._progress(len(chunk))
                changed = bool(left or opened.read(1))
        except OSError as error:
            self.fault = UsageError(f"{self._file.source} cannot be read: {error.strerror}.")
            raise self.fault from None
        if changed:
            self.fault = UsageError(
                f"{self._file.path} changed while it was being sent: publish again when nothing writes to it."
            )
            raise self.fault


def file_digests(file: FolderFile) -> Digests:
    """Raises UsageError."""
    try:
        return digests_of_file(file.source)
    except OSError as error:
        raise UsageError(f"{file.source} cannot be read: {error.strerror}.") from None


async def concluded(
    transport: Transport, url: URL, headers: Mapping[str, str], data: bytes, attempts: int
) -> tuple[Any, int]:
    """The answer to what ends a publish, and its status. The files are there, so asking again costs little.

    Raises Unreachable when no attempt was answered, and what `read_json` raises.
    """
    failures = 0
    while True:
        try:
            sent = {"Accept": "application/json", **headers}
            async with transport.request("POST", url, headers=sent, data=data) as response:
                return await read_json(response), response.status
        except Unreachable:
            failures += 1
            if failures == attempts:
                raise
            await asyncio.sleep(2 ** (failures - 1))
