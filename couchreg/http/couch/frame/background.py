"""Work that goes on after its request was answered, and `_active_tasks`' view of it."""

import asyncio
import logging
import time
from typing import Any

from couchreg.docstore.optional import Compacts
from couchreg.errors import CouchregError, NotFound

log = logging.getLogger(__name__)


class Compaction:
    """The compaction of one database."""

    type = "database_compaction"

    def __init__(self, database: str, db: Compacts) -> None:
        self.database = database
        self._db = db
        self.started = int(time.time())

    async def run(self) -> None:
        try:
            await self._db.compact()
        except NotFound:
            log.info("%s was deleted while it was being compacted", self.database)


class Background:
    """At most one piece of work for each database; a second request for it finds it running."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Compaction, asyncio.Task[None]]] = {}

    def start(self, work: Compaction) -> None:
        name = work.database
        if name in self._running:
            return
        task = asyncio.get_running_loop().create_task(work.run(), name=f"{work.type} {name}")
        self._running[name] = (work, task)
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: "asyncio.Task[None]") -> None:
        self._running.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            foreseen = isinstance(error, CouchregError)
            log.error("%s failed: %s", task.get_name(), error, exc_info=None if foreseen else error)

    def tasks(self, node: str) -> list[dict[str, Any]]:
        """As `_active_tasks` tells of them."""
        return [
            {
                "node": node,
                "type": work.type,
                "database": name,
                "started_on": work.started,
                "updated_on": int(time.time()),
                "progress": 0,
            }
            for name, (work, _) in self._running.items()
        ]
