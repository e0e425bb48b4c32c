"""`_session` and its cookie: logging in, out, and who the server takes the client for.

Owns what the cookie looks like in headers; what it holds and whom it proves is `auth/sessions.py`'s.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html
"""

from email.utils import formatdate
from time import time
from typing import Any
from urllib.parse import parse_qsl

from couchreg.auth.sessions import COOKIE
from couchreg.errors import BadContentType, BadRequest, Unauthorized
from couchreg.http.couch.context import Context
from couchreg.http.couch.responses import Answer, answer_json
from couchreg.model.user import User

HANDLERS = ["cookie", "default"]
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SECTION = "chttpd_auth"


async def identify(ctx: Context) -> User:
    """Who sends this request. A session that has lasted a while is renewed with whatever is answered."""
    headers = ctx.request.headers
    authorization, cookie = headers.get("Authorization"), headers.get("Cookie")
    if cookie is None:
        return await ctx.door.auth.authenticate(authorization)
    identity = await ctx.door.auth.identify(authorization, cookie)
    if identity.renew and identity.user.name is not None:
        ctx.headers.append(_set_cookie(ctx, await ctx.door.auth.sessions.cookie(identity.user.name)))
    return identity.user


async def info(ctx: Context) -> Answer:
    user = ctx.user
    about: dict[str, object] = {"authentication_handlers": HANDLERS}
    if user.name is not None:
        headers = ctx.request.headers
        identity = await ctx.door.auth.identify(headers.get("Authorization"), headers.get("Cookie"))
        about["authenticated"] = identity.handler or "default"
    return answer_json({
        "ok": True, "userCtx": {"name": user.name, "roles": list(user.roles)}, "info": about,
    })  # fmt: skip


async def login(ctx: Context) -> Answer:
    name, password = await _credentials(ctx)
    try:
        user = await ctx.door.auth.login(name, password)
    except Unauthorized as error:
        wrong = {"error": error.error, "reason": error.reason}
        return _leading(ctx, answer_json(wrong, status=401, headers=[_set_cookie(ctx, "")]), "fail")
    cookie = _set_cookie(ctx, await ctx.door.auth.sessions.cookie(name))
    body = {"ok": True, "name": user.name, "roles": list(user.roles)}
    return _leading(ctx, answer_json(body, headers=[cookie]), "next")


async def logout(ctx: Context) -> Answer:
    return _leading(ctx, answer_json({"ok": True}, headers=[_set_cookie(ctx, "")]), "next")


async def _credentials(ctx: Context) -> tuple[str, str]:
    """Name and password from a form or from JSON. Raises BadContentType, BadRequest."""
    given = ctx.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in (FORM, JSON):
        raise BadContentType(f"Content-Type must be '{FORM}' or '{JSON}'")
    fields: Any = await ctx.json() if given == JSON else _form(await ctx.body())
    if not isinstance(fields, dict):
        raise BadRequest("Request body must be a JSON object")
    name, password = fields.get("name", fields.get("username")), fields.get("password", "")
    if name is None:
        raise BadRequest("request body must contain a username")
    if not isinstance(name, str) or not isinstance(password, str):
        raise BadRequest("name and password are texts")
    return name, password


def _form(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, max_num_fields=100,
                      errors="surrogateescape")
    return dict(reversed(pairs))


def _leading(ctx: Context, answer: Answer, parameter: str) -> Answer:
    """The answer, as a redirection where the query asks for one: to a page of this server only, so
    that a link to a login cannot lead elsewhere."""
    target = ctx.query.get(parameter)
    if target is None:
        return answer
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        raise BadRequest(f"{parameter} has to be a path of this server")
    answer.answer_status = 302
    answer.extra.append(("Location", ctx.base_url + target))
    return answer


def _set_cookie(ctx: Context, value: str) -> tuple[str, str]:
    """The header that sets the session cookie, or with an empty value takes it away."""
    settings = ctx.settings
    parts = [f"{COOKIE}={value}", "Version=1"]
    if settings.text(SECTION, "allow_persistent_cookies", "true") != "false":
        seconds = ctx.door.auth.sessions.timeout if value else 0
        parts += [f"Expires={formatdate(time() + seconds, usegmt=True)}", f"Max-Age={seconds}"]
    parts.append("Path=/")
    if ctx.base_url.startswith("https:"):
        parts.append("Secure")
    parts.append("HttpOnly")
    for key, attribute in (("cookie_domain", "Domain"), ("same_site", "SameSite")):
        if settings.text(SECTION, key):
            parts.append(f"{attribute}={settings.text(SECTION, key)}")
    return "Set-Cookie", "; ".join(parts)
