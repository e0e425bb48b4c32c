"""A file of a publish on its way to the shelf: written where it broke off, verified when it is whole."""

import asyncio
import os
from collections.abc import AsyncIterable
from pathlib import Path

from couchreg.blobstore.digests import Digests, digests_of_file
from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.errors import Conflict, DigestMismatch, TooLarge
from couchreg.registry.publishing.records import Announced
from couchreg.registry.publishing.threads import ended

BATCH = 1 << 20  # bytes given to a thread at a time
SMALL = 64 << 10  # what is written on the loop


class Beginning(Conflict):
    """A part begins elsewhere than where the file breaks off."""


class Arrival:
    """One file; `receive` may be called again where an earlier request broke off."""

    def __init__(self, part: Path, file: Announced) -> None:
        self._part = part
        self._file = file
        self._digests: Digests | None = None
        self._waiting = bytearray()
        self.length = 0

    async def receive(self, chunks: AsyncIterable[bytes], start: int) -> str | None:
        """Append from `start` on, 0 to begin anew; the MD5 (hex) of the whole file, None while it is not.

        What has come is kept whatever ends this. Raises Beginning, TooLarge, DigestMismatch, Unavailable.
        """
        descriptor = self._opened(start)
        try:
            async for chunk in chunks:
                self.length += len(chunk)
                if self.length > self._file.length:
                    self._waiting.clear()
                    self._part.unlink(missing_ok=True)
                    raise TooLarge(f"{self._file.path!r} was announced with {self._file.length} bytes.")
                self._waiting += chunk
                if len(self._waiting) >= BATCH:
                    await self._hand_over(descriptor)
        finally:
            try:
                if len(self._waiting) > SMALL:
                    await self._hand_over(descriptor)
                else:
                    self._write(descriptor)
            finally:
                os.close(descriptor)
        return await self._verified() if self.length == self._file.length else None

    def _opened(self, start: int) -> int:
        with os_errors_as_unavailable():
            here = self._part.stat().st_size if self._part.exists() else 0
            if start and start != here:
                raise Beginning(f"{here} bytes of {self._file.path!r} are here: go on at {here}, or at 0.")
            self._digests = None if start else Digests()
            self.length = start
            flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if start else os.O_TRUNC)
            return os.open(self._part, flags, 0o666)

    async def _hand_over(self, descriptor: int) -> None:
        """Write in a thread, to its end whatever happens: the descriptor is closed behind it."""
        writing = asyncio.get_running_loop().run_in_executor(None, self._write, descriptor)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await ended(writing)
            raise

    def _write(self, descriptor: int) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        with os_errors_as_unavailable():
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
        if self._digests is not None:
            self._digests.update(data)

    async def _verified(self) -> str:
        digests = self._digests
        if digests is None:
            with os_errors_as_unavailable():
                digests = await asyncio.to_thread(digests_of_file, self._part)
        if digests.sha256 != self._file.sha256:
            self._part.unlink(missing_ok=True)
            raise DigestMismatch(f"{self._file.path!r} has other bytes than were announced: send it again.")
        return digests.md5.hex()
