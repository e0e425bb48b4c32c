"""Publishing: from what has arrived to a version that everyone can read, all of it or nothing.

Checks come first and touch neither documents nor blobs. Then, one publish of a package at a time, the
bytes are put, a new package gets its owner, and the version's document is written: that write is the only
moment at which anything becomes visible.
"""

import asyncio
import errno
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment, Database, Edit, Row, Seq, Updated
from couchreg.docstore.maintenance.lacking import refuse_unknown
from couchreg.docstore.optional import referred_in
from couchreg.errors import Conflict
from couchreg.journal.asking import record
from couchreg.model import json
from couchreg.model.user import User
from couchreg.package.dependencies import MEMBER as DEPENDENCIES
from couchreg.package.descriptor import Descriptor, document_of, examine
from couchreg.package.moments import Clock, moment_text, utc_now
from couchreg.package.names import check_package_name, check_version, version_id
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.recording import RECORDED, filled_in, recorded_of
from couchreg.package.report import refusal
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tombstones import may_return, ordered
from couchreg.registry.checking.checker import Checker
from couchreg.registry.checking.progress import STORING, Progress
from couchreg.registry.checking.small import SmallTables
from couchreg.registry.publishing import integrity, storing
from couchreg.registry.publishing.held import Held
from couchreg.registry.publishing.intake import Intake, Received
from couchreg.registry.publishing.quotas import Quotas
from couchreg.registry.publishing.threads import Abandoned, IsStopped, at_once, in_thread, whole
from couchreg.registry.reading.catalog import Catalog, Version
from couchreg.registry.reading.dependencies import Dependencies
from couchreg.turns import Turns

_CHUNK = 1 << 20
_FEW, _FEW_BYTES = 50, 16 << 10  # files of a package, and bytes of its descriptor

Confirm = Callable[[], Awaitable[None]]


async def confirmed() -> None:
    """Whoever publishes is still who they were."""


class Validation(StrEnum):
    """What becomes of a package whose data fails its checks."""

    STRICT = "strict"  # refused
    WARN = "warn"  # published, with the report
    OFF = "off"  # published; its data is not looked at


@dataclass(frozen=True, slots=True)
class Published:
    """The outcome; `created` is False when this very content was published before. `rev` is None when
    nothing was stored, because it was only to be tried."""

    name: str
    version: str
    rev: str | None
    created: bool
    report: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DataChecks:
    """How data is looked into before it is published, and what follows. With `small`, tables that it finds
    right are not given to the `checker`."""

    checker: Checker
    small: SmallTables | None = None
    validation: Validation = Validation.STRICT


class Publisher:
    """Publishes into one `registry` database."""

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        checks: DataChecks,
        packages: Packages,
        *,
        clock: Clock = utc_now,
        settled: Settled | None = None,
        held: Held | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        self._database = database
        self._attachments = attachments
        self._checks = checks
        self._clock = clock
        self._settled = bounded(settled)
        self._catalog = Catalog(database)
        self._dependencies = Dependencies(self._catalog)
        self._hashing = Turns(2, waiting=128, waiting_of_one=32, what="packages to hash")
        self._packages = packages
        self._held = held or Held(database)
        self.quotas = quotas or Quotas(database, 0)

    @property
    def checks_data(self) -> bool:
        """Whether files are looked into before they are published."""
        return self._checks.validation is not Validation.OFF

    async def check_address(self, name: str, version: str, user: User, more: int = 1) -> None:
        """Whether `user` may publish here at all, so many bytes, before any is read.

        Raises BadRequest for what can be no name or version, Forbidden for packages of others, TooLarge.
        """
        check_package_name(name)
        check_version(version)
        await self._packages.allow_publishing(name, user)
        if self.quotas.limit and version not in await self._catalog.versions(name):
            await self.quotas.check(user, more)

    async def publish(
        self,
        intake: Intake,
        name: str,
        version: str,
        user: User,
        *,
        dry_run: bool = False,
        confirm: Confirm = confirmed,
        askers: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Published:
        """Check and publish what has arrived; with `dry_run` only check it, as if it were published. `askers`
        are those whose turn it has to be (see `Turns`); `progress` is told how far it is.

        `confirm` is awaited before the version is written: the checks take long, and raises when `user` has
        lost the account meanwhile. Whoever is cancelled before anything is written leaves no work behind;
        what is being written then is written to its end.

        Raises InvalidPackage with a report, Conflict when the version exists with other content,
        Forbidden, BadRequest, TooManyRequests, Unavailable.
        """
        await intake.settle_descriptor()
        descriptor = examine(intake.members, name, version)
        body = await self.completed(descriptor, intake, askers)
        progress = progress or Progress()
        report: Mapping[str, Any] | None = await self._small_report(descriptor, intake)
        if dry_run or (self.checks_data and report is None):  # else it is looked at in a moment
            before = await self._published_before(descriptor, body, intake, user)
            if before:
                await self._settled(await self._database.update_seq())
                return before
        if self.checks_data:
            report = await self._report(report, descriptor, intake, askers, progress)
        if dry_run:
            return Published(name, version, None, True, report)
        progress.enter(STORING)
        async with self._packages.locks.hold(name):
            before = await self._published_before(descriptor, body, intake, user)
            if before:
                published, seq = before, await self._database.update_seq()
            else:
                async with self.quotas.taking(user, intake):
                    published, seq = await whole(self._write(descriptor, body, intake, user, report, confirm))
                record("publish", package=name, version=version, by=user.name)
        await self._settled(seq)
        return published

    async def judge(
        self, descriptor: Descriptor, intake: Intake, askers: Sequence[str]
    ) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """What `completed` gives, and the report on the data; None where data is not checked here.

        Raises InvalidPackage, TooManyRequests, Unavailable.
        """
        body = await self.completed(descriptor, intake, askers)
        if not self.checks_data:
            return body, None
        report = await self._small_report(descriptor, intake)
        return body, await self._report(report, descriptor, intake, askers, Progress())

    async def completed(
        self, descriptor: Descriptor, intake: Intake, askers: Sequence[str]
    ) -> dict[str, Any]:
        """The descriptor's members, and those filled in that say what its files are.

        Raises InvalidPackage.
        """
        files = {path: received.spooled for path, received in intake.files.items()}
        run = at_once if _is_small(intake) else asyncio.to_thread
        wanted = await run(integrity.wanted, descriptor, files)
        known: integrity.Digests = {}
        if wanted:
            async with self._hashing.take(*askers):
                await asyncio.to_thread(integrity.lay_down, files)
                known = await in_thread(partial(integrity.digests, wanted))
        found = await run(integrity.check_files, descriptor, files, known)
        if not found.valid:
            raise refusal(found.to_json())
        return await run(integrity.complete, descriptor, files, known)

    async def _published_before(
        self, descriptor: Descriptor, body: Mapping[str, Any], intake: Intake, user: User
    ) -> Published | None:
        """The outcome when the version is there with this content. Raises Conflict for other content, also
        of a version that was deleted, and Forbidden when the package has become somebody else's.
        """
        name, doc_id = descriptor.name, version_id(descriptor.name, descriptor.version)
        package, row = await self._database.winners([name, doc_id], bodies=True)
        await self._packages.allowed(name, package, user)
        if row is None or row.deleted:
            _check_tombstone(row, descriptor, body, intake)
            return None
        version = await self._catalog.version(name, descriptor.version)
        if not _same_content(version, body, intake):
            raise Conflict(
                f"{version.name} {version.version} is published with other content, "
                "and versions never change: publish under a new version."
            )
        return Published(version.name, version.version, version.rev, False, version.own.get("report"))

    async def _report(
        self,
        report: Mapping[str, Any] | None,
        descriptor: Descriptor,
        intake: Intake,
        askers: Sequence[str],
        progress: Progress,
    ) -> Mapping[str, Any]:
        """The report to keep with the version, or one that is known already. Raises InvalidPackage."""
        if report is None:
            async with _laid_out(intake, descriptor) as (folder, scratch, document):
                size = sum(file.spooled.length for file in intake.files.values() if file.local)
                report = await self._checks.checker.check(
                    folder, scratch, document, askers=askers, progress=progress, size=size
                )
        if self._checks.validation is Validation.STRICT and not report["valid"]:
            raise refusal(report)
        unmet = await self._dependencies.unmet(descriptor.members)
        missing = [{"resource": None, "member": DEPENDENCIES, "reason": reason} for reason in unmet]
        return {**report, "unchecked": [*report.get("unchecked", ()), *missing]}

    async def _small_report(self, descriptor: Descriptor, intake: Intake) -> dict[str, Any] | None:
        """The report on small tables that are right beyond doubt."""
        if not self.checks_data or self._checks.small is None:
            return None
        if not all(file.local for file in intake.files.values()):
            return None
        files = {path: file.spooled for path, file in intake.files.items()}
        return await self._checks.small.report({**descriptor.members, "name": descriptor.name}, files)

    async def _write(
        self,
        descriptor: Descriptor,
        body: dict[str, Any],
        intake: Intake,
        user: User,
        report: Mapping[str, Any] | None,
        confirm: Confirm,
    ) -> tuple[Published, Seq]:
        doc_id = version_id(descriptor.name, descriptor.version)
        own: dict[str, Any] = {"publisher": user.name, "published": moment_text(self._clock())}
        own["hashes"] = {path: f"sha256:{file.spooled.sha256}" for path, file in intake.files.items()}
        if report is not None:
            own["report"] = report
        recorded = recorded_of(report or {})
        if recorded:
            own[RECORDED] = recorded

        async def write(attached: Sequence[Attachment]) -> Updated:
            edit = Edit(doc_id, None, False, document_of(filled_in(body, recorded), own), tuple(attached))
            await confirm()
            return await self._commit(edit, descriptor.name, user)

        written = await self.store(doc_id, intake, write)
        return Published(descriptor.name, descriptor.version, written.rev, True, report), written.seq

    async def store(
        self, doc_id: str, intake: Intake, write: Callable[[Sequence[Attachment]], Awaitable[Updated]]
    ) -> Updated:
        """Put the files, and let `write` write the document that refers to them. When it raises, they go.

        For one who holds the lock of the package.
        """
        await self._clear(doc_id, intake)
        found = await storing.sources(self._held, self._attachments.blobs, intake)
        async with self._attachments.upload(self._database.name) as upload:
            return await write(await storing.store(upload, doc_id, intake, found))

    async def _clear(self, doc_id: str, intake: Intake) -> None:
        """Remove what a publish that a crash cut off has left at the places of our files. Raises Conflict
        where it may be all that is left of a version that the database has lost."""
        keys = [self._attachments.layout(self._database.name, doc_id, path) for path in intake.files]
        left = [key for key in keys if key is not None and await self._attachments.is_left(key)]
        if left:
            await refuse_unknown(self._database, self._attachments.blobs, doc_id)
        for key in left:
            await self._attachments.remove(key, partial(referred_in, self._database))

    async def _commit(self, edit: Edit, name: str, user: User) -> Updated:
        """Write the version, together with the package's document where there is none yet.

        So nobody publishes under a name that somebody else has claimed in the same moment, on whatever way
        the other came.
        """
        claim = await self._packages.claim(name, user)
        if claim is not None:
            try:
                both = await self._database.update([claim, edit], new_edits=True, user=user, together=True)
                both.check()
                return both._replace(outcomes=both.outcomes[1:])
            except Conflict:
                if not await self._packages.allow_publishing(name, user):
                    raise
        written = await self._database.update([edit], new_edits=True, user=user)
        written.check()
        return written


def _is_small(intake: Intake) -> bool:
    """Whether its descriptor is looked through in less time than a hop to a thread takes."""
    described = intake.files.get(DESCRIPTOR)
    return described is not None and described.spooled.length <= _FEW_BYTES and len(intake.files) <= _FEW


def _check_tombstone(
    row: Row | None, descriptor: Descriptor, body: Mapping[str, Any], intake: Intake
) -> None:
    """Raises Conflict for other content than was deleted."""
    if row is None or not row.members:
        return
    files = {path: file.spooled.sha256 for path, file in intake.files.items()}
    if not may_return(row.body, body, files):
        raise Conflict(
            f"{descriptor.name} {descriptor.version} was published with other content and deleted, "
            "and versions never change: publish under a new version."
        )


def _same_content(version: Version, body: Mapping[str, Any], intake: Intake) -> bool:
    """Equal descriptors as JSON values, and equal files; the layout of `datapackage.json` does not matter."""
    there = {path: file.sha256 for path, file in version.files.items() if path != DESCRIPTOR}
    sent = {path: file.spooled.sha256 for path, file in intake.files.items() if path != DESCRIPTOR}
    described = filled_in(body, recorded_of(version.own))
    return there == sent and ordered(version.descriptor) == ordered(described)


@asynccontextmanager
async def _laid_out(intake: Intake, descriptor: Descriptor) -> AsyncIterator[tuple[Path, Path, Path]]:
    """The files as a package folder, a scratch folder, and the descriptor to check, while it lasts."""
    job = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="check-", dir=intake.spool.directory))
    try:
        await in_thread(partial(_lay_out, job, intake, descriptor))
        yield job / "package", job / "scratch", job / DESCRIPTOR
    finally:
        await asyncio.to_thread(shutil.rmtree, job)


def _lay_out(job: Path, intake: Intake, descriptor: Descriptor, is_stopped: IsStopped) -> None:
    (job / "scratch").mkdir()
    members = {**descriptor.members, "name": descriptor.name}
    (job / DESCRIPTOR).write_bytes(json.encode(members))
    for path, file in intake.files.items():
        target = job / "package" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        link_into(target, file, is_stopped)


def link_into(target: Path, file: Received, is_stopped: IsStopped) -> None:
    """Lay a file down without copying it, if that can be; one that no check looks into is there by its name
    only."""
    if not file.local:
        target.touch()
        return
    try:
        target.hardlink_to(file.spooled.on_disk())
    except OSError as error:
        if error.errno != errno.EXDEV:  # the blob store may be on another disk than the spool
            raise
        _copy(file.spooled.path, target, is_stopped)


def _copy(source: Path, target: Path, is_stopped: IsStopped) -> None:
    with source.open("rb") as found, target.open("xb") as copy:
        while chunk := found.read(_CHUNK):
            if is_stopped():
                raise Abandoned
            copy.write(chunk)
