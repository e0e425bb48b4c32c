"""How long a live feed waits: until news, until it is time for a heartbeat or to give up, or until
nobody listens any more.
"""

import asyncio
from collections.abc import Awaitable, Callable

from couchreg.http.couch.feeds.changes_query import ChangesQuery
from couchreg.http.couch.frame.context import Context

LOOK = 5.0  # seconds between looks at whether the client is still there


class FeedTimer:
    """With a heartbeat a feed never ends by itself (`heartbeat`); without one it does after `timeout`.

    Neither is longer than `[chttpd] changes_timeout`.
    """

    def __init__(self, ctx: Context, heartbeat: int | None, timeout: int | None) -> None:
        most = max(1, ctx.settings.integer("chttpd", "changes_timeout", 60_000))
        asked = timeout if heartbeat is None else heartbeat or None
        self.heartbeat = heartbeat is not None
        self._period = (most if asked is None else min(most, asked)) / 1000
        self._ctx = ctx
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + self._period

    def restart(self) -> None:
        """Something was sent: the time runs anew."""
        self._deadline = self._loop.time() + self._period

    async def wait(self, news: Callable[[], Awaitable[None]]) -> bool:
        """True when `news()` returns, False when the time is over before (and runs anew).

        Raises what `news` raises; ConnectionError when the client goes away; Unauthorized and Forbidden when
        whoever asked may see no more.
        """
        while (left := self._deadline - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, LOOK)):
                    await news()
            except TimeoutError:
                self._look()
                await self._ctx.confirm()
            else:
                await self._ctx.confirm()
                return True
        self.restart()
        return False

    def _look(self) -> None:
        transport = self._ctx.request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError


def feed_timer(ctx: Context, query: ChangesQuery) -> FeedTimer:
    return FeedTimer(ctx, query.heartbeat, query.timeout)
