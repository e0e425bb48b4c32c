"""The page of one's own account: packages, tokens for programs, logins, the password."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.auth.users.accounts import Login
from couchreg.errors import BadRequest, CouchregError, NotFound
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.cookies import VISIT_COOKIE, set_cookie
from couchreg.http.registry.frame.numbers import whole_number
from couchreg.http.registry.pages.entering import ACCOUNT
from couchreg.http.registry.pages.forms import fields_of, token_for
from couchreg.http.registry.pages.waiting import deadline_of
from couchreg.http.registry.pages.wanted import private, to
from couchreg.http.registry.people.accounts import email_of, owned_of
from couchreg.registry.reading.served import url_of
from couchreg.wire.status import status_of

_PACKAGES: Final = 500  # that are listed
_DAYS: Final = 3650  # that a token may last
_DAY: Final = 86_400.0  # seconds
_DONE: Final = {
    "revoked": "The token is revoked.",
    "distrusted": "That job is not trusted any more.",
    "ended": "That login has ended.",
    "others": "You are logged out everywhere else.",
    "password": "Your password is changed, and every other login of yours has ended.",
}
Act = Callable[[Call, Mapping[str, str]], Awaitable[web.StreamResponse]]


async def page(call: Call) -> web.StreamResponse:
    """`GET /-/account`."""
    return await _page(call, done=_DONE.get(call.request.query.get("done", ""), ""))


async def change(call: Call) -> web.StreamResponse:
    """`POST /-/account`: what `do` says. What cannot be is said on the page."""
    fields = await fields_of(call)
    act = _ACTS.get(fields.get("do", ""))
    if act is None:
        raise BadRequest("“do” must be one of " + ", ".join(_ACTS) + ".")
    try:
        return await act(call, fields)
    except CouchregError as error:
        return await _page(call, error=error)


async def _make_token(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    """The one answer that shows it."""
    days = whole_number(fields.get("days", ""), _DAYS)
    if not days:
        raise BadRequest(f"A token lasts from 1 to {_DAYS} days.")
    text, token = await call.services.tokens.create(
        call.user,
        fields.get("scope", ""),
        packages=fields.get("packages", "").split(),
        lifetime=days * _DAY,
        label=fields.get("label", "").strip(),
    )
    return await _page(call, made=text, made_id=token.id)


async def _revoke(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    await call.services.tokens.revoke(_name(call), fields.get("id", ""))
    return to(call.base, f"{ACCOUNT}?done=revoked")


async def _distrust(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    """Their own alone, also where the package is somebody else's by now."""
    if call.services.trust is None:
        raise NotFound("This registry trusts no identity tokens.")
    name = _name(call)
    await call.services.trust.remove(fields.get("package", ""), fields.get("id", ""), call.user, whose=name)
    return to(call.base, f"{ACCOUNT}?done=distrusted")


async def _end_one(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    call.services.visits.end_one(_name(call), fields.get("id", ""))
    return to(call.base, f"{ACCOUNT}?done=ended")


async def _end_others(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    call.services.visits.end_others(_name(call), call.visit)
    return to(call.base, f"{ACCOUNT}?done=others")


async def _change_password(call: Call, fields: Mapping[str, str]) -> web.StreamResponse:
    """By the old one, so that whoever finds an open browser cannot keep the account."""
    visits, name = call.services.visits, _name(call)
    code = fields.get("code", "").strip() or None
    if fields.get("password", "") != fields.get("again"):
        raise BadRequest("The two new passwords are not the same.")
    await visits.check(name, fields.get("old", ""), call.address, totp=code)
    login, revoke = Login(fields.get("password")), "revoke" in fields
    await call.services.accounts.change(name, login=login, address=call.address, revoke_tokens=revoke)
    value = await visits.begin(name, fields.get("password", ""), call.address, totp=code)
    visits.end_others(name, value)
    cookie = set_cookie(VISIT_COOKIE, value, secure=call.is_secure)
    return to(call.base, f"{ACCOUNT}?done=password", [("Set-Cookie", cookie)])


_ACTS: Final[Mapping[str, Act]] = {
    "token": _make_token,
    "revoke": _revoke,
    "distrust": _distrust,
    "end": _end_one,
    "others": _end_others,
    "password": _change_password,
}


async def _page(
    call: Call, *, error: CouchregError | None = None, done: str = "", made: str = "", made_id: str = ""
) -> web.StreamResponse:
    name, (token, headers) = _name(call), token_for(call)
    deadline, packages = deadline_of(call), list[str]()
    async with deadline.time(deadline.for_answers):  # read once after a start, and brought up to date
        packages = await owned_of(call, name)
    values: dict[str, Any] = {
        "packages": [
            {
                "name": one,
                "url": url_of(call.base, one),
                "owners": url_of(call.base, "-", "owners", one),
            }
            for one in sorted(packages)[:_PACKAGES]
        ],
        "more_packages": max(0, len(packages) - _PACKAGES),
        "are_looked_for": deadline.is_over,
        "tokens": await _tokens(call, name),
        "jobs": await _jobs(call, name),
        "logins": _logins(call, name),
        "scopes": [str(scope) for scope in Scope],
        "email": await email_of(call, name) or "",
        "is_admin": call.user.is_admin,
    }
    status = status_of(error) if error else 201 if made else 200
    if status == 401:  # a wrong password does not log out who has logged in
        status = 403
    told = {"title": "Your account", "reason": error.reason if error else "", "done": done}
    return private(
        call,
        "account.html",
        status,
        headers,
        name=name,
        token=token,
        made=made,
        made_id=made_id,
        **told,
        **values,
    )


async def _tokens(call: Call, name: str) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "label": one.label,
            "scope": str(one.scope),
            "packages": " ".join(one.packages),
            "created": _day(one.created),
            "expires": _day(one.expires),
            "used": _day(one.used),
        }
        for one in await call.services.tokens.list(name)
    ]


async def _jobs(call: Call, name: str) -> list[dict[str, Any]]:
    """That are trusted; those of a package that is somebody else's by now are good for nothing."""
    trust = call.services.trust
    found = [] if trust is None else await trust.of_owner(name)
    return [
        {
            "id": one.id,
            "package": package,
            "issuer": one.issuer,
            "claims": ", ".join(f"{claim}={value}" for claim, value in one.claims.items()),
            "created": _day(one.created),
        }
        for package, one in found[:_PACKAGES]
    ]


def _logins(call: Call, name: str) -> list[dict[str, Any]]:
    visits = call.services.visits
    return [
        {
            "id": one.key,
            "address": one.address,
            "began": _moment(one.began),
            "used": _moment(one.used),
            "here": visits.is_it(one, call.visit),
        }
        for one in visits.of(name)
    ]


def _name(call: Call) -> str:
    return call.user.name or ""


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _day(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
