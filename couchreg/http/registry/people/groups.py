"""Groups of accounts: each is seen by those who are in it, and changed by its owners and administrators."""

from aiohttp import web

from couchreg.access.groups import Groups
from couchreg.errors import BadRequest, NotFound, NotImplementedHere
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object
from couchreg.package.access import GROUP

PRIVATE = {"Cache-Control": "no-store"}


async def listing(call: Call) -> web.StreamResponse:
    """`GET /-/groups`: those somebody is in; for administrators all."""
    return answer(
        {"groups": [one.shown() for one in (await _groups(call)).listed(call.user)]}, headers=PRIVATE
    )


async def show(call: Call) -> web.StreamResponse:
    return answer((await _groups(call)).get(call.part("group"), call.user).shown(), headers=PRIVATE)


async def create(call: Call) -> web.StreamResponse:
    """`PUT /-/groups/:group`: a group of one's own."""
    await call.registry.private.refresh()
    name = call.part("group")
    is_named = bool(call.registry.private.granted(GROUP + name))
    return answer((await (await _groups(call)).create(name, call.user, is_named=is_named)).shown(), 201)


async def delete(call: Call) -> web.StreamResponse:
    await (await _groups(call)).delete(call.part("group"), call.user)
    return answer({"ok": True})


async def put_member(call: Call) -> web.StreamResponse:
    """`PUT /-/groups/:group/members/:user` with `{owner}`."""
    members, name, member = await json_object(call), call.part("group"), call.part("user")
    owner = members.get("owner", False)
    if not isinstance(owner, bool):
        raise BadRequest("“owner” is true or false.")
    (await _groups(call)).get(name, call.user)
    if not await call.services.accounts.exists(member):
        raise NotFound(f"There is no user {member[:200]!r}.")
    changed, is_new = await (await _groups(call)).put(name, member, call.user, owner=owner)
    if is_new:  # else every repetition would be a revision of other people's packages
        await call.registry.access.touch(GROUP + name)
    return answer(changed.shown())


async def remove_member(call: Call) -> web.StreamResponse:
    return answer(
        (await (await _groups(call)).remove(call.part("group"), call.part("user"), call.user)).shown()
    )


async def _groups(call: Call) -> Groups:
    """Raises NotImplementedHere for a door that was made without."""
    if call.services.groups is None:
        raise NotImplementedHere
    await call.services.groups.refresh()
    return call.services.groups
