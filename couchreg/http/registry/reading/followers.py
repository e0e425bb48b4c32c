"""`GET /-/followers`: how far those programs have come that follow the registry's database."""

from typing import Any

from aiohttp import web

from couchreg.followers.loop import Status
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call


async def followers(call: Call) -> web.StreamResponse:
    """Name, state and place of each; what went wrong with which document is for admins."""
    detailed = call.user.is_admin
    found = await call.services.followers()
    return answer({"followers": [row(status, detailed=detailed) for status in found]})


def row(status: Status, *, detailed: bool) -> dict[str, Any]:
    problems = len(status.problems) + status.uncounted_problems
    row: dict[str, Any] = {
        "name": status.name,
        "state": status.state,
        "seq": status.seq,
        "update_seq": status.update_seq,
        "problems": problems,
    }
    if status.tables is not None:
        row["tables"] = dict(status.tables)
    if detailed:
        row["documents"] = [item._asdict() for item in status.problems]
        row["last_error"] = status.last_error
    return row
