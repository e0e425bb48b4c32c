"""Ends work for clients that have gone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

_LOOK = 0.25  # seconds between two looks


class ClientGone(ConnectionError):
    """The client has closed its connection: nobody reads an answer any more."""


def has_gone(request: web.BaseRequest) -> bool:
    transport = request.transport
    return transport is None or transport.is_closing()


@contextmanager
def while_there(request: web.BaseRequest) -> Iterator[None]:
    """Cancel what the block awaits when the client goes, and raise ClientGone then.

    Only for work that may be given up at any point: reading, and writing that protects itself.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("there is no task to cancel")
    watch, before = _Watch(request, task), task.cancelling()
    try:
        yield
    except asyncio.CancelledError:
        if watch.has_cancelled and task.uncancel() <= before:
            raise ClientGone("the client has gone") from None
        raise
    finally:
        watch.timer.cancel()


class _Watch:
    """Looks from time to time whether the client is there, and cancels the task when not."""

    def __init__(self, request: web.BaseRequest, task: "asyncio.Task[object]") -> None:
        self._request, self._task = request, task
        self._loop = asyncio.get_running_loop()
        self.has_cancelled = False
        self.timer = self._loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        if has_gone(self._request):
            self.has_cancelled = True
            self._task.cancel()
        else:
            self.timer = self._loop.call_later(_LOOK, self._look)
