"""Publishing: the request's body, in one of the forms that are taken, to the registry's `Publisher`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from couchreg.errors import BadContentType, BadRequest
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.publishing.form import read_form
from couchreg.http.registry.publishing.json_document import read_document
from couchreg.http.registry.publishing.related import read_related
from couchreg.http.registry.publishing.status import shown, told_of
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.publish import Published
from couchreg.registry.publishing.records import Record
from couchreg.registry.publishing.zipped import read_zip
from couchreg.registry.reading.served import url_of
from couchreg.wire.headers import boundary_of, parameters

MOST_LISTED = 1000  # files of an archive that are left out, by name
_ZIP = ("application/zip", "application/x-zip-compressed")


async def publish(call: Call) -> web.StreamResponse:
    """`PUT /:name/:version`: 201, or 200 when this very content is published already;
    202 when its check goes on.

    `?dry-run=true`: everything but storing, and 200 for what would be published.
    """
    name, version, dry = call.part("name"), call.part("version"), flag(call, "dry-run")
    await call.registry.publisher.check_address(name, version, call.user)
    seconds = waiting_time(call)
    with call.while_there():
        async with AsyncExitStack() as held:
            intake = await held.enter_async_context(call.registry.intake())
            await _read(call, intake)
            await call.confirm()
            if dry:
                published = await call.registry.publisher.publish(
                    intake, name, version, call.user, dry_run=True, confirm=call.confirm, askers=call.askers
                )
                return outcome(call, published, dry_run=True, left_out=intake.left_out)
            found = await call.registry.runs.publish(
                intake, held, name, version, call.sender, seconds=seconds
            )
    return await ended_or_going_on(call, found, left_out=intake.left_out)


def waiting_time(call: Call) -> float:
    """How long the request may wait for a check: as it says, and never longer than the operator lets it.

    Raises BadRequest.
    """
    most, text = call.services.publish_wait, call.request.query.get("wait")
    if text is None:
        return most
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise BadRequest("“wait” must be a whole number of seconds.")
    return min(most, int(text))


async def ended_or_going_on(
    call: Call, found: Published | Record, *, left_out: Sequence[str] = ()
) -> web.Response:
    """The answer for a version that is published, or for a publish that goes on without the request."""
    if isinstance(found, Published):
        return outcome(call, found, left_out=left_out)
    status = await shown(call, found)
    if left_out:
        status["left_out"] = list(left_out[:MOST_LISTED])
    return answer({"ok": True, **status}, 202, {"Location": status["url"], "Retry-After": "1"})


def flag(call: Call, name: str) -> bool:
    """A switch of the query string. Raises BadRequest for what is neither `true` nor `false`."""
    text = call.request.query.get(name, "false")
    if text not in ("true", "false"):
        raise BadRequest(f"“{name}” must be true or false.")
    return text == "true"


async def _read(call: Call, intake: Intake) -> None:
    body = plain_body(call, intake.limits)
    stated = call.request.headers.get("Content-Type", "")
    form, _ = parameters(stated)
    if form == "multipart/related":
        await read_related(intake, boundary_of(stated), body)
    elif form == "multipart/form-data":
        await read_form(intake, boundary_of(stated), body)
    elif form == "application/json":
        await read_document(intake, body)
    elif form in _ZIP:
        await read_zip(intake, body)
    else:
        raise BadContentType(
            "Send the package as multipart/form-data (curl -F), multipart/related, application/zip "
            "or application/json, and say which in Content-Type."
        )
    async for _ in body:
        pass  # what follows the last part counts for nothing, but a gzip's checksum stands at its end


def outcome(
    call: Call, published: Published, *, dry_run: bool = False, left_out: Sequence[str] = ()
) -> web.Response:
    url = url_of(call.base, published.name, published.version)
    value: dict[str, Any] = {
        "ok": True,
        "id": f"{published.name}@{published.version}",
        "name": published.name,
        "version": published.version,
        "url": url,
    }
    if left_out:
        value["left_out"] = list(left_out[:MOST_LISTED])
    if dry_run:
        return answer({**value, "dry_run": True, "report": published.report})
    value["rev"] = published.rev
    value |= told_of(published.report)
    return answer(value, 201 if published.created else 200, {"Location": url})
