"""How far a publish is, as JSON, and as a stream of events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from couchreg.http.registry.frame.answers import OPEN, SAFE
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import EVENTS, JSON
from couchreg.model import json
from couchreg.registry.publishing.records import PublishState, Record
from couchreg.registry.reading.served import url_of
from couchreg.wire.accept import qualities

_LOOK = 0.5  # seconds between two looks at what is being done
_QUIET = 15.0  # seconds after which a comment keeps the connection alive


def wants_events(request: web.BaseRequest) -> bool:
    """Whether the client accepts a stream of events before JSON."""
    wanted = dict(qualities(request.headers.get("Accept", "")) or ())
    return wanted.get(EVENTS, 0.0) > 0 and wanted[EVENTS] >= wanted.get(JSON, 0.0)


def status_url(call: Call, record: Record) -> str:
    """Where the status of a publish is."""
    return f"{call.base}/-/publishing/{record.id}"


async def shown(call: Call, record: Record, *, files: bool = True) -> dict[str, Any]:
    """A publish as its owner sees it; with `files` what of them is still awaited."""
    sessions = call.registry.sessions
    value: dict[str, Any] = {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "state": record.state.value,
        "url": status_url(call, record),
    }
    if record.state is not PublishState.CHECKING:
        value["expires"] = _moment(record.touched + sessions.limits.lasts)
    progress = call.registry.runs.progress(record)
    if progress is not None and not record.is_finished:
        value["progress"] = progress
    if record.state is PublishState.OPEN and files:
        contents = await sessions.contents(record)
        missing = await sessions.missing(record)
        value["missing"] = [contents.files[number].path for number in missing]
        value["partial"] = {
            contents.files[number].path: length
            for number, length in contents.arrived.partial.items()
            if length
        }
    if record.state is PublishState.PUBLISHED:
        value["published"] = {
            "rev": record.outcome["rev"],
            "created": record.outcome["created"],
            "url": url_of(call.base, record.name, record.version),
            **told_of(record.outcome["report"]),
        }
    elif record.is_finished:
        value |= record.outcome
    return value


def told_of(report: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a publisher is told of the report on a version: what nobody has checked, and errors all of it."""
    found = report or {}
    told = {member: found[member] for member in ("skipped", "unchecked") if found.get(member)}
    return told if found.get("valid", True) else {**told, "report": found}


async def as_events(call: Call, record: Record) -> web.StreamResponse:
    """An event `status` whenever it has changed, until it is over; then the stream ends."""
    headers = {**SAFE, **OPEN, "Cache-Control": "no-store", "Content-Type": EVENTS, "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    if call.request.method == "HEAD":
        return response
    last, quiet = b"", 0.0
    while True:
        data = json.encode(await shown(call, record, files=False))
        quiet += _LOOK
        if data != last:
            await response.write(b"event: status\ndata: " + data + b"\n\n")
            last, quiet = data, 0.0
        elif quiet >= _QUIET:
            await response.write(b": still here\n\n")
            quiet = 0.0
        if record.state is not PublishState.CHECKING:
            break
        await asyncio.sleep(_LOOK)
    await response.write_eof()
    return response


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
