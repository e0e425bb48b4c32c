"""Reading an object or a part of it: goes on where a connection broke off, and verifies what is whole.

The SHA-256 of a whole object is compared with the one it was put with before the last chunk is given
away, so nobody takes wrong bytes for a complete file; small objects are verified before the first.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from couchreg.blobstore.base import Damaged
from couchreg.blobstore.s3.calls import BeyondEnd, S3Calls, pause
from couchreg.blobstore.s3.upload import SHA256
from couchreg.errors import NotFound, Unavailable

log = logging.getLogger(__name__)

CHUNK = 256 << 10
SMALL = 1 << 20  # whole objects up to here are verified before anything of them is given away
DAMAGED = "The bytes in the blob store are damaged."
TIMEOUT = 10.0  # seconds a reader waits for one of the connections


class BrokenRead(Exception):
    """The connection ended too early."""


class Objects:
    """Reads objects over at most `most` connections, whatever their readers' speed."""

    def __init__(self, calls: S3Calls, most: int) -> None:
        self._calls = calls
        self._free = asyncio.Semaphore(most)

    async def read(self, key: str, start: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """As `BlobStore.open`. Raises NotFound, Unavailable."""
        if length == 0:
            await self._calls("head_object", Key=self._calls.options.key(key))
            return
        async with self._connection():
            body = _Body(self._calls, key, start, length)
            for attempt in range(1, self._calls.options.attempts + 1):
                try:
                    await body.begin()
                    break
                except BrokenRead:
                    if attempt == self._calls.options.attempts:
                        raise Damaged(DAMAGED) from None
                    await pause(attempt)
            async with aclosing(body.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("Too many files are being read.", retry_after=5) from None
        try:
            yield
        finally:
            self._free.release()


class _Body:
    """The bytes of one read, over as many requests as it takes."""

    def __init__(self, calls: S3Calls, key: str, start: int, length: int | None) -> None:
        self._calls = calls
        self._key = key
        self._at = start
        self._wanted = length
        self._etag = ""
        self._sha256 = ""  # what the whole has to have; empty when only a part is read
        self._hash = hashlib.sha256()
        self._end = 0
        self._small: list[bytes] | None = None
        self._stream: Any = None

    async def begin(self) -> None:
        """Ask for the first time; a small whole object is read and verified. Raises Broken."""
        try:
            answer = await self._ask()
        except BeyondEnd:
            self._small = []
            return
        total = _total(answer)
        self._end = total if self._wanted is None else min(total, self._at + self._wanted)
        if self._at == 0 and self._end == total:
            self._sha256 = answer.get("Metadata", {}).get(SHA256, "")
        self._etag = answer.get("ETag", "")
        if self._sha256 and total <= SMALL:
            self._small = await self._collected()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        if self._small is not None:
            for chunk in self._small:
                yield chunk
            return
        held = b""
        failures = 0
        try:
            while self._at < self._end:
                try:
                    chunk = await self._next()
                except BrokenRead as error:
                    failures += 1
                    await self._resume(failures, error)
                    continue
                failures = 0
                if held:
                    yield held
                held = chunk
            self._verify()
        except BrokenRead:
            raise Damaged(DAMAGED) from None
        finally:
            self._close()
        if held:
            yield held

    async def _collected(self) -> list[bytes]:
        found = []
        try:
            while self._at < self._end:
                found.append(await self._next())
            self._verify()
        except BrokenRead:
            self._at, self._hash = 0, hashlib.sha256()
            raise
        finally:
            self._close()
        return found

    def _verify(self) -> None:
        if self._sha256 and self._hash.hexdigest() != self._sha256:
            log.error("the object %s has other bytes than were put", self._key)
            raise BrokenRead

    async def _resume(self, failures: int, error: BrokenRead) -> None:
        self._close()
        self._calls.breaker.failed()
        if failures >= self._calls.options.attempts:
            raise Unavailable("The blob store does not answer.", retry_after=10) from error
        await pause(failures)
        try:
            await self._ask()
        except NotFound:
            raise Unavailable("The blob is being removed.") from error

    async def _ask(self) -> Mapping[str, Any]:
        given: dict[str, Any] = {"IfMatch": self._etag} if self._etag else {}
        end = self._at + self._wanted if self._wanted is not None and not self._end else self._end
        if self._at or end:
            given["Range"] = f"bytes={self._at}-{end - 1 if end else ''}"
        answer: Mapping[str, Any] = await self._calls(
            "get_object", Key=self._calls.options.key(self._key), **given
        )
        self._stream = answer["Body"]
        return answer

    async def _next(self) -> bytes:
        """At least a byte. Raises Broken."""
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError

        try:
            async with asyncio.timeout(self._calls.options.timeout):
                data: bytes = await self._stream.read(min(CHUNK, self._end - self._at))
        except (ClientError, BotoCoreError, OSError, TimeoutError) as error:
            raise BrokenRead(str(error)) from error
        if not data:
            raise BrokenRead("the object ended too early")
        self._at += len(data)
        if self._sha256:
            self._hash.update(data)
        return data

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _total(answer: Mapping[str, Any]) -> int:
    """Bytes of the object: behind the slash of `bytes 5-9/10`, else those of the whole answer."""
    _, slash, total = str(answer.get("ContentRange", "")).rpartition("/")
    return int(total) if slash and total.isdecimal() else int(answer["ContentLength"])
