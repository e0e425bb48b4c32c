"""What a bucket may hold besides whole blobs: uploads in parts that never ended, and probes."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from couchreg.blobstore.s3.calls import S3Calls
from couchreg.blobstore.s3.probe import FOLDER as PROBES
from couchreg.errors import NotFound


async def collect(calls: S3Calls, grace: float) -> int:
    """Remove what is older than `grace` seconds; how much it was."""
    limit = time.time() - grace
    removed = 0
    async for upload in _uploads(calls):
        if upload["Initiated"].timestamp() <= limit:
            removed += await _aborted(calls, upload)
    page = await calls("list_objects_v2", Prefix=calls.options.key(f"{PROBES}/"))
    for probe in page.get("Contents", ()):  # a page is more than there ever are
        if probe["LastModified"].timestamp() <= limit:
            await calls("delete_object", Key=probe["Key"])
            removed += 1
    return removed


async def _uploads(calls: S3Calls) -> AsyncIterator[Mapping[str, Any]]:
    more: dict[str, Any] = {}
    while True:
        page = await calls("list_multipart_uploads", Prefix=calls.options.key(""), **more)
        for upload in page.get("Uploads", ()):
            yield upload
        if not page.get("IsTruncated"):
            return
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


async def _aborted(calls: S3Calls, upload: Mapping[str, Any]) -> bool:
    try:
        await calls("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
    except NotFound:
        return False
    return True
