"""Publishing over several requests: a manifest, the files that are missing, the commit; and how far it is."""

import re

from aiohttp import web

from couchreg.auth.tokens import Scope
from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.json_body import json_object
from couchreg.http.registry.publishing.publish import ended_or_going_on, waiting_time
from couchreg.http.registry.publishing.status import as_events, shown, wants_events
from couchreg.registry.publishing.records import Record, read_manifest

_MANIFEST = 8 << 20  # bytes beside the descriptor: 20,000 files with long paths
_ESCAPED = 6  # bytes of JSON for one of the descriptor's, at the worst
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_ALL_SENT = re.compile(r"bytes \*/([0-9]{1,18})")


async def create(call: Call) -> web.StreamResponse:
    """`POST /-/publishing`: 201 with what is missing; 200 for a publish that was begun before."""
    limits = call.registry.limits
    asked = await json_object(call, _MANIFEST + _ESCAPED * limits.descriptor)
    manifest = read_manifest(asked, limits)
    if call.grant is not None:
        call.grant.require(Scope.PUBLISH, manifest.name)
    more = sum(file.length for file in manifest.files)
    await call.registry.publisher.check_address(manifest.name, manifest.version, call.user, more)
    record, new = await call.registry.sessions.open(
        manifest, call.user.name or "", await call.pledge(), call.is_mine, call.askers
    )
    status = await shown(call, record)
    return answer(status, 201 if new else 200, {"Location": status["url"]})


async def listed(call: Call) -> web.StreamResponse:
    """`GET /-/publishing`: one's own, the newest first."""
    own = call.registry.sessions.of(call.user.name or "")
    found = [record for record in own if await call.is_mine(record)]
    rows = [await shown(call, record, files=False) for record in found]
    return answer({"publishing": rows}, headers={"Cache-Control": "no-store"})


async def status(call: Call) -> web.StreamResponse:
    """`GET /-/publishing/:id`: how far it is, or what came of it; as events for who accepts those."""
    record = await _own(call, publishing=False)
    if wants_events(call.request):
        return await as_events(call, record)
    return answer(await shown(call, record), headers={"Cache-Control": "no-store"})


async def receive(call: Call) -> web.StreamResponse:
    """`PUT /-/publishing/:id/:path`: a file, or with `Content-Range` a part of it that goes on where another
    ended."""
    record = await _own(call)
    start = _start(call)
    await call.confirm()
    sessions, path = call.registry.sessions, call.part("path")
    length = await sessions.receive(record, path, plain_body(call, call.registry.limits), start)
    await call.confirm()
    return answer({"ok": True, "bytes": length}, 201)


async def by_parts(call: Call) -> web.StreamResponse:
    """`POST /-/publishing/:id/:path`: where the parts of a large file are sent to that the bucket lacks; when
    it lacks none, some of the work of reading it."""
    record = await _own(call)
    with call.while_there():
        step = await call.registry.by_parts.step(record, call.part("path"), call.askers)
    parts = [{"start": part.start, "end": part.end, "url": part.url} for part in step.parts]
    return answer({"sent": step.there, "read": step.taken, "whole": step.is_whole, "parts": parts})


async def commit(call: Call) -> web.StreamResponse:
    """`POST /-/publishing/:id`: publish it; 202 when its check goes on."""
    record = await _own(call)
    seconds = waiting_time(call)
    await call.registry.publisher.check_address(record.name, record.version, call.user)
    with call.while_there():
        found = await call.registry.runs.commit(record, call.user, seconds=seconds, confirm=call.confirm)
    return await ended_or_going_on(call, found)


async def cancel(call: Call) -> web.StreamResponse:
    """`DELETE /-/publishing/:id`: end it, and forget it."""
    await call.registry.runs.cancel(await _own(call))
    return answer({"ok": True})


async def _own(call: Call, *, publishing: bool = True) -> Record:
    """The publish of the address. Raises NotFound for somebody else's, Forbidden for a token that is not for
    its package."""
    record = call.registry.sessions.get(call.part("id"))
    if not await call.is_mine(record):
        raise NotFound("There is no such publish: it is over, has expired, or is not yours.")
    if call.grant is not None and publishing:
        call.grant.require(Scope.PUBLISH, record.name)
    return record


def _start(call: Call) -> int:
    """Where the body of this request begins in its file; at its end when all was sent before, and not
    verified. Raises BadRequest."""
    stated = call.request.headers.get("Content-Range")
    if stated is None:
        return 0
    if all_sent := _ALL_SENT.fullmatch(stated.strip()):
        return int(all_sent[1])
    found = _RANGE.fullmatch(stated.strip())
    if found is None or not int(found[1]) <= int(found[2]) < int(found[3]):
        raise BadRequest("Write “Content-Range: bytes FIRST-LAST/LENGTH”, as in bytes 0-99/200.")
    if call.request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise BadRequest("A part of a file is sent without Content-Encoding.")
    return int(found[1])
