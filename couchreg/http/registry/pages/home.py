"""The first page, and the files that all pages share."""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from couchreg.errors import NotFound, TooManyRequests, Unavailable
from couchreg.followers.search.items import PACKAGES, RESOURCES
from couchreg.followers.search.query import Query
from couchreg.http.registry.frame.answers import SAFE, fresh, text
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import YEAR, cache_control
from couchreg.http.registry.pages.wanted import for_worker, or_page, show
from couchreg.http.registry.reading import linked
from couchreg.package.versions import LATEST
from couchreg.registry.reading.served import url_of
from couchreg.web.badges import GOOD, POOR, badge
from couchreg.web.rendering import STATIC, WORKER, static, static_tag
from couchreg.web.snippets import publishing

_SHOWN: Final = 24  # packages
_PATIENCE: Final = 0.2  # seconds for counts
_LONGEST: Final = 150  # characters of a name


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
    counts = await _counts(call) if packages else []
    return await show(
        call,
        "home.html",
        title="Data packages",
        asked="",
        packages=packages,
        following=following,
        counts=counts,
        commands=publishing(call.base, is_new=call.services.accounts.registration_open),
    )


async def _counts(call: Call) -> list[dict[str, Any]]:
    """How much there is to be found by everybody. The page does not wait for a search that is busy, or that
    is being made anew."""
    try:
        async with asyncio.timeout(_PATIENCE):
            found = [(kind, await call.look(Query(kind=kind, limit=0))) for kind in (PACKAGES, RESOURCES)]
    except (TimeoutError, Unavailable, TooManyRequests):
        return []
    search = url_of(call.base, "-", "search")
    urls = {PACKAGES: search, RESOURCES: f"{search}?in={RESOURCES}"}
    return [{"what": kind, "count": one.total, "url": urls[kind]} for kind, one in found if one.total]


async def offline(call: Call) -> web.StreamResponse:
    """`GET /-/offline`: where packages are chosen that are taken along, by a script."""
    package = call.request.query.get("package", "")[:_LONGEST]
    return await show(
        call,
        "offline.html",
        title="Take packages with you",
        asked="",
        script="offline.js",
        package=package,
        root=_root(call),
    )


async def badge_of(call: Call) -> web.StreamResponse:
    """`GET /-/badge/:name`: the latest version of a package as a picture, and whether it is deprecated."""
    name = call.part("name")
    known = await call.registry.catalog.known_versions(name)
    standing = await call.registry.catalog.standing(name)
    latest = standing.tags(known).get(LATEST)
    if latest is None:
        raise NotFound("This package has no version that is offered.")
    is_deprecated = standing.deprecated(latest) is not None
    body = badge(
        f"{name} {latest}" + (" deprecated" if is_deprecated else ""), POOR if is_deprecated else GOOD
    )
    headers = {**SAFE, "Cache-Control": cache_control(call, pinned=False)}
    return await fresh(call, body, "image/svg+xml", headers)


def _root(call: Call) -> str:
    """The path of the registry's address, without a slash at its end."""
    return urlsplit(call.base).path.rstrip("/")


home = or_page(_page, linked.welcome)


async def file(call: Call) -> web.StreamResponse:
    """`GET /-/static/:path`: a style sheet or a picture of the pages."""
    name = call.part("path")
    if name not in STATIC:
        raise NotFound("There is no such file.")
    pinned = call.request.rel_url.raw_query_string == static_tag(name)
    kept = f"public, max-age={YEAR}, immutable" if pinned else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if name == WORKER:
        headers |= {
            "Content-Security-Policy": for_worker(call.base),
            "Service-Worker-Allowed": _root(call) + "/",
        }
    return await text(call, static_tag(name), static(name), STATIC[name], headers)
