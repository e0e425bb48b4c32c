"""The blob store in a bucket of S3, or of anything that speaks its API: one object for each key.

Objects are readable without couchreg: right type, name and caching, SHA-256 in their metadata. A key
is never overwritten: S3 itself refuses (`If-None-Match: *`), and where a server ignores that, puts
of a key wait for each other here and look first; then one process has to be the only writer.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

from couchreg.blobstore.base import BlobInfo, Spooled
from couchreg.blobstore.digests import digests_of
from couchreg.blobstore.keys import is_valid
from couchreg.blobstore.s3.adopt import Adopter
from couchreg.blobstore.s3.calls import S3Calls, Taken, connect
from couchreg.blobstore.s3.headers import object_type
from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.probe import FOLDER as PROBES
from couchreg.blobstore.s3.probe import Abilities, probe
from couchreg.blobstore.s3.reading import Objects
from couchreg.blobstore.s3.upload import SHA256, Uploader, same_md5
from couchreg.errors import NotFound
from couchreg.turns import Locks

log = logging.getLogger(__name__)

RESERVED = 8  # connections that readers leave to everything else
PAGE = 1000  # objects that are listed at a time, the most that S3 gives
ATTEMPTS = 5  # of a put whose key comes and goes


class S3BlobStore:
    """Implements `BlobStore`. Use `await S3BlobStore.connect(options)`."""

    is_local = False

    def __init__(self, calls: S3Calls) -> None:
        self.options = calls.options
        self.calls = calls
        self.abilities: Abilities | None = None  # once they have been tried out
        self._uploader = Uploader(calls)
        self._objects = Objects(calls, max(1, calls.options.connections - RESERVED))
        self._adopter = Adopter(calls, self._uploader, self._objects, self._hashed)
        self._locks = Locks()
        self._probing = asyncio.Lock()

    @classmethod
    async def connect(cls, options: S3Options) -> Self:
        """Raises Refused for what cannot work at all; nothing is asked of the bucket yet."""
        return cls(await connect(options))

    async def probe(self) -> Abilities:
        """What the store can do, tried out at the first time. Raises Refused, Unavailable."""
        async with self._probing:
            if self.abilities is None:
                self.abilities = await probe(self.calls)
                log.info("%s has %s", self.options.address, self.abilities)
            return self.abilities

    async def put(
        self, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """See `BlobStore.put`."""
        if not is_valid(key):
            return False
        if spooled.kept is not None:
            return await self.adopt(spooled.kept, key, spooled, content_type=content_type)
        found = await self.probe()
        # A small one is put unseen where S3 refuses to overwrite.
        look = not found.conditional_put or spooled.length > self.options.part
        async with self._locks.hold(key):
            for _ in range(ATTEMPTS):
                there = await self.head(key) if look else None
                if there is not None:
                    return await self._holds(key, there, spooled)
                try:
                    await self._uploader.upload(key, spooled, content_type, found)
                    return True
                except Taken:
                    look = True
        return False

    async def adopt(
        self, source: str, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """See `BlobStore.adopt`. S3 copies by itself, or where it does not, the bytes go through us."""
        if not is_valid(source):
            raise NotFound
        if not is_valid(key):
            return False
        found = await self.probe()
        async with self._locks.hold(key):
            for _ in range(ATTEMPTS):
                there = await self.head(key)
                if there is not None:
                    return await self._holds(key, there, spooled)
                try:
                    await self._adopter.adopt(source, key, spooled, content_type, found)
                    return True
                except Taken:
                    continue
        return False

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `BlobStore.open`. A whole object is verified against the SHA-256 it was put with."""
        if not is_valid(key):
            raise NotFound
        async with aclosing(self._objects.read(key, start, length)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def info(self, key: str) -> BlobInfo | None:
        head = await self.head(key) if is_valid(key) else None
        return BlobInfo(key, head["ContentLength"], head["LastModified"].timestamp()) if head else None

    def local_path(self, key: str) -> Path | None:
        return None

    async def delete(self, key: str, *, durably: bool = False) -> None:
        if not is_valid(key):
            return
        async with self._locks.hold(key):
            # Servers that keep objects as files may fail where the key is a folder.
            if await self.head(key) is not None:
                await self.calls("delete_object", Key=self.options.key(key))

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See `BlobStore.keys`. Objects whose names are no keys are somebody else's and left out."""
        if not prefix.isprintable():
            return
        async for item in self.objects(prefix):
            key = str(item["Key"])[len(self.options.key("")) :]
            if is_valid(key) and not key.startswith(f"{PROBES}/"):
                yield BlobInfo(key, item["Size"], item["LastModified"].timestamp())

    async def objects(self, prefix: str) -> AsyncIterator[Mapping[str, Any]]:
        """What S3 lists below a prefix of keys."""
        more: dict[str, Any] = {}
        while True:
            page = await self.calls("list_objects_v2", Prefix=self.options.key(prefix), MaxKeys=PAGE, **more)
            for item in page.get("Contents", ()):
                yield item
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def head(self, key: str) -> Mapping[str, Any] | None:
        """What S3 says of an object, None when there is none."""
        try:
            found: Mapping[str, Any] = await self.calls("head_object", Key=self.options.key(key))
        except NotFound:
            return None
        return found

    async def address(self, key: str, seconds: int | None) -> str:
        """A URL of the object: a public one, or one that is signed and good for some seconds."""
        return await self.calls.address("get_object", seconds, Key=self.options.key(key))

    async def upload_address(
        self, key: str, length: int, md5: bytes, content_type: str, seconds: int
    ) -> tuple[str, dict[str, str]]:
        """A signed URL to PUT an object at, and the headers it needs. S3 refuses other bytes."""
        kind, digest = object_type(content_type), b64encode(md5).decode()
        url = await self.calls.address(
            "put_object",
            seconds,
            Key=self.options.key(key),
            ContentType=kind,
            ContentMD5=digest,
            ContentLength=length,
        )
        return url, {"Content-Type": kind, "Content-MD5": digest}

    async def close(self) -> None:
        self._uploader.close()
        await self.calls.close()

    # -- is it there, and is it the same
    async def _holds(self, key: str, head: Mapping[str, Any], spooled: Spooled) -> bool:
        """Whether an object has just these bytes."""
        if head["ContentLength"] != spooled.length:
            return False
        stated = head.get("Metadata", {}).get(SHA256)
        if stated is not None:
            return bool(stated == spooled.sha256) and same_md5(head, spooled.md5.hex())
        return await self._hashed(key) == spooled.sha256

    async def _hashed(self, key: str) -> str | None:
        """The SHA-256 of an object that was not put by us."""
        try:
            return (await digests_of(self, key)).sha256
        except NotFound:
            return None
