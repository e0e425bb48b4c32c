"""A mirror: the database of packages follows another registry for as long as the server runs.

It is a continuous replication that nobody has to ask for and that nothing ends: while its source is down it
tries again, and what is here is served all the same. Unlike other replications it brings packages alone, of
those names that are wanted, and hands each document to a keeper, which knows what a package has to be.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from couchreg.docstore.notes import Notes
from couchreg.errors import CouchregError
from couchreg.model import json
from couchreg.replication.aside import SetAside
from couchreg.replication.endpoints import packages_url
from couchreg.replication.jobs import sentence
from couchreg.replication.local import Here
from couchreg.replication.mirror_status import Past, progress
from couchreg.replication.mirror_target import Keeper, MirrorTarget, Wish
from couchreg.replication.options import Replication, parse
from couchreg.replication.peers import Broken
from couchreg.replication.remote import RemoteDatabase
from couchreg.replication.run import Run

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between attempts to reach the source
HEALTHY = 60.0  # seconds after which a run that ended was a good one
RETRY_SKIPPED = 60.0
CHECKPOINT = 10_000  # milliseconds
_NOTE, _ASIDE = "mirror", "mirror set aside"

Reach = Callable[[Replication], Awaitable[RemoteDatabase]]


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("Nothing is mirrored any more", exc_info=task.exception())


class Mirror:
    """Follows one registry: `start`, and `stop`, which leaves a checkpoint."""

    def __init__(
        self,
        wish: Wish,
        here: Here,
        keeper: Keeper,
        reach: Reach,
        *,
        first_wait: float = FIRST_WAIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.wish = wish
        self._here = here
        self._keeper = keeper
        self._reach = reach
        self._first_wait = first_wait
        self._clock = clock
        self._aside = SetAside(None, _ASIDE, first_retry=RETRY_SKIPPED, clock=clock)
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._problem: str | None = None
        self._past = Past()
        # Raises Wrong for what is no address.
        self._shown = parse({"source": wish.url, "target": wish.database}, local=True).source.shown.rstrip(
            "/"
        )

    def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="mirror")
        self._task.add_done_callback(_ended)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        notes = await self._here.store.notes(self.wish.database)
        self._aside.keep_in(notes)
        kept = await notes.read(_NOTE)
        if isinstance(kept, dict) and kept.get("url") == self._shown:
            self._past = Past(kept.get("current"))
        wait = self._first_wait
        while True:
            began = self._clock()
            try:
                await self._follow()
            except CouchregError as error:
                self._problem = sentence(error)
                log.warning("The mirror of %s: %s", self._shown, self._problem)
            except Exception as error:
                self._problem = sentence(error)
                log.exception("The mirror of %s", self._shown)
            finally:
                await self._leave(notes)
            wait = self._first_wait if self._clock() - began > HEALTHY else wait
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _follow(self) -> None:
        """One run, until something breaks."""
        source_url = await self._database_url()
        replication = self._replication(source_url)
        source = await self._reach(replication)
        target = MirrorTarget(self._here, self.wish, replication, self._keeper)
        self._run = Run(replication, self._id(replication), source, target, self._aside, clock=self._clock)
        await self._run.execute()

    async def _leave(self, notes: Notes) -> None:
        """What is known of the run that has ended."""
        run, self._run = self._run, None
        if run is None or run.source_seq is None:
            return
        self._past = self._past.after(run)
        try:
            await notes.write(_NOTE, {"url": self._shown, "current": self._past.current})
        except CouchregError as error:
            log.warning("How far the mirror of %s has come is not kept: %s", self._shown, error.reason)

    def _replication(self, url: str) -> Replication:
        body = {"source": url, "target": self.wish.database, "continuous": True}
        return parse(body | {"checkpoint_interval": CHECKPOINT}, local=True)

    def _id(self, replication: Replication) -> str:
        """Other packages, another replication: it begins at the beginning."""
        parts = [self._here.store.uuid, replication.source.url, sorted(self.wish.packages)]
        return "mirror-" + hashlib.sha256(json.encode(parts)).hexdigest()[:32]

    async def _database_url(self) -> str:
        """That of the packages' database at the address that was given. Raises CouchregError."""
        given = self.wish.url.rstrip("/")
        asked = await self._reach(self._replication(given))
        try:
            found = await asked.greeting()
        finally:
            await asked.close()
        url = packages_url(given, found)
        if url is None:
            raise Broken(f"{self._shown} is neither a registry nor a database of one.")
        return url

    def status(self, *, detailed: bool) -> dict[str, Any]:
        """How far behind the source this is, see `mirror_status`. `detailed` with what went wrong and what
        was set aside."""
        running = self._run if self._run is not None and self._run.source_seq is not None else None
        row = {
            "source": self._shown,
            "packages": list(self.wish.packages),
            **progress(running, self._past, self._clock()),
            "set_aside": len(self._aside) + self._aside.overflowed,
        }
        if detailed:
            problem = None if running is not None and running.waits else self._problem
            row |= {"problem": problem, "documents": self._aside.shown()[:100]}
        return row
