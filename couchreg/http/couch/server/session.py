"""`_session` and its cookie: logging in, out, and who the server takes the client for.

Owns what the cookie looks like in headers; what it holds and whom it proves is `auth/login/sessions.py`'s.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html
"""

from email.utils import formatdate
from time import time
from typing import Any
from urllib.parse import parse_qsl

from couchreg.auth.login.sessions import COOKIE
from couchreg.auth.options import SECTION, USERS_KEY, user_required
from couchreg.errors import BadContentType, BadRequest, Unauthorized
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.model.media_types import essence

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MOST_FIELDS = 100
SAME_SITE = ("none", "lax", "strict")


def require_or_renew(ctx: Context) -> None:
    """Of somebody, renew a session that has lasted a while with whatever is answered. Raises Unauthorized for
    nobody, where a valid user is required."""
    identity = ctx.identity
    if identity.user.name is None:
        _require_user(ctx)
    elif identity.renew is not None:
        ctx.headers.append(_set_cookie(ctx, ctx.services.auth.sessions.cookie(identity.renew)))


def _require_user(ctx: Context) -> None:
    """`[chttpd] require_valid_user`: everybody logs in, but for the login itself (and for `_up`)."""
    if ctx.parts == ["_up"] and ctx.settings.boolean("chttpd", "require_valid_user_except_for_up"):
        return
    logging_in = ctx.method == "POST" and ctx.parts == ["_session"]
    if not logging_in and user_required(ctx.store.config):
        raise Unauthorized("Authentication required.")


async def info(ctx: Context) -> Answer:
    user = ctx.user
    if user.name is None and ctx.query.get("basic") == "true":
        raise Unauthorized("Please login.")
    about: dict[str, object] = {"authentication_handlers": list(ctx.services.auth.handlers.names)}
    if user.name is not None:
        about["authenticated"] = ctx.identity.handler
    configured = ctx.settings.section(SECTION).get(USERS_KEY)
    if configured is not None:
        about[USERS_KEY] = configured
    return answer_json(
        {
            "ok": True,
            "userCtx": {"name": user.name, "roles": list(user.roles)},
            "info": about,
        }
    )


async def login(ctx: Context) -> Answer:
    name, password, totp = await _credentials(ctx)
    ctx.headers = [header for header in ctx.headers if header[0] != "Set-Cookie"]  # there is a new one
    auth = ctx.services.auth
    try:
        credential = await auth.prove(name, password, ctx.address, totp=totp)
    except Unauthorized as error:
        wrong = {"error": error.error, "reason": error.reason}
        return _leading(ctx, answer_json(wrong, status=401, headers=[_set_cookie(ctx, "")]), "fail")
    cookie = _set_cookie(ctx, auth.sessions.cookie(credential))
    body = {"ok": True, "name": credential.user.name, "roles": list(credential.user.roles)}
    return _leading(ctx, answer_json(body, headers=[cookie]), "next")


async def logout(ctx: Context) -> Answer:
    ctx.headers = [header for header in ctx.headers if header[0] != "Set-Cookie"]
    return _leading(ctx, answer_json({"ok": True}, headers=[_set_cookie(ctx, "")]), "next")


async def _credentials(ctx: Context) -> tuple[str, str, str | None]:
    """Name, password and the digits of a second factor, from a form or from JSON.

    Raises BadContentType, BadRequest.
    """
    given = essence(ctx.request.headers.get("Content-Type", ""))
    if given not in (FORM, JSON):
        raise BadContentType(f"Content-Type must be '{FORM}' or '{JSON}'")
    fields: Any = await ctx.json() if given == JSON else _form(await ctx.body())
    if not isinstance(fields, dict):
        raise BadRequest("Request body must be a JSON object")
    name, password, totp = _name(fields), fields.get("password", ""), fields.get("token")
    if not isinstance(name, str) or not isinstance(password, str) or not isinstance(totp, str | None):
        raise BadRequest("name and password must be strings")
    return name, password, totp


def _name(fields: dict[str, Any]) -> Any:
    """`name`, which may also be called `username`. Raises BadRequest for none, or two."""
    names = [fields[key] for key in ("name", "username") if fields.get(key) is not None]
    if not names:
        raise BadRequest("request body must contain a username")
    if names[0] != names[-1]:
        raise BadRequest("request body contains different usernames")
    return names[0]


def _form(body: bytes) -> dict[str, str]:
    """Raises BadRequest for more fields than anybody has."""
    text = body.decode("utf-8", "surrogateescape")
    if text.count("&") >= MOST_FIELDS:
        raise BadRequest(f"A form for logging in has at most {MOST_FIELDS} fields.")
    return dict(reversed(parse_qsl(text, keep_blank_values=True, errors="surrogateescape")))


def _leading(ctx: Context, answer: Answer, parameter: str) -> Answer:
    """The answer, as a redirection where the query asks for one: to a page of this server only, so
    that a link to a login cannot lead elsewhere."""
    target = ctx.query.get(parameter)
    if target is None:
        return answer
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        raise BadRequest(f"{parameter} must be a path on this server")
    answer.status = 302
    answer.extra.append(("Location", ctx.base_url + target))
    return answer


def _set_cookie(ctx: Context, value: str) -> tuple[str, str]:
    """The header that sets the session cookie, or with an empty value takes it away."""
    options = ctx.services.auth.options
    parts = [f"{COOKIE}={value}", "Version=1"]
    if options.flag("allow_persistent_cookies", default=True):
        seconds = ctx.services.auth.sessions.timeout if value else 0
        parts += [f"Expires={formatdate(time() + seconds, usegmt=True)}", f"Max-Age={seconds}"]
    parts.append("Path=/")
    if ctx.scheme == "https":
        parts.append("Secure")
    parts.append("HttpOnly")
    domain, same_site = options.text("cookie_domain"), options.text("same_site").lower()
    if domain:
        parts.append(f"Domain={domain}")
    if same_site in SAME_SITE:
        parts.append(f"SameSite={same_site.capitalize()}")
    return "Set-Cookie", "; ".join(parts)
