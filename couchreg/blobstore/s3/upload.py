"""Putting a spooled file as an object: in one request, or in parts side by side, always verified.

The MD5 of every request body is sent with it, and compared with the ETag that comes back where ETags
are MD5s, so bytes that change on the way are sent again. An upload in parts that does not come to its
end is aborted; one that a crash cut off is removed by `s3_gc`. Memory: a part for each one on its way.
"""

import asyncio
import hashlib
import logging
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.s3.calls import S3Calls, pause
from couchreg.blobstore.s3.headers import FOREVER, object_type
from couchreg.blobstore.s3.probe import Abilities
from couchreg.errors import CouchregError, NotFound, Unavailable
from couchreg.model.media_types import disposition

log = logging.getLogger(__name__)

MOST_PARTS = 10_000
READ_ON_LOOP = 64 << 10
SHA256 = "sha256"  # the member of an object's metadata
_MD5 = re.compile(r"[0-9a-f]{32}")
_MD5_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+")


Read = Callable[[int, int], Awaitable[bytes]]  # start, length
Part = tuple[str, bytes]  # ETag and MD5
Send = Callable[[Mapping[str, Any], int, int, int], Awaitable[Part]]  # place, number, start, length


class Differs(CouchregError):
    """What the store says it has is not what was sent."""


class Uploader:
    """Puts objects where none is; whether one is, is for the caller to know beforehand."""

    def __init__(self, calls: S3Calls) -> None:
        self._calls = calls
        self._parts = asyncio.Semaphore(calls.options.parts_at_once)
        # One, because each thread that allocates parts keeps memory of its own for those to come.
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="parts")

    def close(self) -> None:
        self._reading.shutdown()

    async def upload(
        self, key: str, spooled: Spooled, content_type: str, found: Abilities, read: Read | None = None
    ) -> None:
        """With `read`, of bytes that lie elsewhere than in the spooled file.

        Raises Taken where the store has an object and says so, Unavailable."""
        if spooled.data is not None:
            read = partial(_read_held, spooled.data)
        read = read or partial(self._read, spooled.path)
        one = self._whole if spooled.length <= self._calls.options.part else self._in_parts
        for attempt in range(1, self._calls.options.attempts + 1):
            try:
                await one(key, spooled, content_type, found, read)
                return
            except Differs as error:
                log.warning("the bytes of %s changed on their way to S3", key)
                await self._remove(key)
                if attempt == self._calls.options.attempts:
                    raise Unavailable("The blob store did not keep the bytes that it was sent.") from error
                await pause(attempt)

    async def _remove(self, key: str) -> None:
        """What was not kept as it was sent. It would stand in the way of the right bytes for ever, so a store
        that refuses this is asked again, though it has answered."""
        for attempt in range(1, self._calls.options.attempts + 1):
            try:
                await self._calls("delete_object", Key=self._calls.options.key(key))
                return
            except CouchregError:
                if attempt == self._calls.options.attempts:
                    raise
                await pause(attempt)

    def settings(self, key: str, spooled: Spooled, content_type: str) -> dict[str, Any]:
        """What an object is put with, whichever way."""
        kind, options = object_type(content_type), self._calls.options
        found: dict[str, Any] = {
            "Key": options.key(key),
            "ContentType": kind,
            "CacheControl": FOREVER,
            "ContentDisposition": disposition(key, kind),
            "Metadata": {SHA256: spooled.sha256},
        }
        more = {
            "ServerSideEncryption": options.encryption,
            "SSEKMSKeyId": options.kms_key,
            "StorageClass": options.storage_class,
        }
        return found | {name: value for name, value in more.items() if value}

    # -- one request
    async def _whole(
        self, key: str, spooled: Spooled, content_type: str, found: Abilities, read: Read
    ) -> None:
        async with self._parts:
            data = await read(0, spooled.length)
            answer = await self._calls(
                "put_object",
                body=data,
                ContentMD5=b64encode(spooled.md5).decode(),
                ChecksumSHA256=b64encode(bytes.fromhex(spooled.sha256)).decode(),
                **condition(found.conditional_put),
                **self.settings(key, spooled, content_type),
            )
        if found.md5_etags and not same_md5(answer, spooled.md5.hex()):
            raise Differs

    # -- in parts
    async def _in_parts(
        self, key: str, spooled: Spooled, content_type: str, found: Abilities, read: Read
    ) -> None:
        async def send(place: Mapping[str, Any], number: int, start: int, length: int) -> Part:
            return await self._part(place, number, await read(start, length), found)

        size = part_size(spooled.length, self._calls.options.part)
        answer, parts = await self.joined(key, spooled, content_type, found, size, send)
        if found.md5_etags and not _same_parts(answer, parts):
            raise Differs

    async def joined(
        self, key: str, spooled: Spooled, content_type: str, found: Abilities, size: int, send: Send
    ) -> tuple[Mapping[str, Any], list[Part]]:
        """An object of parts that `send` brings, each of `size` bytes but the last. Raises Taken."""
        name = self._calls.options.key(key)
        upload = await self._calls("create_multipart_upload", **self.settings(key, spooled, content_type))
        place = {"Key": name, "UploadId": upload["UploadId"]}
        try:
            parts = await self._all_parts(place, spooled.length, size, send)
            heeded = condition(found.conditional_complete)
            return await self._completed(place, parts, heeded, spooled), parts
        except BaseException:
            await asyncio.shield(self._abort(place))
            raise

    async def _all_parts(self, place: Mapping[str, Any], length: int, size: int, send: Send) -> list[Part]:
        """The parts in order; a few workers take one after the other."""
        count = -(-length // size)
        done: list[Part] = [("", b"")] * count
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                async with self._parts:
                    start = number * size
                    done[number] = await send(place, number + 1, start, min(size, length - start))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(count, self._calls.options.parts_at_once)):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return done

    async def _part(
        self, place: Mapping[str, Any], number: int, data: bytes, found: Abilities
    ) -> tuple[str, bytes]:
        md5 = (await asyncio.to_thread(hashlib.md5, data, usedforsecurity=False)).digest()
        for attempt in range(1, self._calls.options.attempts + 1):
            answer = await self._calls(
                "upload_part", body=data, PartNumber=number, ContentMD5=b64encode(md5).decode(), **place
            )
            if not found.md5_etags or same_md5(answer, md5.hex()):
                return answer["ETag"], md5
            await pause(attempt)
        raise Unavailable("The blob store did not keep the bytes that it was sent.")

    async def _read(self, path: Path, start: int, length: int) -> bytes:
        """A part of a spooled file."""
        if length <= READ_ON_LOOP:
            return _read_now(path, start, length)
        reading = asyncio.get_running_loop().run_in_executor
        return await reading(self._reading, _read_now, path, start, length)

    async def _completed(
        self,
        place: Mapping[str, Any],
        parts: list[tuple[str, bytes]],
        condition: Mapping[str, Any],
        spooled: Spooled,
    ) -> Mapping[str, Any]:
        """An upload that is unknown when it is completed again was completed by the attempt before."""
        named = [{"PartNumber": number, "ETag": etag} for number, (etag, _) in enumerate(parts, 1)]
        try:
            answer: Mapping[str, Any] = await self._calls(
                "complete_multipart_upload", MultipartUpload={"Parts": named}, **place, **condition
            )
        except NotFound:
            answer = await self._calls("head_object", Key=place["Key"])
            if answer.get("Metadata", {}).get(SHA256) != spooled.sha256:
                raise Unavailable("The blob store has lost an upload.") from None
        return answer

    async def _abort(self, place: Mapping[str, Any]) -> None:
        """The parts of an upload that fails are removed, if S3 lets us; else by `datastore gc`."""
        try:
            await self._calls("abort_multipart_upload", **place)
        except NotFound:
            pass
        except CouchregError as error:
            log.warning("an unfinished upload of %s stays in S3 for now: %s", place["Key"], error)


def part_size(length: int, least: int) -> int:
    """Bytes of each part but the last: as few as possible, in whole MiB, for at most 10,000 parts."""
    needed = -(-length // MOST_PARTS)
    return max(least, -(-needed // (1 << 20)) << 20)


def same_md5(answer: Mapping[str, Any], md5: str) -> bool:
    """False only where the ETag is an MD5, and another one. Those of encrypted objects are none."""
    etag = str(answer.get("ETag", "")).strip('"')
    keyed = str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
    return keyed or not _MD5.fullmatch(etag) or etag == md5


def _same_parts(answer: Mapping[str, Any], parts: list[tuple[str, bytes]]) -> bool:
    etag = str(answer.get("ETag", "")).strip('"')
    joined = b"".join(md5 for _, md5 in parts)
    wanted = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
    keyed = str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
    return keyed or not _MD5_OF_PARTS.fullmatch(etag) or etag == wanted


def condition(heeded: bool) -> dict[str, Any]:
    return {"IfNoneMatch": "*"} if heeded else {}


def _read_now(path: Path, start: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        data = file.read(length)
    if len(data) != length:
        raise Unavailable("A spooled file has become shorter.")
    return data


async def _read_held(data: bytes, start: int, length: int) -> bytes:
    return data[start : start + length]
