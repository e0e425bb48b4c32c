"""What is told of every request of a door when it is over: to the access log, and to whoever counts."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from couchreg.journal.asking import UNDER_WAY, Asked, Counted, Over, Trail

GONE = 499  # what a request counts as whose client was gone before there was an answer
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

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            asked = Asked(self._door, request.headers, self._trail)
            asked.limits = self._limits
            asked.began = time.monotonic()  # the time of a loop may be that of its last round
            UNDER_WAY.set(asked)  # of this request alone: aiohttp answers each in a task
            return await handler(request)

        return handle

    def answered(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """What was no HTTP never became a request under way."""
        if not self._tell:
            return
        now = time.monotonic()
        asked = UNDER_WAY.get()
        if asked is None or not asked.began:
            asked = Asked(self._door, {}, None)
            asked.began = now
        asked.address = asked.address or request.remote or ""
        size = request.writer.output_size
        status = response.status if size else GONE
        over = Over(asked, request.method, request.raw_path, status, size, now - asked.began, now)
        for tell in self._tell:
            tell(over)
