"""Accounts: made by anyone where registration is open, seen, changed and deleted by whom they belong to."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from couchreg.auth.policy import USER_PREFIX
from couchreg.auth.tokens import Scope
from couchreg.auth.users.accounts import Login
from couchreg.auth.users.caring import Care
from couchreg.errors import BadRequest, Forbidden, NotFound, NotImplementedHere
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object
from couchreg.http.registry.frame.urls import url_of_user
from couchreg.model.user import SYSTEM
from couchreg.registry.changing.owners import ROLE

PAGE, MOST = 100, 1000  # accounts of a listing: unless asked otherwise, and at most


async def register(call: Call) -> web.StreamResponse:
    """`PUT /adduser/:user`: 201, or 409 for a name that is taken."""
    accounts, name = call.services.accounts, call.part("user")
    accounts.may_register(call.user)
    members = await json_object(call)
    if members.get("name", name) != name:
        raise BadRequest("The name in the address and the one in the body differ.")
    if members.get("roles"):
        raise Forbidden("You cannot give roles to yourself: leave “roles” out.")
    rev = await accounts.create(name, _login(members), email=members.get("email"), address=call.address)
    created = {"ok": True, "id": USER_PREFIX + name, "rev": rev, "name": name}
    return answer(created, 201, {"Location": url_of_user(call.base, name)})


async def whoami(call: Call) -> web.StreamResponse:
    """Who the request is made as; with a token also what that is good for."""
    user = call.user
    packages = await owned_of(call, user.name or "")
    roles = dict.fromkeys([*user.roles, *(ROLE + name for name in packages)])
    about: dict[str, Any] = {
        "name": user.name,
        "username": user.name,
        "roles": list(roles),
        "packages": packages,
    }
    quotas = call.registry.publisher.quotas
    if quotas.limit and user.name:
        about["space"] = {"used": await quotas.used(user.name), "limit": quotas.limit}
    if call.grant is not None:
        grant = call.grant
        about["token"] = {"id": grant.id, "scope": grant.scope, "packages": grant.packages}
    return answer(about)


async def show(call: Call) -> web.StreamResponse:
    """An account, to its user and to admins."""
    name = _own(call)
    if not await call.services.accounts.exists(name):
        raise NotFound("There is no such account.")
    packages = await owned_of(call, name)
    return answer({"name": name, "email": await email_of(call, name), "packages": packages})


async def change(call: Call) -> web.StreamResponse:
    """Another password or e-mail address. Whoever has found a token cannot take the account over by it."""
    name = _own(call)
    if call.grant is not None:
        raise Forbidden("This needs the password itself: log in with it, not with a token.")
    members = await json_object(call)
    login = _login(members) if {"password", "password_sha"} & members.keys() else None
    if {"disabled", "restore"} & members.keys():
        return await _care(call, name, members, login)
    revoke = members.get("revoke_tokens", False)
    if not isinstance(revoke, bool):
        raise BadRequest("“revoke_tokens” must be true or false.")
    if login is None and "email" not in members:
        raise BadRequest("Send a new “password” or “email”.")
    await call.services.accounts.change(
        name, login=login, email=members.get("email"), address=call.address, revoke_tokens=revoke
    )
    return answer({"ok": True})


async def _care(call: Call, name: str, members: dict[str, Any], login: Login | None) -> web.StreamResponse:
    """What administrators alone do: disable an account, restore it."""
    if not call.user.is_admin:
        raise Forbidden("This is for administrators.")
    if members.get("restore") is True:
        await _carer(call).restore(name, login, address=call.address)
    elif isinstance(members.get("disabled"), bool) and login is None:
        await _carer(call).set_disabled(name, members["disabled"])
    else:
        raise BadRequest("Send “restore”: true, or “disabled”: true or false and nothing else.")
    return answer({"ok": True})


def _carer(call: Call) -> Care:
    if call.services.care is None:
        raise NotImplementedHere
    return call.services.care


async def listing(call: Call) -> web.StreamResponse:
    """`GET /-/users`: all accounts by name, for administrators; server admins are in the settings."""
    limit = call.number("limit", PAGE, MOST)
    found, after = await _carer(call).listed(call.request.query.get("start", ""), limit)
    rows = [{**asdict(one), "roles": list(one.roles)} for one in found]
    return answer({"users": rows, "next": after})


async def delete(call: Call) -> web.StreamResponse:
    """The account and its tokens go; packages stay with their other owners, or without any but the name."""
    name = _own(call)
    await call.services.accounts.email(name)  # NotFound, before anything is done
    await call.registry.owners.leave(name, SYSTEM)  # first: cut off here, the same request finishes it
    await call.services.accounts.delete(name)
    return answer({"ok": True})


async def owned_of(call: Call, name: str) -> list[str]:
    """Somebody's packages, as far as the one who asks may know of them: a token for certain packages is not
    told of others that are restricted."""
    owned, private = await call.registry.owners.owned_by(name), call.registry.private
    await private.refresh()
    return [one for one in owned if private.lets_read(call.asker, one)]


async def email_of(call: Call, name: str) -> str | None:
    """An address, where the one who asks may see it; None else, and where there is none."""
    full = call.grant is None or call.grant.scope is Scope.ADMIN
    if not full or not (call.user.is_admin or call.user.name == name):
        return None
    try:
        return await call.services.accounts.email(name)
    except NotFound:  # a server admin, or an owner who came with a package from elsewhere
        return None


def _own(call: Call) -> str:
    """The user of the path. Raises Forbidden where that is somebody else."""
    name = call.part("user")
    if not call.user.is_admin and call.user.name != name:
        raise Forbidden("This is somebody else's account.")
    return name


def _login(members: dict[str, Any]) -> Login:
    return Login(members.get("password"), members.get("salt"), members.get("password_sha"))
