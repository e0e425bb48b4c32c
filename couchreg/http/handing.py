"""Connections of a server in several processes: one process answers everything, the others some reads.

A connection belongs to one process at a time, whole. A reading process looks at the head of each request.
What is not surely its to answer it leaves alone, and hands the connection on, with every byte that has come,
to the process that answers everything. So nobody stands between a client and who answers it: the address,
aborts, bodies of any length and back-pressure are the connection's own.

Owns which heads may be read (`may_be_read`), and the moment of handing on. How a connection gets from one
process to another is `app`'s.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import web

from couchreg.http.connections import Connection, Connections
from couchreg.http.watching import Handler
from couchreg.journal.failing import tell

log = logging.getLogger(__name__)

LONGEST_HEAD: Final = 16 << 10  # bytes of a head that is waited for
ANSWERED: Final = frozenset({200, 206, 302, 304})  # what a reading process says by itself
_FLUSHED: Final = 0.02  # seconds between two looks whether an answer has gone
_TIMEOUT: Final = 30.0  # seconds that an answer may take to go, before the connection is given up

# Who sends one of these only may be answered by a reading process: none of them says who asks, or has a body.
_HARMLESS: Final = (
    b"host|user-agent|accept|accept-encoding|accept-language|cache-control|pragma|if-none-match"
    b"|if-modified-since|if-range|range|referer|origin|dnt|priority|sec-[a-z-]+|x-requested-with"
    b"|x-request-id|x-couch-request-id|x-forwarded-(?:for|host|proto|ssl)|traceparent|tracestate"
)
_HEAD: Final = re.compile(
    rb"(?:GET|HEAD) (/[!-\"$-~]*) HTTP/1\.1\r\n"
    rb"(?:(?:(?:" + _HARMLESS + rb"):[^\r\n\0]*|connection:[ \t]*(?:keep-alive|close)[ \t]*)\r\n)+\r\n",
    re.IGNORECASE,
)
# Pages, and views as linked data, depend on more than what is stored.
_MADE: Final = re.compile(
    rb"\r\naccept:[^\r]*(?:html|ld\+json|xml)|[?&](?:profile|clone|callback)=", re.IGNORECASE
)


class Onward(Protocol):
    """The way to the process that answers everything."""

    @property
    def may_read(self) -> bool:
        """Whether reading processes answer anything just now."""

    def pass_on(self, connection: "HandsOn", handle: int, data: bytes) -> None:
        """Give away a connection, by a file handle that is its own from now on, and what has been read of it.
        Raises BlockingIOError where too many wait to be given away."""

    def closed(self, connection: "HandsOn") -> None:
        """A connection is no more here, whether it was given away or not."""


def may_be_read(head: bytes) -> bool:
    """Whether a request, by its head, is one that a reading process may try to answer."""
    return _HEAD.fullmatch(head) is not None and _MADE.search(head) is None


class HandedOn(web.StreamResponse):
    """In the place of an answer that another process gives."""

    async def prepare(self, request: web.BaseRequest) -> Any:
        raise ConnectionResetError


class HandsOn(Connection):
    """A connection in a reading process. To be mixed in before the connection of a door."""

    def __init__(self, manager: "Connections", **options: Any) -> None:
        super().__init__(manager, **options)
        self.onward: Onward | None = None
        self.door = ""
        self._part = b""  # of a head that has not come to its end
        self._head = b""  # of the request under way, until it is over
        self._later = b""  # what came behind it
        self.is_given = False
        self._giving: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.is_given or self.transport is None:
            return
        if self._giving is not None or self._head:
            self._later += data
            self._pause()
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        """The beginning of a request, or more of it."""
        data = self._part + data
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end and len(data) <= LONGEST_HEAD and data[:1] in (b"G", b"H"):
            if not self._part:
                self._has_begun, self._since = True, self._loop.time()
            self._part = data
            return
        self._part = b""
        head += end
        if not end or self.onward is None or not (self.onward.may_read and may_be_read(head)):
            self._give(data)
            return
        self._head, self._later = head, rest
        if rest:
            self._pause()
        super().data_received(self.beginning(head))

    def _pause(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        if self.is_given or self._giving is not None:
            return
        super().log_access(request, response, time)
        self._head = b""
        if not (request.keep_alive and response.keep_alive):  # it was the last: what comes behind is nothing
            self._later = b""
        elif self._later:
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """What came behind a request that is over is the next one."""
        if self.is_given or self._giving is not None or self.transport is None or self._force_close:
            return
        if self.transport.is_closing():
            return
        data, self._later = self._later, b""
        self.transport.resume_reading()
        self._take(data)

    async def give_back(self) -> None:
        """Hand on the request that is under way, of which nothing has been answered."""
        if self.transport is not None:
            self._give(self._head + self._later)
        if self._giving is not None:
            await asyncio.wait([self._giving])

    def _give(self, data: bytes) -> None:
        """Hand on, once the answers before have gone."""
        self._part = self._later = b""
        self._pause()
        if self.transport is not None and not self.transport.get_write_buffer_size():
            self._gone(data)
        else:
            self._giving = self._loop.create_task(self._give_later(data), name="handing on")

    async def _give_later(self, data: bytes) -> None:
        until = self._loop.time() + _TIMEOUT
        while self.transport is not None and self.transport.get_write_buffer_size():
            if self._loop.time() > until:
                self.transport.abort()
                return
            await asyncio.sleep(_FLUSHED)
        if self.transport is not None:
            self._gone(data + self._later)

    def _gone(self, data: bytes) -> None:
        transport, self.is_given = self.transport, True
        assert transport is not None
        assert self.onward is not None
        try:
            handle = os.dup(transport.get_extra_info("socket").fileno())
            try:
                self.onward.pass_on(self, handle, data)
            except BlockingIOError:
                os.close(handle)
                raise
        except OSError:  # there are no more handles, or too many wait
            self._refuse(b"503 Service Unavailable", b"Too many requests at once: try again in a while.")
            return
        transport.abort()  # the connection lives on by the other handle

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.onward is not None:
            self.onward.closed(self)

    def look(self, now: float, limits: Any) -> None:
        if self._giving is None:
            super().look(now, limits)


class ReadingConnections(Connections):
    """aiohttp's server of one door in a reading process."""

    onward: Onward
    door: str
    protocol = HandsOn

    def __call__(self) -> web.RequestHandler:
        made = super().__call__()
        assert isinstance(made, HandsOn)
        made.onward, made.door = self.onward, self.door
        return made


def reading(handler: Handler, fresh: Callable[[], None]) -> Handler:
    """The handler of a door in a reading process. `fresh` sees to it that what was written before is known;
    what comes to anything but an answer that this process may give is handed on."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        protocol = request.protocol
        assert isinstance(protocol, HandsOn)
        response: web.StreamResponse | None = None
        try:
            fresh()
            response = await handler(request)
        except web.HTTPException:
            log.debug("%s is not answered here", request.method)
        except ConnectionError:
            raise
        except Exception as error:
            if request.writer.output_size:
                raise
            tell(log, "A read, which is handed on,", error)
        if response is not None and (request.writer.output_size or response.status in ANSWERED):
            return response
        await protocol.give_back()
        return HandedOn()

    return handle
