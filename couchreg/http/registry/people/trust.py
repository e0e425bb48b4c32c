"""Trusted publishers: which jobs may publish a package, and the exchange of a job's token for one of ours.

Source: https://docs.pypi.org/trusted-publishers/internals/, whose exchange has this shape.
"""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from couchreg.auth.trust.publishers import TrustedPublisher, TrustedPublishers
from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object, text_of
from couchreg.http.registry.people.tokens import PRIVATE

MOST = 32 << 10  # bytes of a request with a token


async def audience(call: Call) -> web.StreamResponse:
    """`GET /-/oidc/audience`: for whom a job asks its provider for a token, and whose are trusted."""
    trust = _trust(call)
    return answer({"audience": trust.audience, "issuers": trust.issuers.named})


async def exchange(call: Call) -> web.StreamResponse:
    """`POST /-/oidc/token` with `{token, package?}`: `{token, packages, expires}`."""
    members = await json_object(call, MOST)
    package = members.get("package")
    if package is not None and not isinstance(package, str):
        raise BadRequest("“package” is the name of a package.")
    text, made = await _trust(call).exchange(text_of(members, "token"), package)
    return answer(
        {"token": text, "packages": list(made.packages), "expires": _moment(made.expires or 0)}, 201, PRIVATE
    )


async def listing(call: Call) -> web.StreamResponse:
    """`GET /-/trust/:name`, for owners."""
    name = call.part("name")
    await call.registry.owners.check(name, call.user)
    trust = _trust(call)
    await trust.refresh()
    return answer({"publishers": [_shown(one) for one in await trust.of(name)]}, headers=PRIVATE)


async def add(call: Call) -> web.StreamResponse:
    """`POST /-/trust/:name` with `{issuer, claims}`."""
    members, name = await json_object(call), call.part("name")
    await call.registry.owners.check(name, call.user)
    claims = members.get("claims")
    if not isinstance(claims, dict):
        raise BadRequest("“claims” is an object: what the token of a job has to state.")
    made = await _trust(call).add(name, text_of(members, "issuer"), claims, call.user)
    return answer(_shown(made), 201, PRIVATE)


async def remove(call: Call) -> web.StreamResponse:
    """`DELETE /-/trust/:name/:id`."""
    name = call.part("name")
    await call.registry.owners.check(name, call.user)
    await _trust(call).remove(name, call.part("id"), call.user)
    return answer({"ok": True})


def _trust(call: Call) -> TrustedPublishers:
    """Raises NotFound."""
    found = call.services.trust
    if found is None or not found.issuers.named:
        raise NotFound("This registry trusts no identity tokens: its operator has named no --oidc-issuers.")
    return found


def _shown(one: TrustedPublisher) -> dict[str, Any]:
    return {
        "id": one.id,
        "issuer": one.issuer,
        "claims": one.claims,
        "owner": one.owner,
        "created": _moment(one.created),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
