"""Looks after the requests of a door: what is told of each when it is over, to the access log and to whoever
counts, and the end of work for clients that have gone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any

from aiohttp import web

from couchreg.journal.asking import UNDER_WAY, Asked, Counted, Over, Trail

GONE = 499  # what a request counts as whose client was gone before there was an answer
_LOOK = 0.25  # seconds between two looks at whose clients are still there
Handler = Callable[[Any], Awaitable[web.StreamResponse]]
Tell = Callable[[Over], None]


class Watching:
    """Looks after the requests of one door. `trail` is where it is written down who changed what."""

    def __init__(
        self,
        door: str,
        trail: Trail | None = None,
        tell: Sequence[Tell] = (),
        limits: Counted | None = None,
    ) -> None:
        """`limits` bounds those who ask: see `limits.admit`."""
        self._door = door
        self._limits = limits
        self._trail = trail
        self._tell = tuple(tell)

    def around(self, handler: Handler) -> Handler:
        """The handler, with its request known as the one under way."""

        door, trail, limits = self._door, self._trail, self._limits
        monotonic, set_under_way = time.monotonic, UNDER_WAY.set  # the time of a loop may be its last round's

        def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            # Of this request alone: aiohttp answers each in a task.
            set_under_way(Asked(door, request.headers, trail, limits, monotonic()))
            return handler(request)

        return handle

    def answered(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """What was no HTTP never became a request under way."""
        if not self._tell:
            return
        now = time.monotonic()
        asked = UNDER_WAY.get()
        if asked is None or not asked.began:
            asked = Asked(self._door, {}, None, began=now)
        if not asked.address:
            asked.address = request.remote or ""
        size = request.writer.output_size
        status = response.status if size else GONE
        over = Over(asked, request.method, request.raw_path, status, size, now - asked.began, now)
        for tell in self._tell:
            tell(over)


# -- clients that have gone


class ClientGone(ConnectionError):
    """The client has closed its connection: nobody reads an answer any more."""


def has_gone(request: web.BaseRequest) -> bool:
    transport = request.transport
    return transport is None or transport.is_closing()


class Leaving:
    """Looks after the requests of one door; one timer for all, since most are over before it comes."""

    def __init__(self) -> None:
        self.watched: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, request: web.BaseRequest) -> "Watch":
        """A context: what its block awaits is cancelled when the client goes, and ClientGone raised then.

        Only for work that may be given up at any point: reading, and writing that protects itself.
        """
        return Watch(self, request)

    def start(self) -> None:
        """Look at them from now on."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        for watch in list(self.watched):
            watch.look()
        if self.watched:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)


class Watch:
    """One request under way; see `Leaving.watch`."""

    __slots__ = ("_before", "_has_cancelled", "_leaving", "_request", "_task")

    def __init__(self, leaving: Leaving, request: web.BaseRequest) -> None:
        self._leaving = leaving
        self._request = request
        self._task = request.task
        self._has_cancelled = False

    def look(self) -> None:
        if self._task is not None and has_gone(self._request):
            self._before = self._task.cancelling()
            self._has_cancelled = True
            self._task.cancel()
            self._leaving.watched.discard(self)

    def __enter__(self) -> None:
        if not self._leaving.watched:
            self._leaving.start()
        self._leaving.watched.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.watched.discard(self)
        task = self._task
        if not self._has_cancelled or task is None:
            return  # as nearly always
        others = task.uncancel() > self._before  # the server is stopping, say
        if kind is not None and issubclass(kind, asyncio.CancelledError) and not others:
            raise ClientGone("the client has gone") from None
