"""Connections of both doors: how many there may be, and how long somebody may take over them.

Owns the server that aiohttp's runners start, and what happens to a connection on which nothing moves: a
head that does not come to its end, a body that stops, an answer that nobody reads. Nothing is timed for each
request: every few seconds all connections are looked at, which costs a request nothing.
"""

import asyncio
import logging
import re
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from couchreg.http.forwarded import TRUSTING_NONE, Proxies
from couchreg.http.watching import Handler, Watching
from couchreg.model.addresses import origin

log = logging.getLogger(__name__)

LONGEST_LINE = 65536  # bytes of a request line: `open_revs` and `keys` make long ones
LONGEST_FIELD = 8190  # bytes of a header
MOST_FIELDS = 100
LOOK = 2.0  # seconds between two looks at all connections
RESERVED = 128  # descriptors that are not for connections
LEAST_OF_BODY = 1024  # bytes of a body that come in the time allowed for it, unless it ends before
SHARE = 4  # one address has at most this part of all connections

# What the parser takes for a method; CONNECT and PRI change what follows, and are left to it.
_PARSED = frozenset(
    b"GET HEAD PUT POST DELETE COPY OPTIONS PATCH TRACE CONNECT PRI LOCK UNLOCK MKCOL MOVE PROPFIND "
    b"PROPPATCH SEARCH BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE "
    b"UNSUBSCRIBE PURGE MKCALENDAR LINK UNLINK SOURCE QUERY".split()
)
_UNROUTED = b"UNLINK"
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) \S+ HTTP/1\.[01]\r?\n")

SECTION = "chttpd"
Section = Callable[[], Mapping[str, str]]  # the settings below [chttpd], as they are now


class ConnectionLimits(NamedTuple):
    """`[chttpd]`: numbers of connections, and seconds (in the settings milliseconds)."""

    max_connections: int = 4096
    max_connections_per_address: int = 1024
    head_timeout: float = 30.0  # until the head of a request is complete
    body_timeout: float = 60.0  # for the next `LEAST_OF_BODY` of a body
    send_timeout: float = 60.0  # for a reader to take anything
    idle_timeout: float = 300.0  # between two requests

    @classmethod
    def of(cls, section: Mapping[str, str]) -> "ConnectionLimits":
        """What is set, the defaults for what is not or is no number above 0."""
        found: dict[str, Any] = {}
        for name, default in cls()._asdict().items():
            text = section.get(name, "")
            if text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0:
                found[name] = int(text) / 1000 if isinstance(default, float) else int(text)
        return cls(**found)

    @property
    def most(self) -> int:
        """In all: as many as the system lets a process have, too."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(1, min(self.max_connections, soft - RESERVED))

    @property
    def most_of_one(self) -> int:
        return max(1, min(self.max_connections_per_address, self.most // SHARE))


def nothing_set() -> Mapping[str, str]:
    return {}


class Connection(web.RequestHandler):
    """One connection. Raises nothing; what is late is cut off."""

    def __init__(self, manager: "Connections", **options: Any) -> None:
        super().__init__(manager, **options)
        self._connections_of = manager
        self._origin: str | None = None  # while it is counted
        self._since = 0.0  # loop time: a head began, or the last bytes of a request came
        self._body: tuple[Any, float, int] | None = None  # whose body had come so far, and when
        self._has_begun = False  # some bytes of a head are here, and not all
        self._waiting: tuple[float, int] | None = None  # since when nothing was taken of so many bytes
        self.first = b""  # what another process has read of it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._since = self._loop.time()
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        if self._connections_of.enter(address):
            self._origin = origin(address)
        else:
            self._refuse(b"503 Service Unavailable", b"Too many connections: try again in a while.")
        if self.first:
            first, self.first = self.first, b""
            self.data_received(first)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections_of.leave(self._origin)
        self._origin = None
        self._body = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and not self._has_begun and self._is_idle():
            data = self.beginning(data)
        super().data_received(data)
        begins = not self._messages and self._is_idle()
        if not begins or not self._has_begun:
            self._has_begun = begins
            self._since = self._loop.time()

    def _is_idle(self) -> bool:
        """Whether no request is under way, as far as its head is here."""
        if self._messages:
            return False
        waiter = self._waiter
        return not waiter.done() if waiter is not None else not self._request_count

    def beginning(self, data: bytes) -> bytes:
        """The first bytes of a request as the parser shall see them: a method that it does not know, and
        would refuse before anybody has looked at the path, becomes one that it knows and no route has."""
        found = _REQUEST_LINE.match(data)
        if found is not None and found[1] not in _PARSED:
            data = _UNROUTED + data[found.end(1) :]
        return self.spelt(data)

    def spelt(self, data: bytes) -> bytes:
        """The same, without what the clients of one door say in a way that the parser refuses."""
        return data

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be read as HTTP never reaches a door; the log gets none of it, for it may hold
        credentials."""
        if status == 500:
            self.log_exception("Error handling request", exc_info=exc)
        reason = (message or "").strip().partition("\n")[0] or "The request cannot be understood."
        answer = web.json_response({"error": "bad_request", "reason": reason}, status=status)
        answer.force_close()
        return answer

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """A request is over. Called by aiohttp in the task of the request, whatever came of it."""
        watching = self._connections_of.watching
        if watching is not None:
            watching.answered(request, response)

    def look(self, now: float, limits: ConnectionLimits) -> None:
        """Cut off what is late."""
        if self.transport is None:
            return
        late = self._is_stuck(now, limits.send_timeout)
        if late:
            self.transport.abort()
        elif self._current_request is not None:
            self._look_at_body(now, limits.body_timeout)
        elif self._has_begun or not self._request_count:
            if now - self._since > limits.head_timeout:
                self._refuse(b"408 Request Timeout", b"The head of the request took too long.")
        elif now - self._since > limits.idle_timeout:
            self.force_close()

    def _is_stuck(self, now: float, allowed: float) -> bool:
        """Whether nobody takes what is sent."""
        if not self._paused or self.transport is None:
            self._waiting = None
            return False
        left = self.transport.get_write_buffer_size()
        if self._waiting is None or left < self._waiting[1]:
            self._waiting = (now, left)
        return now - self._waiting[0] > allowed

    def _look_at_body(self, now: float, allowed: float) -> None:
        """A body that is not read, since something else has to be done first, is not late. One that comes
        byte by byte is, and so is one of which the sizes of its pieces are all that comes."""
        request = self._current_request
        if request is None or request.content.is_eof():
            return
        come = request.content.total_bytes
        waits = self._reading_paused or self._buffer_paused
        known, since, before = (None, now, 0) if self._body is None else self._body
        if waits or known != request or come - before >= LEAST_OF_BODY:
            self._body = request, now, come
        elif now - since > allowed and self.transport is not None:
            if request.writer.output_size:
                self.transport.abort()
            else:
                self._refuse(b"408 Request Timeout", b"The body of the request took too long.")

    def _refuse(self, status: bytes, reason: bytes) -> None:
        if self.transport is None:
            return
        body = b'{"error":"%b","reason":"%b"}\n' % (status[4:].lower().replace(b" ", b"_"), reason)
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nRetry-After: 5\r\n"
        self.transport.write(head % (status, len(body)) + b"Connection: close\r\n\r\n" + body)
        self.force_close()


class Connections(web.Server):
    """aiohttp's server of one door. `section` is asked at every connection."""

    protocol: type[Connection] = Connection

    def __init__(
        self,
        handler: Callable[[Any], Awaitable[web.StreamResponse]],
        *,
        proxies: Proxies = TRUSTING_NONE,
        section: Section = nothing_set,
        request_factory: Any = None,
        watching: Watching | None = None,
    ) -> None:
        handler = handler if watching is None else watching.around(handler)
        super().__init__(handler, request_factory=request_factory)
        self.watching = watching
        self._proxies = proxies
        self._section = section
        self._counts: Counter[str] = Counter()
        self._inside = 0
        self._looking: asyncio.Task[None] | None = None

    def __call__(self) -> web.RequestHandler:
        return self.protocol(
            self,
            loop=asyncio.get_running_loop(),
            auto_decompress=False,
            access_log=None,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_FIELD,
            max_headers=MOST_FIELDS,
        )

    @property
    def inside(self) -> int:
        """How many connections are counted, here and in other processes."""
        return self._inside

    def is_full(self, address: str) -> bool:
        """Whether there are too many for one more. A trusted proxy brings others' connections."""
        limits = ConnectionLimits.of(self._section())
        crowded = self._counts[origin(address)] >= limits.most_of_one and not self._proxies.trusts(address)
        return crowded or self._inside >= limits.most

    def enter(self, address: str) -> bool:
        """Count a connection, here or in another process; False where there are too many."""
        if self.is_full(address):
            log.warning("A connection of %s was refused: there are too many.", address)
            return False
        one = origin(address)
        self._inside += 1
        self._counts[one] += 1
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="connections")
        return True

    def leave(self, one: str | None) -> None:
        if one is None:
            return
        self._inside -= 1
        self._counts[one] -= 1
        if not self._counts[one]:
            del self._counts[one]

    async def _look(self) -> None:
        """Ends when there is nothing left to look at."""
        try:
            while self._inside:
                await asyncio.sleep(LOOK)
                limits, now = ConnectionLimits.of(self._section()), asyncio.get_running_loop().time()
                for connection in self.connections:
                    if isinstance(connection, Connection):
                        connection.look(now, limits)
        finally:
            self._looking = None

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 — aiohttp's own
        if self._looking is not None:
            self._looking.cancel()
        await super().shutdown(timeout)


class ApplicationRunner(web.AppRunner):
    """An application behind `Connections`."""

    def __init__(
        self,
        application: web.Application,
        *,
        proxies: Proxies,
        section: Section,
        shutdown_timeout: float,
        watching: Watching | None = None,
        around: Callable[[Handler], Handler] | None = None,
    ) -> None:
        """`around` makes the handler that is asked of the application's own."""
        super().__init__(application, shutdown_timeout=shutdown_timeout)
        self._proxies, self._section, self._watching = proxies, section, watching
        self._around = around

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()  # starts the application
        return Connections(
            made.request_handler if self._around is None else self._around(made.request_handler),
            proxies=self._proxies,
            section=self._section,
            request_factory=made.request_factory,
            watching=self._watching,
        )
