"""Answers that a child makes, sent as they come."""

import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from couchreg.analytics.asking import Asking
from couchreg.errors import CouchregError, NotFound
from couchreg.http.registry.frame.answers import OPEN, SAFE, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.model import json

log = logging.getLogger(__name__)


def asking_of(call: Call) -> Asking:
    """Raises NotFound where nothing can be asked."""
    if call.services.asking is None:
        raise NotFound("Nothing can be asked here: the operator has turned --analytics off.")
    return call.services.asking


def check_package(call: Call, package: str) -> None:
    """Raises Forbidden for a token that is not good for this package."""
    if call.grant is not None:
        call.grant.require(call.route.needs, package)


def headers_of(call: Call, kind: str, *state: Any, pinned: bool) -> dict[str, str]:
    """Those of an answer that is the same as long as `state` is."""
    tag = hashlib.sha256(json.encode([call.route.path, *state])).hexdigest()[:32]
    kept = {"ETag": f'"{tag}"', "Cache-Control": cache_control(call, pinned=pinned)}
    return {**SAFE, **OPEN, "Content-Type": kind, **kept}


def unchanged(call: Call, headers: Mapping[str, str]) -> web.StreamResponse | None:
    """What needs no child: 304 for a client that has the answer already, the headers alone for HEAD. An
    answer without a tag may differ each time."""
    if "ETag" in headers and not_modified(call.request, headers["ETag"].strip('"')):
        return web.Response(status=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
    return web.StreamResponse(headers=headers) if call.request.method == "HEAD" else None


async def stream(
    call: Call, asking: Asking, parts: AsyncIterator[bytes], headers: Mapping[str, str]
) -> web.StreamResponse:
    """The answer as fast as it is read; a short one whole, so that what fails in it has a status of its
    own."""
    told = asking.answering.told
    first, second = [await told(anext(parts, b"")) for _ in range(2)]
    if not second:
        whole = web.Response(body=first, headers=headers)
        await whole.prepare(call.request)
        await whole.write_eof()  # now: behind the block of the answer its child is ended, which takes a while
        return whole
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    try:
        for part in (first, second):
            await response.write(part)
        async for part in parts:
            await response.write(part)
        await response.write_eof()
    except ConnectionError:
        raise
    except Exception as error:
        ours = not isinstance(error, CouchregError)
        log.log(logging.ERROR if ours else logging.INFO, "an answer broke off: %s", error, exc_info=ours)
        if call.request.transport is not None:
            call.request.transport.abort()  # a short body must not look like a whole one
    return response
