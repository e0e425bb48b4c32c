"""Publishing in a browser: files are sent, a descriptor is proposed, and a person edits it, sees what checks
find, and publishes.

Files and edits come as forms, so none of it needs a script. A draft lies with the publishes over several
requests.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp import web

from couchreg.errors import (
    BadContentType,
    BadRequest,
    Conflict,
    CouchregError,
    Forbidden,
    InvalidPackage,
    NotFound,
    TooLarge,
)
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.pages.comparing import problems_of
from couchreg.http.registry.pages.forms import TOKEN, check_site, check_token, fields_of, token_for
from couchreg.http.registry.pages.wanted import private, to, wants_page_of_error
from couchreg.package.names import check_package_name, check_version
from couchreg.package.paths import plain_path
from couchreg.registry.publishing.by_parts import LEAST
from couchreg.registry.publishing.drafts import LONGEST, TOO_LONG
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.records import PublishState, Record
from couchreg.registry.reading.served import url_of
from couchreg.web.descriptors import TYPES, columns_of, edited
from couchreg.web.snippets import publishing
from couchreg.wire.headers import boundary_of, filename_of, parameters
from couchreg.wire.parts import Part, Parts
from couchreg.wire.status import status_of

PLACE: Final = "/-/publish"
_FILES: Final = 100  # that are listed
_FIELDS, _LONGEST = 10, 1000  # of the form with files; bytes of one
_FORM: Final = 3 * LONGEST + (1 << 20)  # bytes: a descriptor, percent-encoded, and what its columns are
_MOST: Final = 2000  # fields
_GONE: Final = "There is no such draft: it is published, has expired, or is not yours."


async def start_page(call: Call) -> web.StreamResponse:
    """`GET /-/publish`: where files are chosen."""
    return await _start(call)


async def start(call: Call) -> web.StreamResponse:
    """`POST /-/publish`: takes the files; on to the page of the draft."""
    check_site(call)
    kind, _ = parameters(call.request.headers.get("Content-Type", ""))
    if kind != "multipart/form-data":
        raise BadContentType("Send a form with files, as multipart/form-data.")
    fields: dict[str, str] = {}
    with call.while_there():
        async with AsyncExitStack() as held:
            intake = await held.enter_async_context(call.registry.intake())
            try:
                await _read(call, intake, fields)
                name, version = fields.get("name", ""), fields.get("version", "")
                record, unread = await call.registry.drafts.begin(intake, name, version, call.sender)
            except (BadRequest, Conflict, Forbidden, NotFound, TooLarge) as error:
                if not wants_page_of_error(call.request):
                    raise
                return await _start(call, error, fields)
    return _to_draft(call, record, unread)


async def page(call: Call) -> web.StreamResponse:
    """`GET /-/publish/:id`: the draft, to be edited."""
    record = await _own(call)
    return await _page(call, record, await call.registry.drafts.text(record))


async def change(call: Call) -> web.StreamResponse:
    """`POST /-/publish/:id`: checks the draft with the descriptor that came along, publishes it, or ends and
    forgets it."""
    record = await _own(call)
    call.allow(record.name)
    fields = await fields_of(call, _FORM, _MOST)
    do = fields.get("do", "")
    if do == "describe":
        return await _describe(call, record)
    if do == "forget":
        await call.registry.runs.cancel(record)
        return to(call.base, PLACE)
    if do not in ("check", "publish"):
        raise BadRequest("“do” must be check, publish, describe or forget.")
    text = fields.get("descriptor", "")
    if len(text.encode()) > LONGEST:
        raise TooLarge(TOO_LONG)  # and it is not shown again
    try:
        text = await asyncio.to_thread(edited, text, fields, LONGEST)
        return await _done(call, record, text, do)
    except InvalidPackage as error:
        return await _page(call, record, text, report=error.report, error=error)
    except (BadRequest, Conflict, Forbidden, TooLarge) as error:
        return await _page(call, record, text, error=error)


async def _describe(call: Call, record: Record) -> web.StreamResponse:
    """What a script has announced and sent becomes a draft."""
    try:
        with call.while_there():
            found, unread = await call.registry.drafts.describe(record, call.sender)
    except (BadRequest, Conflict, Forbidden, TooLarge) as error:
        return await _start(call, error, {"name": record.name, "version": record.version})
    return _to_draft(call, found, unread)


def _to_draft(call: Call, record: Record, unread: Sequence[Any]) -> web.Response:
    return to(call.base, f"{PLACE}/{record.id}" + ("?note=unread" if unread else ""))


async def _done(call: Call, record: Record, text: str, do: str) -> web.StreamResponse:
    drafts = call.registry.drafts
    with call.while_there():
        if do == "check":
            found = await drafts.check(record, text, call.sender)
            return await _page(call, record, text, report=found.report, checked=True)
        published = await drafts.publish(record, text, call.sender)
    return to(call.base, url_of("", published.name, published.version))


# -- what comes


async def _read(call: Call, intake: Intake, fields: dict[str, str]) -> None:
    """Fields first, then files. Nothing is kept before it is known that the form is ours, and whose package
    it is. Raises Forbidden, BadRequest, TooLarge."""
    body = plain_body(call, intake.limits)
    begun = False
    async for part in Parts(body, boundary_of(call.request.headers.get("Content-Type", ""))):
        _, found = parameters(part.headers.get("content-disposition", ""))
        filename = filename_of(part.headers)
        if filename is None:
            if begun:  # its name has been checked already
                raise BadRequest("The fields of this form come before its files.")
            fields[found.get("name", "")[:_LONGEST]] = await _text(part)
            if len(fields) > _FIELDS:
                raise BadRequest(f"This form has at most {_FIELDS} fields.")
        elif not begun:
            check_token(call, fields.get(TOKEN, ""))
            name, version = fields.get("name", ""), fields.get("version", "")
            await call.registry.publisher.check_address(name, version, call.user)
            call.allow(name)
            begun = True
        if filename and not _is_hidden(filename):
            await intake.receive(plain_path(filename), part.headers.get("content-type"), part)
    if not begun:
        check_token(call, fields.get(TOKEN, ""))
        check_package_name(fields.get("name", ""))
        check_version(fields.get("version", ""))


async def _text(part: Part) -> str:
    data = bytearray()
    async for chunk in part:
        data += chunk
        if len(data) > _LONGEST:
            raise TooLarge(f"A field of this form may have at most {_LONGEST} bytes.")
    return data.decode("utf-8", "replace").strip()


def _is_hidden(path: str) -> bool:
    """What a folder holds for programs, and nobody means to publish."""
    return any(piece.startswith((".", "~$", "__MACOSX")) for piece in path.split("/"))


async def _own(call: Call) -> Record:
    """The draft of the address, which stays a while longer for being asked for. Raises NotFound for somebody
    else's."""
    record = call.registry.sessions.get(call.part("id"))
    if not await call.is_mine(record):
        raise NotFound(_GONE)
    await call.registry.sessions.touch(record)
    return record


# -- what is shown


async def _start(
    call: Call, error: CouchregError | None = None, fields: Mapping[str, str] | None = None
) -> web.StreamResponse:
    token, headers = token_for(call)
    known = fields or {}
    sessions = call.registry.sessions
    drafts = [
        {
            "name": one.name,
            "version": one.version,
            "url": f"{call.base}{PLACE}/{one.id}",
            "missing": one.state is PublishState.OPEN and len(await sessions.missing(one)),
        }
        for one in sessions.of(call.user.name or "")
        if not one.is_finished and await call.is_mine(one)
    ]
    return private(
        call,
        "publish.html",
        status_of(error) if error else 200,
        headers,
        title="Publish a data package",
        script="publish.js",
        bucket=await call.registry.by_parts.place() or "",
        least=LEAST,
        token=token,
        name=known.get("name", "")[:300],
        version=known.get("version", "1.0.0")[:100],
        reason=error.reason if error else "",
        drafts=drafts,
        commands=publishing(call.base, call.user.name or ""),
    )


def _told(report: Mapping[str, Any] | None) -> str:
    """What came of a check that refused nothing."""
    if report is None:
        return "It can be published. This registry does not look into data."
    if report.get("valid") is True:
        return "Everything that was checked is as the descriptor says."
    return "It can be published with these problems, which everybody will see."


async def _page(
    call: Call,
    record: Record,
    text: str,
    *,
    report: Mapping[str, Any] | None = None,
    error: CouchregError | None = None,
    checked: bool = False,
) -> web.StreamResponse:
    token, headers = token_for(call)
    files = await call.registry.drafts.files(record)
    members, resources = await asyncio.to_thread(columns_of, text)
    return await asyncio.to_thread(
        private,
        call,
        "draft.html",
        status_of(error) if error else 200,
        headers,
        title="Describe your data package",
        token=token,
        url=f"{call.base}{PLACE}/{record.id}",
        text=text,
        files=[{"path": path, "bytes": size} for path, size in files[:_FILES]],
        more_files=max(0, len(files) - _FILES),
        unread="note" in call.request.query,
        reason="" if error is None else error.reason,
        told=_told(report) if checked else "",
        members=members,
        resources=resources,
        types=TYPES,
        **problems_of(report or {}),
    )
