"""What search engines of the web ask a host for: which pages there are.

Source: https://www.sitemaps.org/protocol.html, https://www.rfc-editor.org/rfc/rfc9309.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from aiohttp import web

from couchreg.http.registry.frame.answers import OPEN, SAFE, once, streamed
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.xml import HEAD, element
from couchreg.registry.reading.served import url_of

XML: Final = "application/xml"
_NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_HEADERS: Final = {"Content-Type": f"{XML}; charset=utf-8", "Cache-Control": "no-cache", "Vary": "Host"}


async def sitemap(call: Call) -> web.StreamResponse:
    """`GET /sitemap.xml`: the addresses of all versions; where there are more than a sitemap may have, a list
    of sitemaps, each of which is this with `?from=`."""
    pages = call.registry.pages
    start = call.request.query.get("from")
    if start is None:
        starts = await pages.starts()
        if len(starts) > 1:
            return await streamed(call, once(_index(call, starts).encode()), _HEADERS)
        start = ""
    return await streamed(call, _addresses(call, start), _HEADERS)


def _index(call: Call, starts: list[str]) -> str:
    pages = (f"{call.base}/sitemap.xml?from={quote(start, safe='')}" for start in starts)
    return HEAD + element(
        "sitemapindex", [element("sitemap", [element("loc", page)]) for page in pages], xmlns=_NAMESPACE
    )


async def _addresses(call: Call, start: str) -> AsyncIterator[bytes]:
    base = call.base
    yield f'{HEAD}<urlset xmlns="{_NAMESPACE}">\n'.encode()
    async for some in call.registry.pages.page(start):
        urls = (element("url", [element("loc", url_of(base, *pair))]) for pair in some)
        yield "".join(f"{url}\n" for url in urls).encode()
    yield b"</urlset>\n"


async def robots(call: Call) -> web.StreamResponse:
    """`GET /robots.txt`: where the sitemap is, and what is no page."""
    lines = ["User-agent: *", "Disallow: /_couch/", "Disallow: /-/", f"Sitemap: {call.base}/sitemap.xml", ""]
    return web.Response(text="\n".join(lines), headers={**SAFE, **OPEN, "Vary": "Host"})
