"""Answers that are finished, headers and bytes, kept for whoever asks for the same in the same words.

Packages are read by programs without a login, which ask for the same few addresses again and again. An answer
to one is found again by the whole of its request: the address with its query, and every header. Only those
are kept whose requests have no other headers than those below, so nothing is decided here of ranges,
conditions, logins or proxies: whoever sends such a header is answered as ever.

An answer holds while nothing has been written to the database of packages since before it was made (there
stands what is published, yanked and for whom), and everybody may read that. Both are asked each time. Where
they cannot be asked, since the documents are in a CouchDB that is away, an answer that held within the last
hour is sent all the same, and says that it may be old. Nothing else in the server is told anything older.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from couchreg.auth.policy import has_no_members
from couchreg.docstore.base import Seq
from couchreg.errors import CouchregError, Unavailable
from couchreg.http.limits import admit
from couchreg.http.registry.frame.call import Call, Handler, RegistryServices
from couchreg.http.registry.frame.codings import Codings
from couchreg.journal.asking import UNDER_WAY, Asked
from couchreg.wire.accept import IDENTITY

KEPT: Final = 16 << 20  # bytes of answers and of what they are known by
LARGEST: Final = 64 << 10  # bytes of one
LONGEST: Final = 2000  # bytes of the headers of a request, and of its address
MOST_HEADERS: Final = 12  # of a request: each takes more than its bytes
_AROUND: Final = 3000  # bytes that an answer and these take besides
_PLAIN: Final = frozenset(
    {b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection"}
)
_NO_BODY: Final = (b"content-length", b"0")
_OF_ITS_MOMENT: Final = frozenset({"date", "x-request-id"})
OLDEST: Final = 3600.0  # seconds since an answer was last known to hold
# RFC 7234, 5.5: it is stale, and who could say whether it still holds did not answer. No cache keeps it.
_WARNING: Final = b'Warning: 110 couchreg "Response is Stale", 111 couchreg "Revalidation Failed"\r\n'
_FOR_CACHES: Final = re.compile(rb"(?im)^Cache-Control:[^\r\n]*\r\n")
_NO_STORE: Final = b"Cache-Control: no-store\r\n"

Key = tuple[str, tuple[tuple[bytes, bytes], ...]]  # the address, and every header


@dataclass(slots=True)
class Finishing:
    """An answer on its way that may be kept: all of it is as the database was at `since` or later. `counts`
    is the version of which it is a download."""

    call: Call
    since: Seq
    counts: tuple[str, str] | None = None


@dataclass(slots=True)
class Finished:
    """An answer, but for what is of its moment: the date, and the name of the request. `held` is when it was
    last known to hold, in monotonic seconds."""

    since: Seq
    route: str
    counts: tuple[str, str] | None
    head: bytes
    body: bytes
    held: float


FINISHING = web.RequestKey("finishing", Finishing)


async def may_be_kept(call: Call) -> None:
    """To be called before anything is read for an answer that depends on nothing but the request and the
    database of packages."""
    if call.request.method == "GET" and call.identity.handler is None and call.audience.is_everyone:
        call.request[FINISHING] = Finishing(call, await call.registry.database.update_seq())


def counted(call: Call, name: str, version: str) -> None:
    """The answer is a download of a version."""
    finishing = call.request.get(FINISHING)
    if finishing is not None:
        finishing.counts = (name, version)


class FinishedAnswers:
    """Those asked for last, of one door."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._found: OrderedDict[Key, Finished] = OrderedDict()
        self.size = 0  # bytes that are kept

    def around(self, services: RegistryServices, handler: Handler) -> Callable[[web.Request], Awaitable[Any]]:
        """A handler that asks the other one for what is not kept."""
        find = self._found.get

        def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
            key = (request.raw_path, request.raw_headers)
            found = find(key)
            if found is None or request.method != "GET" or not _is_kept_alive(request):
                return handler(request)
            return self._answer(services, key, found, request, handler)

        return handle

    async def _answer(
        self, services: RegistryServices, key: Key, found: Finished, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        asked, is_older = UNDER_WAY.get(), False
        try:
            try:
                holds = await self._holds(services, key, found)
            except Unavailable:
                holds = is_older = time.monotonic() - found.held < OLDEST
            if holds and asked is not None:
                asked.door, asked.route = "registry", found.route
                asked.address = services.proxies.address(request)
                if asked.limits is not None:
                    admit(asked, is_admin=False)
        except CouchregError:  # which the other one says in its words
            holds = False
        if not holds:
            return await handler(request)
        if found.counts is not None:
            services.registry.downloads.count(*found.counts)
        return _Sent(found, asked, is_older=is_older)

    async def _holds(self, services: RegistryServices, key: Key, found: Finished) -> bool:
        security = None if services.user_required() else await services.security()
        if security is None or not has_no_members(security):
            return False
        if await services.registry.database.update_seq() == found.since:
            if key in self._found:
                self._found.move_to_end(key)
            found.held = time.monotonic()
            return True
        self._forget(key)
        return False

    async def keep(self, request: web.Request, response: web.StreamResponse) -> None:
        """Keep an answer that is about to be sent, if it may be. Called when its headers are complete."""
        finishing = request.get(FINISHING)
        if finishing is None or response.status != 200 or not isinstance(response, web.Response):
            return
        key, body = (request.raw_path, request.raw_headers), response.body
        if not isinstance(body, bytes) or len(body) > LARGEST:
            return
        if not _is_kept_alive(request) or not _is_plain(key):
            return
        if _is_for_want_of_time(finishing.call.services.codings, request, response, len(body)):
            return
        said = [pair for pair in response.headers.items() if pair[0].lower() not in _OF_ITS_MOMENT]
        lines = [f"{name}: {value}" for name, value in said]
        if any("\r" in line or "\n" in line for line in lines):
            return  # aiohttp refuses it
        head = "\r\n".join(["HTTP/1.1 200 OK", *lines, ""]).encode()
        self._forget(key)
        route = finishing.call.route.path
        self._found[key] = Finished(finishing.since, route, finishing.counts, head, body, time.monotonic())
        self.size += _weight(key, self._found[key])
        while self.size > self._most:
            self._forget(next(iter(self._found)))

    def _forget(self, key: Key) -> None:
        gone = self._found.pop(key, None)
        if gone is not None:
            self.size -= _weight(key, gone)


class _Sent(web.StreamResponse):
    """A finished answer on its way, sent as one write, past aiohttp's maps of headers."""

    status: int = 200  # no property, as it is asked for again and again

    def __init__(self, finished: Finished, asked: Asked | None, *, is_older: bool) -> None:
        """The base class only prepares maps that are not used."""
        self._finished = finished
        self._asked = asked
        self._is_older = is_older
        self._keep_alive = True

    @property
    def prepared(self) -> bool:
        return self._eof_sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._req = request
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        if self._eof_sent or self._req is None:
            return
        self._eof_sent = True
        finished, asked = self._finished, self._asked
        moment = f"Date: {rfc822_formatted_time()}\r\n".encode()
        if asked is not None and asked.began:
            moment += f"X-Request-ID: {asked.id}\r\n".encode()
        head = finished.head
        if self._is_older:
            head, moment = _FOR_CACHES.sub(b"", head), moment + _NO_STORE + _WARNING
        self._body_length = len(finished.body)
        await self._req.writer.write(b"%b%b\r\n%b" % (head, moment, finished.body))


def _is_kept_alive(request: web.Request) -> bool:
    return request.keep_alive and request.version == HttpVersion11


def _is_plain(key: Key) -> bool:
    """Whether a request says nothing besides what it asks for, and how it can be answered."""
    address, headers = key
    if len(headers) > MOST_HEADERS:
        return False
    if len(address) + sum(len(name) + len(value) for name, value in headers) > LONGEST:
        return False
    return all(name.lower() in _PLAIN or (name.lower(), value) == _NO_BODY for name, value in headers)


def _is_for_want_of_time(codings: Codings, request: web.Request, response: web.Response, length: int) -> bool:
    """Whether it has plain bytes because too many coded ones were being made: the next may have those."""
    if "Content-Encoding" in response.headers:
        return False
    return codings.wanted(request, response.headers.get("Content-Type", ""), length) != IDENTITY


def _weight(key: Key, finished: Finished) -> int:
    address, headers = key
    named = len(address) + sum(len(name) + len(value) for name, value in headers)
    return _AROUND + named + len(finished.head) + len(finished.body)


FINISHED = web.AppKey("finished", FinishedAnswers)
