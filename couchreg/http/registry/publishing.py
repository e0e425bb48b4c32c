"""Publishing: the request's body, in one of the forms that are taken, to the registry's `Publisher`."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from couchreg.errors import BadContentType
from couchreg.http.registry.answers import answer
from couchreg.http.registry.call import Call
from couchreg.registry.document import read_document
from couchreg.registry.intake import Intake
from couchreg.registry.publish import Published
from couchreg.registry.related import read_related
from couchreg.registry.served import url_of
from couchreg.wire.headers import boundary_of, parameters


async def publish(call: Call) -> web.StreamResponse:
    """`PUT /:name/:version`: 201, or 200 when this very content is published already."""
    name, version = call.part("name"), call.part("version")
    await call.registry.publisher.check_address(name, version, call.user)
    async with call.registry.intake() as intake:
        await _read(call, intake)
        published = await call.registry.publisher.publish(intake, name, version, call.user)
    return _outcome(call, published)


async def _read(call: Call, intake: Intake) -> None:
    if call.request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadContentType("Send the package as it is, without a Content-Encoding.")
    stated = call.request.headers.get("Content-Type", "")
    form, _ = parameters(stated)
    if form == "multipart/related":
        await read_related(intake, boundary_of(stated), _body(call))
    elif form == "application/json":
        await read_document(intake, _body(call))
    else:
        raise BadContentType(
            "Send the package as multipart/related (the descriptor, then the files) or as application/json."
        )


async def _body(call: Call) -> AsyncIterator[bytes]:
    async for chunk in call.request.content.iter_any():
        yield chunk


def _outcome(call: Call, published: Published) -> web.Response:
    url = url_of(call.base, published.name, published.version)
    value: dict[str, Any] = {
        "ok": True, "id": f"{published.name}@{published.version}", "rev": published.rev,
        "name": published.name, "version": published.version, "url": url,
    }  # fmt: skip
    if published.report is not None and not published.report.get("valid", True):
        value["report"] = published.report
    return answer(value, 201 if published.created else 200, {"Location": url})
