"""Whether somebody wants a page, and the answer that holds one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, Final
from weakref import WeakSet

from aiohttp import web
from yarl import URL

from couchreg.docstore.base import Attachment
from couchreg.errors import Unavailable
from couchreg.http.registry.frame.answers import fresh
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import HTML
from couchreg.http.registry.reading.negotiation import prefers_page
from couchreg.model import json
from couchreg.web.rendering import render

log = logging.getLogger(__name__)

_PICTURES: Final = "img-src 'self'"
# A page loads its style and pictures from here, sends its forms here, and runs nothing.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; " + _PICTURES + "; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# What a page with a script may besides: run files that come with the server, and ask the server, and who is
# named behind that.
_SCRIPTS: Final = "; script-src {0}/-/static/; worker-src {0}/-/static/; connect-src 'self'"
_FRAMES: Final = "; frame-src 'self'"
_WORKER: Final = "default-src 'none'; script-src {0}/-/static/; connect-src 'self'"
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Vary": "Accept, Accept-Encoding, Cookie, Host",
}
PRIVATE: Final = {**HEADERS, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_NAMED: Final = ("profile", "clone")  # parameters that say themselves what is wanted
_KEPT: Final = ("WWW-Authenticate", "Retry-After", "Allow")  # headers of an error
Headers = Sequence[tuple[str, str]]
Operation = Callable[[Call], Awaitable[web.StreamResponse]]
_WITH_PAGES: Final[WeakSet[Operation]] = WeakSet()


def wants_page(request: web.BaseRequest) -> bool:
    """Whether HTML is preferred to what programs get here."""
    if request.method not in ("GET", "HEAD") or any(name in request.query for name in _NAMED):
        return False
    return prefers_page(", ".join(request.headers.getall("Accept", [])))


def wants_page_of_error(request: web.BaseRequest) -> bool:
    """As `wants_page`, of whoever has sent a form, too."""
    if request.method != "POST":
        return wants_page(request)
    return prefers_page(", ".join(request.headers.getall("Accept", [])))


def or_page(page: Operation, other: Operation) -> Operation:
    """The operation that answers with a page those who prefer one, and all others as before."""

    @wraps(page)
    async def answer(call: Call) -> web.StreamResponse:
        return await (page if wants_page(call.request) else other)(call)

    _WITH_PAGES.add(answer)
    return answer


def has_page(operation: Operation) -> bool:
    """Whether what it answers depends on what is preferred."""
    return operation in _WITH_PAGES


async def show(
    call: Call,
    template: str,
    *,
    pictured: Attachment | None = None,
    frames: bool = False,
    **values: Any,
) -> web.StreamResponse:
    """A page for this client, or 304 where it has it. `pictured` is a file beside those that it shows as
    pictures, or one of them: where readers are sent to a bucket for it, pictures may come from there.
    `frames`: it has a file in a frame, or will have, which no other page may."""
    body = await asyncio.to_thread(render, template, base=call.base, **values)
    kept = "no-cache" if call.audience.is_everyone else "private, no-cache"
    headers = {**HEADERS, "Cache-Control": kept}
    if values.get("script"):
        headers["Content-Security-Policy"] = with_scripts(call.base)
    if pictured is not None and (origin := await _origin(call, pictured)):
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace(_PICTURES, f"{_PICTURES} {origin}")
    if frames:
        headers["Content-Security-Policy"] += _FRAMES
    return await fresh(call, body, f"{HTML}; charset=utf-8", headers)


async def _origin(call: Call, file: Attachment) -> str:
    """Of the bucket that readers are sent to for a file; empty where they get it from here."""
    try:
        address = await call.services.elsewhere(file)
    except Unavailable as error:  # the file cannot be had now; the rest of the page can
        log.info("a page is shown without a file of its package: %s", error.reason)
        return ""
    return str(URL(address).origin()) if address else ""


def with_scripts(base: str, bucket: str = "") -> str:
    """The policy of a page with scripts of our own, which may send to a bucket, too."""
    return POLICY + f"{_SCRIPTS.format(base)} {bucket}".rstrip()


def for_worker(base: str) -> str:
    """The policy of a worker of our own."""
    return _WORKER.format(base)


def private(
    call: Call, template: str, status: int = 200, headers: Headers = (), **values: Any
) -> web.Response:
    """A page for this person alone, which nobody keeps. With `script` in the values, the name of a file that
    all pages share, that runs on it; with `bucket`, an address below which that may ask, too."""
    body = render(template, base=call.base, asked="", **values)
    response = web.Response(body=body, status=status, content_type=HTML, charset="utf-8", headers=PRIVATE)
    if values.get("script"):
        response.headers["Content-Security-Policy"] = with_scripts(call.base, values.get("bucket", ""))
    for name, value in headers:
        response.headers.add(name, value)
    return response


def to(base: str, place: str, headers: Headers = ()) -> web.Response:
    """Lead a browser to another page of ours, which it asks for with GET."""
    response = web.Response(status=303, headers={**PRIVATE, "Location": base + place})
    for name, value in headers:
        response.headers.add(name, value)
    return response


def problem(
    base: str, answer: web.Response, request: web.BaseRequest, *, may_log_in: bool = False
) -> web.Response:
    """What went wrong, as a page; `answer` is what programs get. Where a login is what is missing, and one at
    the pages would do (`may_log_in`), there is a page for that."""
    reads = request.method in ("GET", "HEAD")
    if may_log_in and answer.status == 401 and "Authorization" not in request.headers:
        place = URL("/").with_query({"next": request.rel_url.raw_path_qs} if reads else {})
        return to(base, "/-/login" + ("?" + place.raw_query_string if reads else ""))
    titles = {401: "Log in", 403: "Not allowed", 404: "Not found", 429: "Too many requests"}
    status = answer.status
    title = titles.get(status, "Something is wrong" if status < 500 else "The server could not do it")
    said = json.decode(answer.body) if isinstance(answer.body, bytes) else {}
    body = render("problem.html", base=base, asked="", title=title, reason=said.get("reason", answer.reason))
    kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    return web.Response(
        body=body, status=status, content_type=HTML, charset="utf-8", headers={**PRIVATE, **kept}
    )
