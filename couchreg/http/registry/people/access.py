"""Who may read and publish a package: npm's words, and its shapes where it has some.

Source: https://docs.npmjs.com/cli/commands/npm-access, and the routes that its client asks.
"""

from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object, text_of
from couchreg.package.access import GROUP, PUBLISH, READ
from couchreg.registry.changing.access import Rights

PUBLIC, RESTRICTED = "public", "restricted"


async def visibility(call: Call) -> web.StreamResponse:
    """`GET /-/package/:name/visibility`: `{public}`."""
    found = await call.registry.access.of(call.part("name"))
    return answer({"public": not found.is_restricted})


async def collaborators(call: Call) -> web.StreamResponse:
    """`GET /-/package/:name/collaborators`: who may do what, owners among them."""
    found = await call.registry.access.of(call.part("name"))
    return answer({**found.grants, **dict.fromkeys(found.owners, PUBLISH)})


async def change(call: Call) -> web.StreamResponse:
    """`POST /-/package/:name/access` with `{access}`."""
    members = await json_object(call)
    wanted = members.get("access")
    if wanted not in (PUBLIC, RESTRICTED):
        raise BadRequest(f"“access” is “{PUBLIC}” or “{RESTRICTED}”.")
    name = call.part("name")
    return _shown(await call.registry.access.restrict(name, call.user, restricted=wanted == RESTRICTED))


async def grant(call: Call) -> web.StreamResponse:
    """`PUT /-/package/:name/collaborators/:who` with `{permissions}`."""
    members, who = await json_object(call), call.part("who")
    await call.registry.owners.check(call.part("name"), call.user)
    await _check_known(call, who)
    right = text_of(members, "permissions")
    return _shown(await call.registry.access.grant(call.part("name"), who, right, call.user))


async def revoke(call: Call) -> web.StreamResponse:
    return _shown(await call.registry.access.revoke(call.part("name"), call.part("who"), call.user))


async def mine(call: Call) -> web.StreamResponse:
    """`GET /-/access`: the restricted packages that somebody may read, and what they may do there."""
    private, asker = call.registry.private, call.asker
    await private.refresh()
    found = {
        name: PUBLISH if asker.is_admin or private.lets_publish(asker, name) else READ
        for name in private.restricted()
        if private.lets_read(asker, name)
    }
    return answer({"packages": found}, headers={"Cache-Control": "no-store"})


async def _check_known(call: Call, who: str) -> None:
    """Raises NotFound."""
    if who.startswith(GROUP):
        groups = call.services.groups
        if groups is not None:
            await groups.refresh()
        if groups is None or not groups.exists(who.removeprefix(GROUP)):
            raise NotFound(f"There is no group {who.removeprefix(GROUP)[:200]!r}.")
    elif not await call.services.accounts.exists(who):
        raise NotFound(f"There is no user {who[:200]!r}.")


def _shown(rights: Rights) -> web.Response:
    said: dict[str, Any] = {"ok": True, "access": RESTRICTED if rights.is_restricted else PUBLIC}
    return answer({**said, "owners": list(rights.owners), "collaborators": rights.grants})
