"""Resources that are no files here: data that stands in the descriptor, and data elsewhere on the web."""

import asyncio
import hashlib
from collections.abc import Mapping

from aiohttp import web

from couchreg.errors import NotFound
from couchreg.http.registry.frame.answers import OPEN, SAFE, not_modified, once, streamed, text
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.codings import CODINGS, MOST, tag_in
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.model import json
from couchreg.model.media_types import disposition
from couchreg.package.descriptor import Resource
from couchreg.registry.reading import tables
from couchreg.registry.reading.catalog import Version


async def inline(
    call: Call, version: Version, found: Resource, more: Mapping[str, str]
) -> web.StreamResponse:
    """The `data` of a resource: CSV where its format says so, its own text, else JSON.

    Its tag is the version's, so that nothing has to be made of the data to know it; nor is it for HEAD, which
    is told no length.
    """
    state = json.encode([version.name, version.version, version.rev, found.name])
    tag = hashlib.sha256(state).hexdigest()[:32]
    pinned = call.request.match_info.get("version") == version.version
    headers = {**more, "ETag": f'"{tag}"', "Cache-Control": cache_control(call, pinned=pinned)}
    for one in (tag, *(tag_in(tag, coding) for coding in CODINGS)):
        if not_modified(call.request, one):
            return web.Response(status=304, headers={**SAFE, **OPEN, **headers, "ETag": f'"{one}"'})
    made = await asyncio.to_thread(tables.inline, found)
    kind = made.kind
    kind = kind if "charset" in kind or not kind.startswith("text/") else f"{kind}; charset=utf-8"
    headers |= {"Content-Type": kind, "Content-Disposition": disposition(found.name, kind)}
    if call.request.method == "HEAD":
        return web.StreamResponse(headers={**SAFE, **OPEN, **headers, "Vary": "Accept-Encoding"})
    data = await asyncio.to_thread(made.text)
    if len(data) <= MOST:
        return await text(call, tag, bytes(data), kind, headers | {"Vary": "Accept-Encoding"})
    return await streamed(call, once(data), headers, len(data))


def redirect(found: Resource) -> web.StreamResponse:
    """To where the data lies; it is never fetched here. Raises NotFound for data in several places."""
    if len(found.urls) != 1:
        listed = ", ".join(found.urls[:10])
        raise NotFound(
            f"The resource {found.name!r} is stored elsewhere in {len(found.urls)} parts: {listed}."
        )
    return web.Response(status=302, headers={**SAFE, **OPEN, "Location": found.urls[0]})
