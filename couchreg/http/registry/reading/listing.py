"""Under `/-/`: packages, versions, dist-tags, deprecations, yanks and dependencies."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest
from couchreg.http.registry.frame.answers import answer, cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object, text_of
from couchreg.http.registry.reading.packages import number
from couchreg.registry.reading.history import Summary
from couchreg.registry.reading.served import url_of

PAGE, MOST = 50, 1000  # packages of a listing: unless asked otherwise, and at most


async def packages(call: Call) -> web.StreamResponse:
    """`GET /-/packages`: the newest first, or with `?order=name` by name."""
    query = call.request.query
    limit = number(call, "limit", PAGE, MOST)
    order = query.get("order", "newest")
    if order not in ("newest", "name"):
        raise BadRequest("“order” must be newest or name.")
    if order == "name":
        found, after = await call.registry.history.by_name(query.get("start", ""), limit)
    else:
        found, after = await call.registry.history.newest(query.get("start"), limit)
    return cacheable(call, {"packages": [_row(call, item) for item in found], "next": _more(call, after)})


def _row(call: Call, item: Summary) -> dict[str, Any]:
    return {**asdict(item), "versions": list(item.versions), "url": url_of(call.base, item.name)}


def _more(call: Call, after: str | None) -> str | None:
    if after is None:
        return None
    asked = {key: call.request.query[key] for key in ("order", "limit") if key in call.request.query}
    url = call.request.rel_url.with_query({**asked, "start": after})
    return url_of(call.base, "-", "packages") + "?" + url.raw_query_string


async def versions(call: Call) -> web.StreamResponse:
    """`GET /-/versions/:name`: the highest first."""
    name = call.part("name")
    latest, found = await call.registry.history.versions(name)
    rows = [
        {**asdict(item), "tags": list(item.tags), "url": url_of(call.base, name, item.version)}
        for item in found
    ]
    return cacheable(call, {"name": name, "latest": latest, "versions": rows})


async def tags(call: Call) -> web.StreamResponse:
    """`GET /-/dist-tags/:name`: tag -> version."""
    return cacheable(call, await call.registry.tags.of(call.part("name")))


async def set_tag(call: Call) -> web.StreamResponse:
    """`PUT /-/dist-tags/:name/:tag`: the body is `{"version": …}`."""
    version = text_of(await json_object(call), "version")
    return answer(await call.registry.tags.set(call.part("name"), call.part("tag"), version, call.user))


async def remove_tag(call: Call) -> web.StreamResponse:
    """`DELETE /-/dist-tags/:name/:tag`."""
    return answer(await call.registry.tags.remove(call.part("name"), call.part("tag"), call.user))


async def deprecations(call: Call) -> web.StreamResponse:
    """`GET /-/deprecated/:name`: version -> message."""
    return cacheable(call, await call.registry.deprecations.of(call.part("name")))


async def deprecate(call: Call) -> web.StreamResponse:
    """`PUT /-/deprecated/:name/:version?`: the body is `{"message": …}`; without a version `?range=`."""
    message = text_of(await json_object(call), "message")
    found = await call.registry.deprecations.deprecate(
        call.part("name"),
        message,
        call.user,
        version=call.request.match_info.get("version"),
        wanted=call.request.query.get("range"),
    )
    return answer(found)


async def undeprecate(call: Call) -> web.StreamResponse:
    """`DELETE /-/deprecated/:name/:version?`."""
    found = await call.registry.deprecations.undeprecate(
        call.part("name"),
        call.user,
        version=call.request.match_info.get("version"),
        wanted=call.request.query.get("range"),
    )
    return answer(found)


async def yanks(call: Call) -> web.StreamResponse:
    """`GET /-/yanked/:name`: version -> reason."""
    return cacheable(call, await call.registry.yanks.of(call.part("name")))


async def yank(call: Call) -> web.StreamResponse:
    """`PUT /-/yanked/:name/:version`: the body is `{"message": …}`."""
    message = text_of(await json_object(call), "message")
    return answer(await call.registry.yanks.yank(call.part("name"), call.part("version"), message, call.user))


async def unyank(call: Call) -> web.StreamResponse:
    """`DELETE /-/yanked/:name/:version`."""
    return answer(await call.registry.yanks.unyank(call.part("name"), call.part("version"), call.user))


async def dependencies(call: Call) -> web.StreamResponse:
    """`GET /-/dependencies/:name/:version`: all that are needed, resolved to versions."""
    catalog = call.registry.catalog
    version = await catalog.version(call.part("name"), call.part("version"), room=call.room)
    found, complete = await call.registry.dependencies.of(version)
    rows = [
        {
            "name": item.name,
            "range": item.wanted,
            "version": item.version,
            "by": item.by,
            "url": url_of(call.base, item.name, item.version) if item.version else None,
        }
        for item in found
    ]
    value = {"name": version.name, "version": version.version, "dependencies": rows, "complete": complete}
    return cacheable(call, value)


async def difference(call: Call) -> web.StreamResponse:
    """`GET /-/diff/:name/:old/:new`: what changed, rows of tables included."""
    found = await call.registry.differ.of(
        call.part("name"), call.part("old"), call.part("new"), askers=call.askers
    )
    return cacheable(call, found)
