"""Publishing: the request's body, in one of the forms that are taken, to the registry's `Publisher`."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from couchreg.errors import BadContentType, BadRequest
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.publishing.form import read_form
from couchreg.http.registry.publishing.json_document import read_document
from couchreg.http.registry.publishing.related import read_related
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.publish import Published
from couchreg.registry.publishing.zipped import read_zip
from couchreg.registry.reading.served import url_of
from couchreg.wire.headers import boundary_of, parameters

MOST_LISTED = 1000  # files of an archive that are left out, by name
_ZIP = ("application/zip", "application/x-zip-compressed")


async def publish(call: Call) -> web.StreamResponse:
    """`PUT /:name/:version`: 201, or 200 when this very content is published already.

    `?dry-run=true`: everything but storing, and 200 for what would be published.
    """
    name, version, dry = call.part("name"), call.part("version"), flag(call, "dry-run")
    await call.registry.publisher.check_address(name, version, call.user)
    with call.while_there():
        async with call.registry.intake() as intake:
            await _read(call, intake)
            await call.confirm()
            published = await call.registry.publisher.publish(
                intake, name, version, call.user, dry_run=dry, confirm=call.confirm, askers=call.askers
            )
    return outcome(call, published, dry_run=dry, left_out=intake.left_out)


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
    report = published.report or {}
    if report.get("unchecked"):
        value["unchecked"] = report["unchecked"]
    if not report.get("valid", True):
        value["report"] = report
    return answer(value, 201 if published.created else 200, {"Location": url})
