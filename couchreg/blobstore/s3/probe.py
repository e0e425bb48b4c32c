"""What a store that speaks S3 really does, tried out once: many ignore conditions without a word.

One small object is put, put again on the condition that it is absent, in one request and in parts, and
removed. What a server ignores is then done here, for which one process has to be the only writer.
"""

import hashlib
import secrets
from base64 import b64encode
from typing import Any, NamedTuple

from couchreg.blobstore.s3.calls import S3Calls, Taken

FOLDER = "_probe"


class Abilities(NamedTuple):
    """What was found."""

    conditional_put: bool  # If-None-Match: * of a put
    conditional_complete: bool  # the same of the end of a multipart upload
    md5_etags: bool  # an object's ETag is the MD5 of its bytes

    def __str__(self) -> str:
        said = (
            (self.conditional_put, "conditional writes"),
            (self.conditional_complete, "conditional multipart uploads"),
            (self.md5_etags, "MD5 as ETag"),
        )
        return ", ".join(f"{'' if there else 'no '}{what}" for there, what in said)


async def probe(calls: S3Calls) -> Abilities:
    """Raises Refused, Unavailable."""
    key = calls.options.key(f"{FOLDER}/{secrets.token_hex(8)}")
    try:
        first = await _put(calls, key, b"probe")
        md5 = hashlib.md5(b"probe", usedforsecurity=False).hexdigest()
        return Abilities(
            conditional_put=not await _put(calls, key, b"probe 2", absent=True),
            conditional_complete=not await _complete(calls, key),
            md5_etags=first.strip('"') == md5,
        )
    finally:
        await calls("delete_object", Key=key)


async def _put(calls: S3Calls, key: str, body: bytes, *, absent: bool = False) -> str:
    """The ETag; nothing when the condition was heeded, and so the object not put."""
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if absent else {}
    try:
        answer = await calls("put_object", Key=key, body=body, ContentMD5=_md5(body), **condition)
    except Taken:
        return ""
    return str(answer.get("ETag", "unnamed"))


async def _complete(calls: S3Calls, key: str) -> bool:
    """Whether a multipart upload replaces the object despite the condition."""
    upload = (await calls("create_multipart_upload", Key=key))["UploadId"]
    try:
        part = await calls("upload_part", Key=key, UploadId=upload, PartNumber=1, body=b"probe 3")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        await calls(
            "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
        )
    except Taken:
        await calls("abort_multipart_upload", Key=key, UploadId=upload)
        return False
    except BaseException:
        await calls("abort_multipart_upload", Key=key, UploadId=upload)
        raise
    return True


def _md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
