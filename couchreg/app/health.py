"""Whether a server can do its work: part for part, with the reasons."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from couchreg.auth.policy import REGISTRY
from couchreg.errors import CouchregError
from couchreg.http.registry.frame.health import FAILING, OK, WARNING, HealthPart

if TYPE_CHECKING:
    from couchreg.app.server import App

TIMEOUT = 5.0  # seconds that a store may take to answer
KEPT = 2.0  # seconds that what was found is told again
BEHIND = 10_000  # changes that a follower may be behind
NEEDED = "datastore"  # the follower that a publish waits for
PROBE = "_datastore/owner.json"  # a key that is in every blob store


class Health:
    """Looks at the parts of a server when somebody asks, and at most every other second."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._looking: asyncio.Task[list[HealthPart]] | None = None
        self._until = 0.0

    async def parts(self) -> list[HealthPart]:
        """Of one look, however many ask."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now >= self._until):
            self._looking = asyncio.create_task(self._look(), name="health")
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> list[HealthPart]:
        parts = [
            await _tried("documents", self._documents),
            await _tried("bytes", self._bytes),
            await _tried("followers", self._followers),
            self._disk(),
            self._maintenance(),
            *self._reading(),
        ]
        self._until = asyncio.get_running_loop().time() + KEPT
        return parts

    async def _documents(self) -> HealthPart:
        await (await self._app.store.open(REGISTRY)).info()
        self._app.processes.check()
        return HealthPart("documents", OK)

    async def _bytes(self) -> HealthPart:
        await self._app.attachments.blobs.info(PROBE)
        lost = list(self._app.attachments.lost.told)
        if lost:
            return HealthPart("bytes", WARNING, f"{len(lost)} files are lost or damaged: {lost[0]}.")
        return HealthPart("bytes", OK)

    async def _followers(self) -> HealthPart:
        worst, reasons = OK, []
        for one in await self._app.statuses():
            if one.state in ("failing", "stopped"):
                worst = FAILING if one.name == NEEDED else worst if worst == FAILING else WARNING
                reasons.append(f"{one.name} is {one.state}: {one.last_error or 'its end was asked for'}.")
            elif one.update_seq - one.seq > BEHIND:
                worst = worst if worst == FAILING else WARNING
                reasons.append(f"{one.name} is {one.update_seq - one.seq} changes behind.")
        return HealthPart("followers", worst, " ".join(reasons) or None)

    def _disk(self) -> HealthPart:
        disks = self._app.monitoring.disks
        problems = [found for found in map(disks.problem, disks.rooms) if found]
        return HealthPart("disk", WARNING if problems else OK, " ".join(problems) or None)

    def _reading(self) -> list[HealthPart]:
        """The processes that read, where there are to be some."""
        workers = self._app.workers
        if workers is None:
            return []
        missing = workers.wanted - workers.reading
        if missing:
            return [
                HealthPart(
                    "reading", WARNING, f"{missing} of {workers.wanted} reading processes are missing."
                )
            ]
        return [HealthPart("reading", OK)]

    def _maintenance(self) -> HealthPart:
        mode = self._app.store.config().get("couchdb", {}).get("maintenance_mode", "")
        if mode in ("true", "nolb"):
            return HealthPart("maintenance", FAILING, "[couchdb] maintenance_mode is set.")
        return HealthPart("maintenance", OK)


async def _tried(name: str, look: Callable[[], Awaitable[HealthPart]]) -> HealthPart:
    """What a part tells of itself, or why it does not."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await look()
    except TimeoutError:
        return HealthPart(name, FAILING, f"No answer for {TIMEOUT:.0f} s.")
    except CouchregError as error:
        return HealthPart(name, FAILING, error.reason)
    except OSError as error:
        return HealthPart(name, FAILING, f"{error.filename or 'The disk'}: {error.strerror}.")
