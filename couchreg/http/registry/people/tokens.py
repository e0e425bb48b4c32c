"""API tokens: made, listed and revoked by their users."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from couchreg.auth.tokens import ApiToken, Scope
from couchreg.errors import BadRequest
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object

PRIVATE = {"Cache-Control": "no-store"}


async def create(call: Call) -> web.StreamResponse:
    """`POST /-/tokens` with `{scope, packages, lifetime, label}`: the one answer that has the token. A
    `lifetime` of null is no end; without one it is what the operator has set. None made with a token that
    ends outlives that one."""
    members = await json_object(call)
    packages = members.get("packages", [])
    if not isinstance(packages, list):
        raise BadRequest("“packages” must be a list of package patterns.")
    tokens = call.services.tokens
    text, token = await tokens.create(
        call.user,
        members.get("scope", ""),
        packages=packages,
        lifetime=members.get("lifetime", tokens.lifetime),
        label=members.get("label", ""),
        until=call.grant.expires if call.grant is not None else None,
    )
    return answer({"token": text, **_shown(token)}, 201, PRIVATE)


async def listing(call: Call) -> web.StreamResponse:
    found = await call.services.tokens.list(call.user.name or "")
    return answer({"tokens": [_shown(token) for token in found]}, headers=PRIVATE)


async def revoke(call: Call) -> web.StreamResponse:
    """`DELETE /-/tokens/:id`. A token may always end itself."""
    token_id = call.part("id")
    if call.grant is not None and call.grant.id != token_id:
        call.grant.require(Scope.ADMIN)
    await call.services.tokens.revoke(call.user.name or "", token_id)
    return answer({"ok": True})


def _shown(token: ApiToken) -> dict[str, Any]:
    times = {"created": _moment(token.created), "expires": _moment(token.expires), "used": _day(token.used)}
    return {**token.shown(), **times}


def _day(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
