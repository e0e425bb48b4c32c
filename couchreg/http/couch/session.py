"""`_session`: who the server takes the client for. Logging in with a cookie is not built here yet.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html
"""

from couchreg.errors import BadContentType, NotImplementedHere
from couchreg.http.couch.context import Context
from couchreg.http.couch.responses import Answer, answer_json

HANDLERS = ["cookie", "default"]
FORMS = ("application/x-www-form-urlencoded", "application/json")


async def info(ctx: Context) -> Answer:
    user = ctx.user
    about: dict[str, object] = {"authentication_handlers": HANDLERS}
    if user.name is not None:
        about["authenticated"] = "default"
    return answer_json({
        "ok": True, "userCtx": {"name": user.name, "roles": list(user.roles)}, "info": about,
    })  # fmt: skip


async def login(ctx: Context) -> Answer:
    given = ctx.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in FORMS:
        raise BadContentType(
            "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"
        )
    raise NotImplementedHere("Sessions are not built here yet; send the password with each request.")


async def logout(ctx: Context) -> Answer:
    cookie = "AuthSession=; Version=1; Path=/; HttpOnly; SameSite=strict"
    return answer_json({"ok": True}, headers=[("Set-Cookie", cookie)])
