"""The page where the owners of a package add and remove owners."""

from typing import Final

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.errors import BadRequest, CouchregError, NotFound
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.pages.forms import fields_of, token_for
from couchreg.http.registry.pages.wanted import private, to
from couchreg.package.names import check_package_name
from couchreg.registry.reading.served import url_of
from couchreg.wire.status import status_of

_LONGEST: Final = 200  # characters of a name that is shown
_DONE: Final = {"added": "The owner is added.", "removed": "The owner is removed."}


async def page(call: Call) -> web.StreamResponse:
    """`GET /-/owners/:name`, for its owners and administrators."""
    name = await _own(call)
    return await _page(call, name, done=_DONE.get(call.request.query.get("done", ""), ""))


async def change(call: Call) -> web.StreamResponse:
    """`POST /-/owners/:name`: adds or removes `user`. What cannot be is said on the page."""
    name = await _own(call)
    fields = await fields_of(call)
    user, do = fields.get("user", "").strip(), fields.get("do", "")
    if do not in ("add", "remove"):
        raise BadRequest("“do” must be add or remove.")
    owners = call.registry.owners
    try:
        if do == "remove":
            await owners.remove(name, user, call.user)
        elif await call.services.accounts.exists(user):
            await owners.add(name, user, call.user)
        else:
            raise NotFound(f"There is no user {user[:_LONGEST]!r}.")
    except CouchregError as error:
        return await _page(call, name, error=error)
    if do == "remove" and user == call.user.name and not call.user.is_admin:
        return to(call.base, f"/{name}")  # it is no longer theirs
    return to(call.base, f"/-/owners/{name}?done={'added' if do == 'add' else 'removed'}")


async def _own(call: Call) -> str:
    """Raises NotFound, and Forbidden for a package that is somebody else's."""
    name = call.part("name")
    check_package_name(name)
    if call.grant is not None:
        call.grant.require(Scope.ADMIN, name)
    await call.registry.owners.check(name, call.user)
    return name


async def _page(
    call: Call, name: str, *, error: CouchregError | None = None, done: str = ""
) -> web.StreamResponse:
    token, headers = token_for(call)
    owners = await call.registry.owners.of(name)
    return private(
        call,
        "owners.html",
        status_of(error) if error else 200,
        headers,
        title=f"Owners of {name}",
        token=token,
        name=name,
        package_url=url_of(call.base, name),
        url=url_of(call.base, "-", "owners", name),
        owners=owners,
        me=call.user.name or "",
        reason=error.reason if error else "",
        done=done,
    )
