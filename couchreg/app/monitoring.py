"""What is measured of a running server, gathered from its parts when somebody asks."""

import asyncio
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from couchreg import __version__
from couchreg.app import mirroring
from couchreg.app.disks import Disks
from couchreg.app.health import Health
from couchreg.auth.policy import REGISTRY
from couchreg.config import Settings
from couchreg.datadir import DataDir
from couchreg.docstore.base import DatabaseInfo
from couchreg.followers.loop import Status
from couchreg.journal.figures import RequestFigures
from couchreg.journal.openmetrics import (
    Family,
    Histogram,
    Sample,
    counter,
    gauge,
    gauges,
    histogram,
    text,
)

if TYPE_CHECKING:
    from couchreg.app.server import App

PULSE = 0.25  # seconds between two looks at how late the event loop is


class Monitoring:
    """Figures of one server; `start` and `stop` are the owner's to call."""

    def __init__(self, app: "App", settings: Settings, data: DataDir) -> None:
        self._app = app
        folders = {"data": data.path}
        if settings.blobstore == "directory":
            folders["datastore"] = data.datastore
        self.disks = Disks(folders, settings.disk_warning << 20)
        self.health = Health(app)
        self.requests = RequestFigures()
        self._late = Histogram()
        self._began = time.time()
        self._pulsing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.disks.start()
        self._pulsing = asyncio.create_task(self._pulse(), name="pulse")

    async def stop(self) -> None:
        await self.health.close()
        await self.disks.stop()
        if self._pulsing is not None:
            self._pulsing.cancel()
            with suppress(asyncio.CancelledError):
                await self._pulsing

    async def metrics(self) -> str:
        """Everything as OpenMetrics. Raises Unavailable when the documents cannot be asked."""
        statuses = await self._app.statuses()
        info = await (await self._app.store.open(REGISTRY)).info()
        databases = len(await self._app.store.names())
        await self.disks.look()
        process = await asyncio.to_thread(_process)
        return text(
            [
                Family("couchreg", "info", "This server.", [Sample("_info", {"version": __version__}, 1)]),
                *self.requests.families(),
                *self._stores(info, databases),
                *_followers(statuses),
                *self._work(),
                *self._caches(),
                histogram("couchreg_loop_delay_seconds", "How late the event loop is.", [({}, self._late)]),
                *process,
                gauge("process_start_time_seconds", "Unix time of the start.", round(self._began, 3)),
            ]
        )

    def _stores(self, info: DatabaseInfo, databases: int) -> Iterator[Family]:
        yield gauge("couchreg_databases", "Databases.", databases)
        yield gauge(
            "couchreg_registry_documents", "Documents of the registry: packages and versions.", info.doc_count
        )
        yield gauge("couchreg_registry_deleted", "Those that are deleted.", info.doc_del_count)
        yield gauge("couchreg_registry_update_seq", "Changes of the registry.", info.update_seq.number)
        yield gauge("couchreg_registry_file_bytes", "The file of its database.", info.size_file)
        rooms = self.disks.rooms
        free = {name: float(room.free) for name, room in rooms.items()}
        yield gauges("couchreg_disk_free_bytes", "Room that is left.", "folder", free)
        size = {name: float(room.size) for name, room in rooms.items()}
        yield gauges("couchreg_disk_size_bytes", "The whole disk.", "folder", size)
        yield gauge(
            "couchreg_disk_warning_bytes", "Below this much room there is a warning.", self.disks.least
        )

    def _work(self) -> Iterator[Family]:
        registry = self._app.registry
        yield gauge("couchreg_checks", "Packages that are checked, or wait for it.", registry.checker.busy)
        yield gauge(
            "couchreg_publishes", "Publishes under way beyond their requests.", registry.runs.under_way
        )
        mirror = [row["lag"] for row in mirroring.replicas(self._app.mirror, detailed=False)]
        lag = mirror[0] if mirror else {"seconds": None, "documents": None}
        yield gauge("couchreg_mirror_lag_seconds", "How old the mirror is.", lag["seconds"])
        yield gauge("couchreg_mirror_lag_documents", "Documents that are to come.", lag["documents"])
        if self._app.workers is not None:
            reading, told = self._app.workers, "Requests that they have answered, among all."
            yield gauge("couchreg_reading_processes", "That answer beside this one.", reading.reading)
            yield counter("couchreg_reading_requests", told, reading.answered)

    def _caches(self) -> Iterator[Family]:
        sizes = {name: float(size) for name, size in self._app.caches().items()}
        yield gauges("couchreg_cache_bytes", "What is kept for the next who asks.", "cache", sizes)

    async def _pulse(self) -> None:
        while True:
            due = time.monotonic() + PULSE
            await asyncio.sleep(PULSE)
            self._late.add(max(0.0, time.monotonic() - due))


def _followers(statuses: Sequence[Status]) -> Iterator[Family]:
    lag = {one.name: float(one.update_seq - one.seq) for one in statuses}
    yield gauges("couchreg_follower_lag", "Changes that a follower is behind.", "follower", lag)
    problems = {one.name: float(len(one.problems) + one.uncounted_problems) for one in statuses}
    yield gauges("couchreg_follower_problems", "Documents that it could not take.", "follower", problems)
    failing = {one.name: float(one.state in ("failing", "stopped")) for one in statuses}
    yield gauges("couchreg_follower_failing", "1 while it cannot work.", "follower", failing)
    tables = next((one.tables for one in statuses if one.tables is not None), None) or {}
    states = {state: float(count) for state, count in tables.items()}
    yield gauges("couchreg_tables", "Tables by what became of them.", "state", states)


def _process() -> list[Family]:
    """Of this process, under the names that programs know. Blocking."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    families = [
        counter("process_cpu_seconds", "CPU time, without that of children.", round(time.process_time(), 3)),
        gauge("process_max_fds", "Files that may be open.", most),
    ]
    with suppress(OSError, IndexError, ValueError):  # where the system has no /proc
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        resident = pages * resource.getpagesize()
        families.append(gauge("process_resident_memory_bytes", "Memory.", resident))
        families.append(gauge("process_open_fds", "Files that are open.", len(os.listdir("/proc/self/fd"))))
    return families
