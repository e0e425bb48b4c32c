"""One long request for all who wait for the same news."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from couchreg.docstore.base import Seq
from couchreg.errors import CouchregError, Unavailable

log = logging.getLogger(__name__)

Poll = Callable[
    [Seq], Awaitable[Seq]
]  # waits a while for what comes after a place, and tells how far that is


class Watcher:
    """Asks as long as somebody waits. What goes wrong is told to all of them, and they ask again."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._waiting: dict[asyncio.Future[None], Seq] = {}
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # that one, and those that are about to end
        self._at: Seq | None = None  # how far the task has come, or the last one had

    async def wait(self, since: Seq) -> None:
        """Return once there is something after `since`, which is the newest place there was when the caller
        looked. Raises what the request meets."""
        at, self._at = self._at, None if self._task is None else self._at
        if at is not None and at.incarnation == since.incarnation and at.number > since.number:
            return  # what was looked at was older than what the request has told meanwhile
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = since
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(since), name="feed of the document store")
            self._tasks.add(self._task)
            self._task.add_done_callback(self._tasks.discard)
        try:
            await future
        finally:
            self._waiting.pop(future, None)
            if not self._waiting and self._task is not None:
                self._task.cancel()
                self._task = None  # whoever comes before it has ended needs another one

    def fail(self, error: CouchregError) -> None:
        """Nothing more will come."""
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(error)

    async def close(self) -> None:
        tasks, self._task = list(self._tasks), None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, since: Seq) -> None:
        try:
            while self._waiting:
                self._at = since
                since = await self._poll(since)
                self._at = since
                for future, place in list(self._waiting.items()):
                    if place.number < since.number and not future.done():
                        future.set_result(None)
                await asyncio.sleep(0)  # those who have been told leave
        except CouchregError as error:
            self.fail(error)
        except Exception:
            log.exception("a feed of the document store")
            self.fail(Unavailable("What the document store tells of changes cannot be understood."))
