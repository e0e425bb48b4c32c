"""Objects that somebody else sends to the bucket in parts, by addresses that are signed for one part each.

The bucket itself knows which parts have come, so whoever sends them has to remember nothing. What is
unfinished is removed by `end`, by `datastore gc`, and by the bucket's own rule.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from couchreg.blobstore.base import SentPart
from couchreg.blobstore.s3.calls import S3Calls
from couchreg.blobstore.s3.headers import object_type
from couchreg.errors import NotFound


class SentInParts:
    """The uploads in parts of others, in one bucket. All raise Unavailable when it does not answer."""

    def __init__(self, calls: S3Calls) -> None:
        self._calls = calls

    async def begin(self, key: str, content_type: str) -> str:
        """The id of a new upload."""
        options = self._calls.options
        more: dict[str, Any] = {
            "ServerSideEncryption": options.encryption,
            "SSEKMSKeyId": options.kms_key,
            "StorageClass": options.storage_class,
        }
        begun = await self._calls(
            "create_multipart_upload",
            Key=options.key(key),
            ContentType=object_type(content_type),
            **{name: value for name, value in more.items() if value},
        )
        return str(begun["UploadId"])

    async def address(self, key: str, upload: str, number: int, length: int, seconds: int) -> str:
        """A URL to PUT one part at, of just so many bytes; numbers begin at 1."""
        return await self._calls.address(
            "upload_part",
            seconds,
            Key=self._calls.options.key(key),
            UploadId=upload,
            PartNumber=number,
            ContentLength=length,
        )

    async def there(self, key: str, upload: str) -> Mapping[int, SentPart] | None:
        """The parts that have come, by number; None where there is no such upload (any more)."""
        found: dict[int, SentPart] = {}
        more: dict[str, Any] = {}
        while True:
            try:
                page = await self._calls("list_parts", **self._place(key, upload), **more)
            except NotFound:
                return None
            for part in page.get("Parts", ()):
                found[part["PartNumber"]] = SentPart(part["Size"], part["ETag"])
            if not page.get("IsTruncated"):
                return found
            more = {"PartNumberMarker": page["NextPartNumberMarker"]}

    async def complete(self, key: str, upload: str, parts: Mapping[int, SentPart]) -> None:
        """Make one object of them. Raises NotFound where there is no such upload (any more)."""
        named = [{"PartNumber": number, "ETag": parts[number].etag} for number in sorted(parts)]
        await self._calls(
            "complete_multipart_upload", MultipartUpload={"Parts": named}, **self._place(key, upload)
        )

    async def end(self, key: str, upload: str) -> None:
        """Remove what has come of an upload that nobody finishes."""
        with suppress(NotFound):
            await self._calls("abort_multipart_upload", **self._place(key, upload))

    async def folder(self, key: str) -> str:
        """The address that those of all objects below `key` begin with."""
        return await self._calls.address("get_object", None, Key=self._calls.options.key(key))

    def _place(self, key: str, upload: str) -> dict[str, Any]:
        return {"Key": self._calls.options.key(key), "UploadId": upload}
