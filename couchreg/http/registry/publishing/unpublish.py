"""Deleting what is published, and bringing it back."""

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.publishing.publish import flag


async def version(call: Call) -> web.StreamResponse:
    """`DELETE /:name/:version`, with `?for-good=true` without keeping anything, for which a token needs
    the scope `admin`."""
    return await _delete(call, call.part("version"))


async def package(call: Call) -> web.StreamResponse:
    """`DELETE /:name`: every version."""
    return await _delete(call, None)


async def _delete(call: Call, wanted: str | None) -> web.StreamResponse:
    name, unpublisher = call.part("name"), call.registry.unpublisher
    for_good = flag(call, "for-good")
    if for_good and call.grant is not None:  # what a job or a stolen token has done can be undone
        call.grant.require(Scope.ADMIN, name)
    found = await unpublisher.unpublish(name, wanted, call.user, for_good=for_good)
    told = {"until": found.until} if found.until else {}
    return answer({"ok": True, "name": name, "versions": found.versions, **told})


async def undelete(call: Call) -> web.StreamResponse:
    """`POST /-/undelete/:name/:version?`: without a version all that are kept."""
    name, wanted = call.part("name"), call.request.match_info.get("version")
    restored = await call.registry.undeleter.undelete(name, wanted, call.user)
    return answer({"ok": True, "name": name, "versions": restored})
