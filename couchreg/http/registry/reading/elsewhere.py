"""Resources that are no files here: data that stands in the descriptor, and data elsewhere on the web."""

import asyncio
import hashlib

from aiohttp import web

from couchreg.errors import NotFound
from couchreg.http.registry.frame.answers import OPEN, SAFE, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.model.media_types import disposition
from couchreg.package.descriptor import Resource
from couchreg.registry.reading.tables import inline_text


async def inline(call: Call, found: Resource) -> web.StreamResponse:
    """The `data` of a resource: CSV where its format says so, its own text, else JSON."""
    kind, data = await asyncio.to_thread(inline_text, found)
    tag = hashlib.sha256(data).hexdigest()
    headers = {**SAFE, **OPEN, "ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    if not_modified(call.request, tag):
        return web.Response(status=304, headers=headers)
    kind = kind if "charset" in kind or not kind.startswith("text/") else f"{kind}; charset=utf-8"
    headers |= {"Content-Type": kind, "Content-Disposition": disposition(found.name, kind)}
    return web.Response(body=data, headers=headers)


def redirect(found: Resource) -> web.StreamResponse:
    """To where the data lies; it is never fetched here. Raises NotFound for data in several places."""
    if len(found.urls) != 1:
        listed = ", ".join(found.urls[:10])
        raise NotFound(
            f"The resource {found.name!r} is stored elsewhere in {len(found.urls)} parts: {listed}."
        )
    return web.Response(status=302, headers={**SAFE, **OPEN, "Location": found.urls[0]})
