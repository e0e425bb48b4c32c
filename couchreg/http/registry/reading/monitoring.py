"""`/-/health` and `/-/metrics`: what whoever looks after the server asks of it, people or programs."""

from aiohttp import web

from couchreg.auth.policy import reads_figures
from couchreg.http.registry.frame.answers import SAFE, answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.health import FAILING, worst
from couchreg.journal.openmetrics import CONTENT_TYPE

NEVER = {"Cache-Control": "no-store"}


async def live(call: Call) -> web.StreamResponse:
    """The process answers."""
    return answer({"status": "ok"}, headers=NEVER)


async def ready(call: Call) -> web.StreamResponse:
    """Each part with its status, 503 where one is failing. The reasons name folders and errors: they are for
    operators."""
    parts = await call.services.health()
    detailed = reads_figures(call.user)
    rows = [
        {"name": part.name, "status": part.status, **({"reason": part.reason} if detailed else {})}
        for part in parts
    ]
    status = worst([part.status for part in parts])
    return answer({"status": status, "parts": rows}, 503 if status == FAILING else 200, NEVER)


async def metrics(call: Call) -> web.StreamResponse:
    """All figures, for server admins and the role `metrics`."""
    body = (await call.services.metrics()).encode()
    return web.Response(body=body, headers={**SAFE, **NEVER, "Content-Type": CONTENT_TYPE})
