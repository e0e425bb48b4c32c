"""Owners of packages: listed for everyone, changed by owners."""

from typing import Any

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.errors import NotFound
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object, text_of
from couchreg.http.registry.people.accounts import email_of
from couchreg.package.names import check_package_name


async def listing(call: Call) -> web.StreamResponse:
    """`GET /owner/ls/:name`: `[{name}]`, with `email` where the one who asks may see it."""
    names = await call.registry.owners.of(call.part("name"))
    return answer([await _row(call, name) for name in names])


async def add(call: Call) -> web.StreamResponse:
    package, username = await _wanted(call)
    if not await call.services.accounts.exists(username):
        raise NotFound(f"There is no user {username[:200]!r}.")
    return _outcome(await call.registry.owners.add(package, username, call.user))


async def remove(call: Call) -> web.StreamResponse:
    package, username = await _wanted(call)
    return _outcome(await call.registry.owners.remove(package, username, call.user))


async def _wanted(call: Call) -> tuple[str, str]:
    """Package and user of `{username, dpkgName}`. Raises BadRequest, NotFound, Forbidden."""
    members = await json_object(call)
    package, username = text_of(members, "dpkgName"), text_of(members, "username")
    check_package_name(package)
    if call.grant is not None:
        call.grant.require(Scope.ADMIN, package)
    await call.registry.owners.check(package, call.user)
    return package, username


async def _row(call: Call, name: str) -> dict[str, Any]:
    email = await email_of(call, name)
    return {"name": name} if email is None else {"name": name, "email": email}


def _outcome(owners: tuple[str, ...]) -> web.Response:
    return answer({"ok": True, "owners": list(owners)})
