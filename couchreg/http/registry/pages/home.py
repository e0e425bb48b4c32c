"""The first page, and the files that all pages share."""

from typing import Final

from aiohttp import web

from couchreg.errors import NotFound
from couchreg.http.registry.frame.answers import text
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import YEAR
from couchreg.http.registry.pages.wanted import or_page, show
from couchreg.http.registry.reading import linked
from couchreg.registry.reading.served import url_of
from couchreg.web.rendering import STATIC, static, static_tag

_SHOWN: Final = 24  # packages


async def _page(call: Call) -> web.StreamResponse:
    await call.admit()
    found, after = await call.registry.history.newest(call.request.query.get("start"), _SHOWN)
    packages = [
        {
            "name": one.name,
            "latest": one.latest,
            "title": one.title or "",
            "published": one.published or "",
            "day": (one.published or "")[:10],
            "deprecated": one.deprecated,
            "yanked": one.yanked,
            "url": url_of(call.base, one.name),
        }
        for one in found
    ]
    query = call.request.rel_url.with_query({"start": after}).raw_query_string if after else ""
    following = f"{call.base}/?{query}" if query else ""
    return await show(
        call, "home.html", title="Data packages", asked="", packages=packages, following=following
    )


home = or_page(_page, linked.welcome)


async def file(call: Call) -> web.StreamResponse:
    """`GET /-/static/:path`: a style sheet or a picture of the pages."""
    name = call.part("path")
    if name not in STATIC:
        raise NotFound("There is no such file.")
    pinned = call.request.rel_url.raw_query_string == static_tag(name)
    kept = f"public, max-age={YEAR}, immutable" if pinned else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    return await text(call, static_tag(name), static(name), STATIC[name], headers)
