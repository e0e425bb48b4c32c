"""S3's HTTP API over `objects.py`: what clients of objects need of it, and nothing of rights.

Nobody is asked who he is: signatures are not looked at, whatever they say. Conditions (`If-Match`,
`If-None-Match`), Content-MD5 and SHA-256 of bodies, and the ETags of parts are heeded. What is not here
(versions, policies, rules, bodies in signed chunks) is 501.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from email.utils import formatdate
from itertools import chain
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from tests.bucket_server import parts
from tests.bucket_server.listing import list_objects, list_uploads
from tests.bucket_server.objects import Bucket, Buckets, Draft, Kept, chunks_of
from tests.bucket_server.sent import check_conditions, existing, headers_of, range_of, receive
from tests.bucket_server.words import Refused, copied, element, named, xml

_OUR_QUERY: Final = {
    "list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type",
    "fetch-owner", "uploads", "uploadId", "partNumber", "max-parts", "part-number-marker", "max-uploads",
    "key-marker", "upload-id-marker", "delete", "location", "x-id",
}  # fmt: skip

Answer = web.StreamResponse
Handler = Callable[[web.Request, Bucket, str], Awaitable[Answer]]


class Door:
    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._of_object: Mapping[tuple[str, bool], Handler] = {  # method, of an upload in parts
            ("GET", False): self._read,
            ("HEAD", False): self._read,
            ("PUT", False): self._put,
            ("DELETE", False): self._delete,
            ("POST", False): parts.begin,
            ("GET", True): parts.listed,
            ("PUT", True): self._put_part,
            ("POST", True): parts.complete,
            ("DELETE", True): parts.abort,
        }

    async def handle(self, request: web.Request) -> Answer:
        try:
            return await self._answer(request)
        except Refused as why:
            return why.answer(is_bare=request.method == "HEAD")

    async def _answer(self, request: web.Request) -> Answer:
        name, _, key = unquote(request.rel_url.raw_path[1:]).partition("/")
        for word in request.query:
            if word not in _OUR_QUERY and not word.lower().startswith(("x-amz-", "response-")):
                raise Refused(501, "NotImplemented", word)
        bucket = self._buckets.there.get(name)
        if not key:
            return await self._of_bucket(request, name, bucket)
        if bucket is None:
            raise Refused(404, "NoSuchBucket", name)
        found = self._of_object.get((request.method, "uploadId" in request.query))
        if found is None:
            raise Refused(405, "MethodNotAllowed", request.method)
        return await found(request, bucket, key)

    # -- buckets
    async def _of_bucket(self, request: web.Request, name: str, bucket: Bucket | None) -> Answer:
        method, query = request.method, request.query
        if not name:
            raise Refused(501, "NotImplemented", "list buckets")
        if method == "PUT":
            self._buckets.make(name)
            return web.Response(headers={"Location": f"/{name}"})
        if bucket is None:
            raise Refused(404, "NoSuchBucket", name)
        if method == "DELETE":
            if bucket.kept:
                raise Refused(409, "BucketNotEmpty", name)
            self._buckets.remove(name)
            return web.Response(status=204)
        if method == "HEAD":
            return web.Response()
        if method == "POST" and "delete" in query:
            return await self._delete_several(request, bucket)
        if method == "GET" and "uploads" in query:
            return xml(list_uploads(name, bucket, query))
        if method == "GET" and "location" in query:
            return xml(element("LocationConstraint"))
        if method == "GET" and query.get("list-type") == "2":
            return xml(list_objects(name, bucket, query))
        raise Refused(501, "NotImplemented", f"{method} of a bucket")

    async def _delete_several(self, request: web.Request, bucket: Bucket) -> Answer:
        text = await request.read()
        keys = [one.get("Key", "") for one in named(text, "Object")]
        is_quiet = b"<Quiet>true</Quiet>" in text
        for key in keys:
            bucket.delete(key)
        told = [] if is_quiet else [element("Deleted", element("Key", key)) for key in keys]
        return xml(element("DeleteResult", *told))

    # -- objects
    async def _read(self, request: web.Request, bucket: Bucket, key: str) -> Answer:
        said = existing(bucket, key)
        check_conditions(request.headers, said, status=304 if "If-None-Match" in request.headers else 412)
        headers = {
            **said.headers,
            **{n.removeprefix("response-"): v for n, v in request.query.items() if n.startswith("response-")},
            "ETag": f'"{said.etag}"',
            "Last-Modified": formatdate(said.modified, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        start, end = range_of(request.headers.get("Range", ""), said.size)
        status = 206 if request.headers.get("Range", "").startswith("bytes=") else 200
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{said.size}"
        if request.method == "HEAD":
            return web.Response(status=status, headers={**headers, "Content-Length": str(end - start)})
        chunks = chunks_of(bucket.path(key), start, end)
        first = next(chunks, b"")  # the file is open from here on, whatever becomes of its name
        if len(first) == end - start:
            return web.Response(status=status, headers=headers, body=first)
        answer = web.StreamResponse(status=status, headers=headers)
        return await _stream(request, answer, chain((first,), chunks), end - start)

    async def _put(self, request: web.Request, bucket: Bucket, key: str) -> Answer:
        draft = bucket.draft()
        try:
            source = await self._filled(request, draft)
            is_copied = source is not None and request.headers.get("x-amz-metadata-directive") != "REPLACE"
            headers = source.headers if source is not None and is_copied else headers_of(request.headers)
            check_conditions(request.headers, bucket.kept.get(key))
            said = bucket.put(key, draft, draft.md5.hexdigest(), headers)
        finally:
            draft.drop()
        return web.Response(headers={"ETag": f'"{said.etag}"'}) if source is None else copied("Object", said)

    async def _put_part(self, request: web.Request, bucket: Bucket, key: str) -> Answer:
        draft = bucket.draft()
        try:
            source = await self._filled(request, draft)
            said = parts.put(request, bucket, key, draft)
        finally:
            draft.drop()
        return web.Response(headers={"ETag": f'"{said.etag}"'}) if source is None else copied("Part", said)

    async def _delete(self, request: web.Request, bucket: Bucket, key: str) -> Answer:
        if "If-Match" in request.headers:
            check_conditions(request.headers, existing(bucket, key))
        bucket.delete(key)
        return web.Response(status=204)

    async def _filled(self, request: web.Request, draft: Draft) -> Kept | None:
        """With what was sent, or with the object that is to be copied, which is returned."""
        named_one = request.headers.get("x-amz-copy-source")
        if named_one is None:
            await receive(request, draft)
            return None
        name, _, key = unquote(named_one).lstrip("/").partition("/")
        bucket = self._buckets.there.get(name)
        if bucket is None:
            raise Refused(404, "NoSuchBucket", name)
        said = existing(bucket, key)
        front = "x-amz-copy-source-"
        asked = {n.lower().removeprefix(front): value for n, value in request.headers.items()}
        conditions = {n: asked[n] for n in ("if-match", "if-none-match") if front + n in request.headers}
        check_conditions(conditions, said)
        start, end = range_of(request.headers.get(f"{front}range", ""), said.size)
        for data in chunks_of(bucket.path(key), start, end):
            draft.write(data)
        return said


async def _stream(
    request: web.Request, answer: web.StreamResponse, chunks: Iterator[bytes], length: int
) -> Answer:
    answer.content_length = length
    await answer.prepare(request)
    for data in chunks:
        await answer.write(data)
    return answer
