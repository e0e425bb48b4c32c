"""The page for administrators: how the parts of the server do, who follows it, what fails, and accounts."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from couchreg.errors import BadRequest, CouchregError, NotImplementedHere, Unavailable
from couchreg.followers.loop import Status
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.overview import Overview
from couchreg.http.registry.pages.forms import fields_of, token_for
from couchreg.http.registry.pages.wanted import private, to
from couchreg.web.showing import cell, number, plain, size
from couchreg.wire.status import status_of

PLACE: Final = "/-/admin"
_ACCOUNTS: Final = 100  # of a page
_PROBLEMS: Final = 50  # of one follower
_LONGEST: Final = 300  # characters of where accounts begin
_DONE: Final = {"disabled": "The account is disabled.", "restored": "The account is good again."}
_LINE: Final = re.compile(r'(\w+)(?:\{(\w+)="([^"\\]*)"\})? ([0-9.e+-]+)')
_FIGURES: Final = {
    "couchreg_registry_documents": "Packages and versions",
    "couchreg_registry_deleted": "Deleted ones",
    "couchreg_registry_file_bytes": "File of the registry's database",
    "couchreg_databases": "Databases",
    "couchreg_disk_free_bytes": "Room left for",
    "couchreg_tables": "Tables that are",
    "couchreg_checks": "Packages that are checked, or wait for it",
    "couchreg_publishes": "Publishes beyond their requests",
    "couchreg_cache_bytes": "Kept in memory:",
    "process_resident_memory_bytes": "Memory in all",
}


async def page(call: Call) -> web.StreamResponse:
    """`GET /-/admin`."""
    return await _page(call, done=_DONE.get(call.request.query.get("done", ""), ""))


async def change(call: Call) -> web.StreamResponse:
    """`POST /-/admin`: disables an account, or lets it in again."""
    fields = await fields_of(call)
    name, do = fields.get("name", ""), fields.get("do", "")
    if do not in ("disable", "restore"):
        raise BadRequest("“do” must be disable or restore.")
    if call.services.care is None:
        raise NotImplementedHere
    try:
        await call.services.care.set_disabled(name, do == "disable")
    except CouchregError as error:
        return await _page(call, error=error)
    return to(call.base, f"{PLACE}?done={'disabled' if do == 'disable' else 'restored'}")


async def _page(call: Call, *, error: CouchregError | None = None, done: str = "") -> web.StreamResponse:
    token, headers = token_for(call)
    accounts, following = await _accounts(call)
    return private(
        call,
        "admin.html",
        status_of(error) if error else 200,
        headers,
        title="Administration",
        token=token,
        reason=error.reason if error else "",
        done=done,
        parts=[part._asdict() for part in await call.services.health()],
        followers=[_follower(one) for one in await call.services.followers()],
        replicas=[_replica(one) for one in call.services.replicas(True)],
        figures=await _figures(call),
        work=await _work(call),
        accounts=accounts,
        following=f"{call.base}{PLACE}?{following}" if following else "",
    )


async def _accounts(call: Call) -> tuple[list[dict[str, Any]], str]:
    """Some accounts, and the query for the next ones."""
    if call.services.care is None:
        return [], ""
    start = call.request.query.get("start", "")[:_LONGEST]
    found, after = await call.services.care.listed(start, _ACCOUNTS)
    rows = [
        {
            "name": plain(one.name, 200),
            "email": plain(one.email, 200),
            "roles": ", ".join(one.roles)[:200],
            "disabled": one.disabled,
        }
        for one in found
    ]
    following = call.request.rel_url.with_query({"start": after}).raw_query_string if after else ""
    return rows, following


def _follower(status: Status) -> dict[str, Any]:
    return {
        "name": status.name,
        "state": status.state,
        "behind": max(0, status.update_seq - status.seq),
        "count": len(status.problems) + status.uncounted_problems,
        "error": plain(status.last_error),
        "problems": [
            {"id": plain(one.doc_id, 200), "error": plain(one.error, 500), "when": _moment(one.when)}
            for one in status.problems[-_PROBLEMS:]
        ],
    }


def _replica(found: Mapping[str, Any]) -> dict[str, Any]:
    lag = found.get("lag") or {}
    return {
        "source": cell(found.get("source")),
        "state": cell(found.get("state")),
        "seconds": cell(lag.get("seconds")),
        "documents": cell(lag.get("documents")),
        "problem": cell(found.get("problem")),
    }


async def _work(call: Call) -> Overview:
    """Nothing where the documents cannot be asked: the page has more to say than that."""
    try:
        found = await call.services.overview()
    except Unavailable:
        return Overview()
    long = [one._replace(seconds=round(one.seconds, 3), target=plain(one.target, 200)) for one in found.long]
    return found._replace(long=long)


async def _figures(call: Call) -> list[dict[str, str]]:
    """Of the figures for monitors those that a person wants to see."""
    try:
        text = await call.services.metrics()
    except Unavailable as error:
        return [{"name": "Figures", "value": error.reason}]
    return list(_chosen(text))


def _chosen(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or found[1] not in _FIGURES:
            continue
        value = float(found[4])
        shown = size(value) if found[1].endswith("_bytes") else number(int(value))
        yield {"name": f"{_FIGURES[found[1]]} {found[3] or ''}".strip(), "value": shown}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
