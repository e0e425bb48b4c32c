"""Logging in and out, and making an account, at pages: a cookie of this registry's own says who it is.

A login always makes a new cookie, and ends the one that was there.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from yarl import URL

from couchreg.auth.users.accounts import CLOSED, Login
from couchreg.errors import CouchregError, Forbidden, TooManyRequests, Unauthorized, Unavailable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.cookies import FORM_COOKIE, VISIT_COOKIE, set_cookie
from couchreg.http.registry.pages.forms import fields_of, place_of, token_for
from couchreg.http.registry.pages.wanted import private, to
from couchreg.wire.status import status_of

ACCOUNT = "/-/account"
# A login by a form is no challenge that a browser answers by itself.
CHALLENGE = ("WWW-Authenticate", 'Form realm="couchreg"')


async def login_page(call: Call) -> web.StreamResponse:
    """`GET /-/login`: the form; whoever has logged in goes on at once."""
    place = place_of(call.request.query.get("next", ""), ACCOUNT)
    if call.user.name is not None:
        return to(call.base, place)
    return _login_form(call, place)


async def login(call: Call) -> web.StreamResponse:
    """`POST /-/login`: a new cookie, and on to `next`. Refusals are those of any login: 401, 403 or 429."""
    fields = await fields_of(call)
    place = place_of(fields.get("next", ""), ACCOUNT)
    try:
        value = await _begin(call, fields, fields.get("password", ""))
    except (Unauthorized, TooManyRequests, Unavailable) as error:
        return _login_form(call, place, error, fields.get("name", ""))
    return to(call.base, place, _entered(call, value))


async def logout(call: Call) -> web.StreamResponse:
    """`POST /-/logout`: the cookie is good for nothing any more, here and wherever it was copied to."""
    await fields_of(call)
    call.services.visits.end(call.visit)
    return to(call.base, "/", [("Set-Cookie", set_cookie(VISIT_COOKIE, "", secure=call.is_secure))])


async def register_page(call: Call) -> web.StreamResponse:
    """`GET /-/register`: the form, or why there is none."""
    return _register_form(call, place_of(call.request.query.get("next", ""), ACCOUNT))


async def register(call: Call) -> web.StreamResponse:
    """`POST /-/register`: a new account, a login for it, and on to `next`."""
    fields = await fields_of(call)
    place = place_of(fields.get("next", ""), ACCOUNT)
    accounts, name, password = call.services.accounts, fields.get("name", ""), fields.get("password", "")
    accounts.may_register(call.user)
    try:
        if password != fields.get("again"):
            raise Forbidden("The two passwords are not the same.")
        email = fields.get("email", "").strip() or None
        await accounts.create(name, Login(password), email=email, address=call.address)
    except CouchregError as error:
        return _register_form(call, place, error, fields)
    value = await _begin(call, fields, password)
    return to(call.base, place, _entered(call, value))


async def _begin(call: Call, fields: Mapping[str, str], password: str) -> str:
    code = fields.get("code", "").strip() or None
    value = await call.services.visits.begin(fields.get("name", ""), password, call.address, totp=code)
    call.services.visits.end(call.visit)
    return value


def _entered(call: Call, value: str) -> list[tuple[str, str]]:
    """The cookie of the login; that from before it has done its work."""
    secure = call.is_secure
    cookies = ((VISIT_COOKIE, value), (FORM_COOKIE, ""))
    return [("Set-Cookie", set_cookie(name, text, secure=secure)) for name, text in cookies]


def _login_form(
    call: Call, place: str, error: CouchregError | None = None, name: str = ""
) -> web.StreamResponse:
    token, headers = token_for(call)
    values: dict[str, Any] = {"title": "Log in", "token": token, "next": place, "name": name[:200]}
    # Where everybody has to log in, so does whoever makes an account.
    is_open = call.services.accounts.registration_open and not call.audience.must_log_in
    values |= {"reason": error.reason if error else "", "open": is_open, "onward": _onward(place)}
    return private(call, "login.html", _status(error), [*headers, *_around(error)], **values)


def _register_form(
    call: Call, place: str, error: CouchregError | None = None, fields: Mapping[str, str] | None = None
) -> web.StreamResponse:
    token, headers = token_for(call)
    known = {name: (fields or {}).get(name, "")[:200] for name in ("name", "email")}
    is_open = call.services.accounts.registration_open or call.user.is_admin
    values: dict[str, Any] = {"title": "Make an account", "token": token, "open": is_open, **known}
    values |= {"next": place, "onward": _onward(place)}
    values |= {"reason": error.reason if error else "" if is_open else CLOSED}
    return private(call, "register.html", _status(error), [*headers, *_around(error)], **values)


def _onward(place: str) -> str:
    """What leads from one of the two forms to the other takes along where somebody wanted to go."""
    return "" if place == ACCOUNT else "?" + URL("/").with_query({"next": place}).raw_query_string


def _status(error: CouchregError | None) -> int:
    return status_of(error) if error else 200


def _around(error: CouchregError | None) -> list[tuple[str, str]]:
    """Headers that go with a refusal."""
    if isinstance(error, Unauthorized):
        return [CHALLENGE]
    if isinstance(error, TooManyRequests | Unavailable):
        return [("Retry-After", str(error.retry_after))]
    return []
