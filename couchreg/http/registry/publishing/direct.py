"""Direct uploads: where to put the files, their finalization, and the place to put them where there is
no bucket, open to pages of any origin as a bucket's are: who has an address may use it."""

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.errors import BadRequest, DigestMismatch, Forbidden, TooLarge
from couchreg.http.registry.frame.answers import OPEN, answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object, text_of
from couchreg.http.registry.publishing.publish import ended_or_going_on, waiting_time
from couchreg.registry.publishing.direct import UploadAddress, staged_key
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.publish import Published
from couchreg.registry.publishing.records import Record

MOST = 8 << 20  # bytes of JSON that announce files: 20,000 of them with long paths
PREFLIGHT = {
    "Access-Control-Allow-Methods": "PUT",
    "Access-Control-Allow-Headers": "Content-MD5, Content-Type",
    "Access-Control-Max-Age": "3600",
}


async def authorize(call: Call) -> web.StreamResponse:
    """`POST /datastore/authorize`: an address for each file of a package."""
    asked = await json_object(call, MOST)
    metadata = asked.get("metadata")
    if not isinstance(metadata, dict):
        raise BadRequest("“metadata” must be an object: {name, version}.")
    name, version = text_of(metadata, "name"), text_of(metadata, "version")
    _allow(call, name)
    addresses = call.services.uploads or _Ours(call.base, call.services.upload_secret)
    found = await call.registry.direct.authorize(name, version, asked.get("filedata"), call.user, addresses)
    return answer(found)


async def finalize(call: Call) -> web.StreamResponse:
    """`POST /datastore/finalize`: publish what was uploaded; 202 when its check goes on."""
    upload = text_of(await json_object(call), "upload")
    allow, seconds = partial(_allow, call), waiting_time(call)

    async def publish(intake: Intake, held: AsyncExitStack, name: str, version: str) -> Published | Record:
        return await call.registry.runs.publish(intake, held, name, version, call.sender, seconds=seconds)

    with call.while_there():
        found = await call.registry.direct.finalize(upload, call.user, allow, publish)
    return await ended_or_going_on(call, found)


def _allow(call: Call, name: str) -> None:
    """Raises Forbidden for a token that is not for this package."""
    if call.grant is not None:
        call.grant.require(Scope.PUBLISH, name)


async def receive(call: Call) -> web.StreamResponse:
    """`PUT /-/uploads/:id/:number`: one file, for who has its signed address."""
    query = call.request.query
    key = f"{call.part('id')}/{call.part('number')}"
    length, md5, ends = (query.get(name, "") for name in ("length", "md5", "ends"))
    given = query.get("signature", "").encode("utf-8", "replace")
    secret = call.services.upload_secret
    if not hmac.compare_digest(_signature(secret, key, length, md5, ends).encode(), given):
        raise Forbidden("The address was not given out by this server.")
    if int(ends) < time.time():
        raise Forbidden("The address has expired: ask for a new one.")
    upload, number = key.split("/")
    await call.registry.direct.check_waited_for(upload)
    attachments = call.registry.attachments
    async with attachments.spool.received(_limited(call, int(length))) as spooled:
        if spooled.length != int(length) or spooled.md5.hex() != md5:
            raise DigestMismatch
        if not await attachments.blobs.put(staged_key(upload, int(number)), spooled):
            raise DigestMismatch
    return answer({"ok": True}, 201)


async def preflight(call: Call) -> web.StreamResponse:
    """`OPTIONS /-/uploads/:id/:number`: a browser asks whether a page may upload there."""
    return web.Response(status=204, headers={**OPEN, **PREFLIGHT})


class _Ours:
    """Addresses at this server; implements `Addresses`."""

    def __init__(self, base: str, secret: bytes) -> None:
        self._base = base
        self._secret = secret

    async def upload_address(
        self, key: str, length: int, md5: bytes, content_type: str, seconds: int
    ) -> UploadAddress:
        short, ends = key.partition("/")[2], str(int(time.time()) + seconds)
        signature = _signature(self._secret, short, str(length), md5.hex(), ends)
        query = f"length={length}&md5={md5.hex()}&ends={ends}&signature={signature}"
        headers = {"Content-MD5": b64encode(md5).decode(), "Content-Type": content_type}
        return UploadAddress(f"{self._base}/-/uploads/{short}?{query}", headers)


def _signature(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


async def _limited(call: Call, length: int) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in call.request.content.iter_any():
        total += len(chunk)
        if total > length:
            raise TooLarge(f"This file was announced with {length} bytes.")
        yield chunk
