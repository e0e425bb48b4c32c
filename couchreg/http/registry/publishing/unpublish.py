"""Deleting what is published."""

from aiohttp import web

from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call


async def version(call: Call) -> web.StreamResponse:
    """`DELETE /:name/:version`."""
    return await _delete(call, call.part("version"))


async def package(call: Call) -> web.StreamResponse:
    """`DELETE /:name`: every version."""
    return await _delete(call, None)


async def _delete(call: Call, wanted: str | None) -> web.StreamResponse:
    name = call.part("name")
    deleted = await call.registry.unpublisher.unpublish(name, wanted, call.user)
    return answer({"ok": True, "name": name, "versions": deleted})
