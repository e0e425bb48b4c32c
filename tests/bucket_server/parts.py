"""Uploads in parts: begun, sent, listed, made an object of, or given up."""

import hashlib
from typing import Final

from aiohttp import web

from tests.bucket_server.listing import list_parts
from tests.bucket_server.objects import Begun, Bucket, Draft, Kept, chunks_of
from tests.bucket_server.sent import check_conditions, headers_of
from tests.bucket_server.words import Refused, element, named, xml

MOST: Final = 10_000


def _upload(request: web.Request, bucket: Bucket, key: str) -> tuple[str, Begun]:
    upload = request.query["uploadId"]
    begun = bucket.begun(upload)
    if begun is None or begun.key != key:
        raise Refused(404, "NoSuchUpload", upload)
    return upload, begun


def _place(request: web.Request, key: str) -> list[str]:
    return [element("Bucket", request.path.split("/")[1]), element("Key", key)]


async def begin(request: web.Request, bucket: Bucket, key: str) -> web.Response:
    if "uploads" not in request.query:
        raise Refused(501, "NotImplemented", "POST of an object")
    upload = bucket.begin(key, headers_of(request.headers))
    return xml(element("InitiateMultipartUploadResult", *_place(request, key), element("UploadId", upload)))


def put(request: web.Request, bucket: Bucket, key: str, draft: Draft) -> Kept:
    """When its bytes have come."""
    upload, _ = _upload(request, bucket, key)
    number = request.query.get("partNumber", "")
    if not number.isdecimal() or not 0 < int(number) <= MOST:
        raise Refused(400, "InvalidArgument", "partNumber")
    return bucket.put_part(upload, int(number), draft, draft.md5.hexdigest())


async def listed(request: web.Request, bucket: Bucket, key: str) -> web.Response:
    upload, _ = _upload(request, bucket, key)
    return xml(list_parts(request.path.split("/")[1], bucket, key, upload, request.query))


async def complete(request: web.Request, bucket: Bucket, key: str) -> web.Response:
    text = await request.read()
    upload, begun = _upload(request, bucket, key)
    wanted = [(int(one["PartNumber"]), one["ETag"].strip('"')) for one in named(text, "Part")]
    there = bucket.parts(upload)
    if not wanted or any(number not in there or there[number].etag != etag for number, etag in wanted):
        raise Refused(400, "InvalidPart", key)
    if [number for number, _ in wanted] != sorted({number for number, _ in wanted}):
        raise Refused(400, "InvalidPartOrder", key)
    check_conditions(request.headers, bucket.kept.get(key))
    draft = bucket.draft()
    try:
        for number, _ in wanted:
            for data in chunks_of(bucket.part_path(upload, number), 0, there[number].size):
                draft.write(data)
        said = bucket.put(key, draft, _etag_of([etag for _, etag in wanted]), begun.headers)
    finally:
        draft.drop()
    bucket.end(upload)
    etag = element("ETag", f'"{said.etag}"')
    return xml(element("CompleteMultipartUploadResult", *_place(request, key), etag))


async def abort(request: web.Request, bucket: Bucket, key: str) -> web.Response:
    upload, _ = _upload(request, bucket, key)
    bucket.end(upload)
    return web.Response(status=204)


def _etag_of(parts: list[str]) -> str:
    joined = b"".join(map(bytes.fromhex, parts))
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
