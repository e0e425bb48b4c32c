"""Giving an object's bytes another key: S3 copies them itself where it can, so that they do not travel.

Copied in parts, because only the end of a multipart upload heeds a condition. That the copy has the bytes
that were hashed is proved by MD5 ETags; where there are none, the copy is read and hashed. Where S3 does
not copy, and for small objects, the bytes are read and put. Memory: that of `s3_upload`.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

import hashlib
import io
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

from couchreg.blobstore.base import Damaged, Spooled
from couchreg.blobstore.s3.calls import S3Calls, StoreRefused, Taken
from couchreg.blobstore.s3.probe import Abilities
from couchreg.blobstore.s3.reading import Objects
from couchreg.blobstore.s3.upload import Part, Uploader
from couchreg.errors import DigestMismatch, NotFound

log = logging.getLogger(__name__)

COPIED_AT_ONCE = 256 << 20  # bytes of a part: S3 takes 5 GiB, but has to answer in time


class Uncopied(Exception):
    """The server says that it copied, and did not."""


class Adopter:
    """Copies objects of one bucket to keys that are free."""

    def __init__(
        self,
        calls: S3Calls,
        uploader: Uploader,
        objects: Objects,
        hashed: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._calls = calls
        self._uploader = uploader
        self._objects = objects
        self._hashed = hashed
        self._copies = True  # until a server turns out not to

    async def adopt(
        self, source: str, key: str, spooled: Spooled, content_type: str, found: Abilities
    ) -> None:
        """Raises NotFound, DigestMismatch, Taken where the store heeds conditions, Unavailable."""
        head = await self._calls("head_object", Key=self._calls.options.key(source))
        if head["ContentLength"] != spooled.length:
            raise DigestMismatch
        if self._copies and spooled.length > self._calls.options.part:
            try:
                await self._copy(source, head, key, spooled, content_type, found)
                return
            except (Uncopied, StoreRefused) as error:
                log.info("S3 does not copy parts of objects, so they are read and put: %s", error)
                self._copies = False
        await self._carry(source, key, spooled, content_type, found)

    async def _copy(
        self,
        source: str,
        head: Mapping[str, Any],
        key: str,
        spooled: Spooled,
        content_type: str,
        found: Abilities,
    ) -> None:
        bucket, name = self._calls.options.bucket, self._calls.options.key(source)

        async def send(place: Mapping[str, Any], number: int, start: int, length: int) -> Part:
            answer = await self._calls(
                "upload_part_copy",
                PartNumber=number,
                CopySource={"Bucket": bucket, "Key": name},
                CopySourceRange=f"bytes={start}-{start + length - 1}",
                CopySourceIfMatch=head["ETag"],
                **place,
            )
            etag = answer.get("CopyPartResult", {}).get("ETag")
            if not etag:
                raise Uncopied("no ETag of a part")
            return etag, b""

        try:
            _, parts = await self._uploader.joined(key, spooled, content_type, found, COPIED_AT_ONCE, send)
        except Taken:
            await self._unchanged(name, head)
            raise
        await self._proved(key, spooled, head, parts, found)

    async def _unchanged(self, name: str, head: Mapping[str, Any]) -> None:
        """A failed condition is the target's or the source's. Raises DigestMismatch."""
        if (await self._calls("head_object", Key=name))["ETag"] != head["ETag"]:
            raise DigestMismatch

    async def _proved(
        self, key: str, spooled: Spooled, head: Mapping[str, Any], parts: list[Part], found: Abilities
    ) -> None:
        """Raises Uncopied, DigestMismatch; the copy is removed then."""
        copy = await self._calls("head_object", Key=self._calls.options.key(key))
        md5 = f'"{spooled.md5.hex()}"'
        if copy["ContentLength"] != spooled.length:
            await self._calls("delete_object", Key=self._calls.options.key(key))
            raise Uncopied(f"{copy['ContentLength']} bytes of {spooled.length}")
        if found.md5_etags and md5 in ([etag for etag, _ in parts] if len(parts) == 1 else [head["ETag"]]):
            return
        await self._read_back(key, spooled)

    async def _carry(
        self, source: str, key: str, spooled: Spooled, content_type: str, found: Abilities
    ) -> None:
        """Read the object and put it, in parts where it is large."""

        async def read(start: int, length: int) -> bytes:
            async with aclosing(self._objects.read(source, start, length)) as chunks:
                buffer = io.BytesIO()  # joining a list of chunks would need the memory of two parts
                async for chunk in chunks:
                    buffer.write(chunk)
            data = buffer.getvalue()
            whole = length == spooled.length
            if len(data) != length or (whole and hashlib.sha256(data).hexdigest() != spooled.sha256):
                raise DigestMismatch
            return data

        await self._uploader.upload(key, spooled, content_type, found, read)
        if spooled.length > self._calls.options.part:
            await self._read_back(key, spooled)

    async def _read_back(self, key: str, spooled: Spooled) -> None:
        """Raises DigestMismatch when the copy has not the bytes that were hashed."""
        try:
            same = await self._hashed(key) == spooled.sha256
        except Damaged:
            same = False
        if not same:
            with suppress(NotFound):
                await self._calls("delete_object", Key=self._calls.options.key(key))
            raise DigestMismatch
