"""What clients send: bodies, headers that are kept, conditions, ranges."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from tests.bucket_server.objects import Bucket, Draft, Kept
from tests.bucket_server.words import Refused

_KEPT: Final = (
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cache-control",
    "expires",
    "x-amz-storage-class",
)
_METADATA: Final = "x-amz-meta-"
_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def headers_of(given: Mapping[str, str]) -> dict[str, str]:
    """Those that are given out with the object."""
    found = {name.lower(): value for name, value in given.items()}
    kept = {name: value for name, value in found.items() if name in _KEPT or name.startswith(_METADATA)}
    return {"content-type": "binary/octet-stream", **kept}


def existing(bucket: Bucket, key: str) -> Kept:
    found = bucket.kept.get(key)
    if found is None:
        raise Refused(404, "NoSuchKey", key)
    return found


def check_conditions(given: Mapping[str, str], said: Kept | None, status: int = 412) -> None:
    """Of the object that there is, or is not; `status` answers an `If-None-Match` that does not hold."""
    asked = {name.lower(): value for name, value in given.items() if name.lower().startswith("if-")}
    wanted, unwanted = asked.get("if-match"), asked.get("if-none-match")
    if wanted is not None:
        if said is None:
            raise Refused(404, "NoSuchKey", "If-Match")
        if not _names(wanted, said):
            raise Refused(412, "PreconditionFailed", "If-Match")
    if unwanted is not None and said is not None and _names(unwanted, said):
        raise Refused(status, "PreconditionFailed", "If-None-Match")


def _names(tags: str, said: Kept) -> bool:
    return any(tag.strip().strip('"') in ("*", said.etag) for tag in tags.split(","))


def range_of(text: str, size: int) -> tuple[int, int]:
    """Where it begins and ends; all of it where there is none, or one that is not understood."""
    found = _RANGE.fullmatch(text)
    if found is None or found[0] == "bytes=-":
        return 0, size
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if start >= size or start >= end:
        raise Refused(416, "InvalidRange", text)
    return start, end


async def receive(request: web.Request, draft: Draft) -> None:
    """The whole body, with the digests that were announced."""
    digest = request.headers.get("x-amz-content-sha256", "")
    if digest.startswith("STREAMING-"):
        raise Refused(501, "NotImplemented", digest)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer's own bytes are counted
    async for data in request.content.iter_any():
        draft.write(data)
    if request.content_length is None or draft.size != request.content_length:
        raise Refused(400, "IncompleteBody", "Content-Length")
    md5, sha256 = (b64encode(one.digest()).decode() for one in (draft.md5, draft.sha256))
    if request.headers.get("Content-MD5", md5) != md5:
        raise Refused(400, "BadDigest", "Content-MD5")
    if request.headers.get("x-amz-checksum-sha256", sha256) != sha256:
        raise Refused(400, "BadDigest", "x-amz-checksum-sha256")
    if _HEX.fullmatch(digest) and digest != draft.sha256.hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "x-amz-content-sha256")
