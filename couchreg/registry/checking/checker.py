"""Checking packages, seen from the server's event loop: in children of the sandbox, in turn.

What a package does to its check is answered honestly: one that was stopped is a report of one problem, which
says that nothing is known, not that something is wrong.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.errors import BadRequest, disk_full
from couchreg.model import json
from couchreg.package.report import STOPPED, Report, problem
from couchreg.registry.checking.progress import Progress
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind
from couchreg.sandbox.kinds import Limits as JobLimits
from couchreg.sandbox.pool import Pool

log = logging.getLogger(__name__)
WORKER = "couchreg.registry.checking.worker"
_PER_CPU_TIME = 10  # how many times its CPU time a check may last: the machine may have other work
_NICE = 15  # a check of minutes shall not delay what a moment takes
_GIB = 1 << 30
_ESCAPED = 6  # bytes of JSON for one of a text, at the worst
_UNREAD = 1 << 20  # bytes of an answer for the files in which nothing could be seen
_LEAST = 60  # seconds that it may last at least


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What checking one package may use, and how many are checked and wait at once."""

    cpu_seconds: float = 300  # and as many again for each GiB of files
    memory: int = 2 << 30  # bytes of address space
    file_size: int = 4 << 30  # bytes of one temporary file, for compressed data
    workers: int = 3  # of which one user has one
    waiting: int = 128
    waiting_of_one: int = 32
    # The settings by which the operator changes the first two, as people write them.
    cpu_setting: str = ""
    memory_setting: str = ""

    def of(self, size: int) -> JobLimits:
        """For a package with so many bytes of files. Checks last longer than they compute: they wait, too."""
        cpu_seconds = self.cpu_seconds * (1 + size / _GIB)
        return JobLimits(
            seconds=cpu_seconds * _PER_CPU_TIME + _LEAST,
            cpu_seconds=cpu_seconds,
            memory=self.memory,
            file_size=self.file_size,
            nice=_NICE,
        )


class Checker:
    """`await check(…)` from any task; `start()` and `close()` by the owner. `forks` has `WORKER`."""

    def __init__(self, forks: ForkServer, limits: CheckLimits | None = None) -> None:
        self.limits = limits = limits or CheckLimits()
        self._pool = Pool(
            Kind(
                "package checks",
                WORKER,
                limits.of(0),
                places=limits.workers,
                waiting=limits.waiting,
                waiting_of_one=limits.waiting_of_one,
            ),
            forks,
        )

    @property
    def busy(self) -> int:
        """How many packages are being checked or wait for it."""
        return self._pool.busy

    async def start(self) -> None:
        """Returns at once: what checks need is imported while the server already answers."""
        await self._pool.start()

    async def check(
        self,
        folder: Path,
        scratch: Path,
        descriptor: Path,
        *,
        askers: Sequence[str] = (),
        elsewhere: Sequence[Path] = (),
        progress: Progress | None = None,
        size: int = 0,
    ) -> dict[str, Any]:
        """The report on the package in `folder` (see `checks.check`). `askers` are those it is checked for;
        `elsewhere` are files that links in the folder lead to. `progress` is told how far it is. `size` are
        the bytes of its files.

        Raises TooManyRequests and Unavailable when too many packages wait already, StorageFailure where the
        disk is full. Whoever is cancelled leaves no check behind.
        """
        job = json.encode({"folder": str(folder), "descriptor": str(descriptor)})
        grant = ChildGrant([folder, descriptor, *elsewhere], [scratch])
        note = progress.note if progress is not None else None
        limits = self.limits.of(size)
        try:
            answer = await self._pool.ask(job, askers=tuple(askers), grant=grant, note=note, limits=limits)
            report: dict[str, Any] = await asyncio.to_thread(json.decode, answer)
        except Stopped as stopped:
            log.warning("%s", stopped)
            if stopped.cause is Cause.DISK:
                raise disk_full() from stopped
            return _stopped(self.limits, limits, stopped.cause)
        return report

    async def propose(
        self,
        folder: Path,
        scratch: Path,
        paths: Sequence[str],
        named: tuple[str, str],
        *,
        askers: Sequence[str] = (),
        size: int = 0,
        longest: int,
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """A first descriptor for the data among the files of a folder, `named` by name and version, as text,
        and in which of them nothing could be seen, with the reason (of many files, the first ones). `size`
        are their bytes. It is None where it would have more than `longest` bytes.

        Raises BadRequest when it was stopped; TooManyRequests and Unavailable when too many packages wait.
        """
        name, version = named
        asked = {"folder": str(folder), "paths": list(paths), "name": name, "version": version}
        job = json.encode({**asked, "longest": longest})
        grant = ChildGrant([folder], [scratch])
        try:
            answer = await self._pool.ask(job, askers=tuple(askers), grant=grant, limits=self.limits.of(size))
        except Stopped as stopped:
            log.warning("%s", stopped)
            raise BadRequest(
                "To look into these files took too long: send a datapackage.json, too."
            ) from None
        if len(answer) > _ESCAPED * longest + _UNREAD:  # no honest child's
            return None, []
        found = await asyncio.to_thread(json.decode, answer)
        return found["text"], [(path, reason) for path, reason in found["unread"]]

    async def close(self) -> None:
        await self._pool.close()


def _stopped(limits: CheckLimits, used: JobLimits, cause: Cause) -> dict[str, Any]:
    report = Report()
    report.complete = False
    report.add(problem(STOPPED, _why(limits, used, cause)))
    return report.to_json()


def _why(limits: CheckLimits, held: JobLimits, cause: Cause) -> str:
    unknown = "so it is not known whether the package is valid"
    used, setting = {
        Cause.CPU: (f"used the {held.cpu_seconds:.4g} s of CPU time that it may use", limits.cpu_setting),
        Cause.TIME: (f"lasted longer than the {held.seconds:.4g} s that it may last", limits.cpu_setting),
        Cause.MEMORY: (
            f"needed more than the {held.memory >> 20} MiB of memory that it may use",
            limits.memory_setting,
        ),
    }.get(cause, ("", ""))
    if not used:
        return f"The check itself failed, {unknown}."
    raised = f" The limit is the operator's: the setting {setting}." if setting else ""
    return f"The check {used} and was stopped, {unknown}. No error was found until then.{raised}"
