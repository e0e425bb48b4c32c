"""Ends work for clients that have gone."""

import asyncio
from types import TracebackType

from aiohttp import web

_LOOK = 0.25  # seconds between two looks


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
