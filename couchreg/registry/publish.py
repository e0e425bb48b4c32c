"""Publishing: from what has arrived to a version that everyone can read, all of it or nothing.

Checks come first and touch neither documents nor blobs. Then, one publish of a package at a time, the
bytes are put and both documents written in one update: that write is the only moment at which anything
becomes visible.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from couchreg.docstore.attachments import Attachments
from couchreg.docstore.base import Attachment, Database, Edit
from couchreg.docstore.layout import package_key
from couchreg.docstore.upload import Upload
from couchreg.errors import BadRequest, Conflict, CouchregError, Forbidden, NotFound
from couchreg.model import json
from couchreg.model.names import check_package_name, check_version
from couchreg.model.user import User
from couchreg.registry import integrity
from couchreg.registry.catalog import Catalog, Version
from couchreg.registry.checker import Checker
from couchreg.registry.descriptor import OWN, Descriptor, examine
from couchreg.registry.intake import Intake, Received
from couchreg.registry.locks import Locks
from couchreg.registry.paths import DESCRIPTOR, version_id
from couchreg.registry.report import refusal

AT_ONCE = 8  # files put at the same time


class Validation(StrEnum):
    """What becomes of a package whose data fails its checks."""

    STRICT = "strict"  # refused
    WARN = "warn"  # published, with the report
    OFF = "off"  # published; its data is not looked at


@dataclass(frozen=True, slots=True)
class Published:
    """The outcome; `created` is False when this very content was published before."""

    name: str
    version: str
    rev: str
    created: bool
    report: Mapping[str, Any] | None = None


def utc_now() -> datetime:
    return datetime.now(UTC)


class Publisher:
    """Publishes into one `registry` database."""

    def __init__(
        self, database: Database, attachments: Attachments, checker: Checker, *,
        validation: Validation = Validation.STRICT, clock: Callable[[], datetime] = utc_now,
        settled: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._attachments = attachments
        self._checker = checker
        self._validation = Validation(validation)
        self._clock = clock
        self._settled = settled
        self._catalog = Catalog(database)
        self._locks = Locks()

    async def check_address(self, name: str, version: str, user: User) -> None:
        """Whether `user` may publish here at all, before any byte is read.

        Raises BadRequest for what can be no name or version, Forbidden for packages of others.
        """
        check_package_name(name)
        check_version(version)
        if package_key(version_id(name, version), "data") is None:
            raise BadRequest("The name or the version is too long.")
        await self._package(name, user)

    async def publish(self, intake: Intake, name: str, version: str, user: User) -> Published:
        """Check and publish what has arrived.

        Raises InvalidPackage with a report, Conflict when the version exists with other content,
        Forbidden, BadRequest, Unavailable.
        """
        await intake.settle_descriptor()
        descriptor = examine(intake.members, name, version)
        files = {path: received.spooled for path, received in intake.files.items()}
        found = await asyncio.to_thread(integrity.check_files, descriptor, files)
        if not found.valid:
            raise refusal(found.to_json())
        body = await asyncio.to_thread(integrity.complete, descriptor, files)
        before = await self._published_before(descriptor, body, intake)
        if before:
            return before
        report = await self._report(descriptor, intake)
        async with self._locks.hold(name):
            before = await self._published_before(descriptor, body, intake)
            published = before or await self._write(descriptor, body, intake, user, report)
        if self._settled is not None:
            await self._settled(self._database.update_seq)
        return published

    async def _published_before(
        self, descriptor: Descriptor, body: Mapping[str, Any], intake: Intake
    ) -> Published | None:
        """The outcome when the version is there with this content. Raises Conflict for other content."""
        try:
            version = await self._catalog.version(descriptor.name, descriptor.version)
        except NotFound:
            return None
        if not _same_content(version, body, intake):
            raise Conflict(
                f"{version.name} {version.version} is published with other content, "
                "and versions never change: publish under a new version."
            )
        return Published(version.name, version.version, version.rev, False, version.own.get("report"))

    async def _report(self, descriptor: Descriptor, intake: Intake) -> Mapping[str, Any] | None:
        """The report to keep with the version. Raises InvalidPackage."""
        if self._validation is Validation.OFF:
            return None
        async with _laid_out(intake, descriptor) as (folder, scratch, document):
            report = await self._checker.check(folder, scratch, document)
        if self._validation is Validation.STRICT and not report["valid"]:
            raise refusal(report)
        return report

    async def _write(
        self, descriptor: Descriptor, body: dict[str, Any], intake: Intake, user: User,
        report: Mapping[str, Any] | None,
    ) -> Published:  # fmt: skip
        doc_id = version_id(descriptor.name, descriptor.version)
        own: dict[str, Any] = {"publisher": user.name, "published": _text(self._clock())}
        own["hashes"] = {path: f"sha256:{file.spooled.sha256}" for path, file in intake.files.items()}
        if report is not None:
            own["report"] = report
        await self._clear(doc_id, intake)
        async with self._attachments.upload(self._database.name) as upload:
            attached = await _store(upload, doc_id, intake)
            edit = Edit(doc_id, None, False, {**body, OWN: own}, attached)
            rev = await self._commit(edit, descriptor.name, user)
        return Published(descriptor.name, descriptor.version, rev, True, report)

    async def _clear(self, doc_id: str, intake: Intake) -> None:
        """Remove what a publish that a crash cut off has left at the places of our files."""
        for path in intake.files:
            key = self._attachments.layout(self._database.name, doc_id, path)
            if key is not None and await self._attachments.blobs.info(key) is not None:
                await self._attachments.remove(key, self._database.refers_to)

    async def _commit(self, edit: Edit, name: str, user: User) -> str:
        """Write the version, and with it the package's document where there is none yet.

        When that document has arrived by another way since we looked, the version is published all the same.
        """
        known = await self._package(name, user)
        edits = [edit] if known else [edit, Edit(name, None, False, self._new_package(name, user))]
        outcomes = await self._database.update(edits, new_edits=True, user=user)
        if isinstance(outcomes[0], CouchregError):
            raise outcomes[0]
        return outcomes[0]

    def _new_package(self, name: str, user: User) -> dict[str, Any]:
        return {"name": name, "owners": [user.name], "created": _text(self._clock())}

    async def _package(self, name: str, user: User) -> bool:
        """Whether the package has a document. Raises Forbidden unless `user` may publish it."""
        try:
            revision = await self._database.revision(name)
        except NotFound:
            return False
        owners = json.decode(b"{" + revision.members + b"}").get("owners")
        if not user.is_admin and user.name not in (owners if isinstance(owners, list) else []):
            raise Forbidden(f"You are not an owner of {name!r}: ask one of its owners to add you.")
        return True


async def _store(upload: Upload, doc_id: str, intake: Intake) -> tuple[Attachment, ...]:
    """Put the files, several at a time, because most of it is waiting for the disk.

    All of a batch have ended when this raises, so that the upload knows what to take back.
    """
    stored: list[Attachment] = []
    for batch in _batches(list(intake.files.items())):
        jobs = [upload.store(doc_id, path, file.content_type, file.spooled) for path, file in batch]
        for outcome in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            stored.append(outcome)
    return tuple(stored)


def _batches(files: list[tuple[str, Received]]) -> Iterator[list[tuple[str, Received]]]:
    return (files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE))


def _same_content(version: Version, body: Mapping[str, Any], intake: Intake) -> bool:
    """Equal descriptors as JSON values, and equal files; the layout of `datapackage.json` does not matter."""
    there = {path: file.sha256 for path, file in version.files.items() if path != DESCRIPTOR}
    sent = {path: file.spooled.sha256 for path, file in intake.files.items() if path != DESCRIPTOR}
    return there == sent and _ordered(version.descriptor) == _ordered(body)


def _ordered(value: Any) -> Any:
    """A JSON value with its members in order of their names, as text: equal texts, equal values."""
    return json.encode(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def _laid_out(intake: Intake, descriptor: Descriptor) -> AsyncIterator[tuple[Path, Path, Path]]:
    """The files as a package folder, a scratch folder, and the descriptor to check, while it lasts."""
    job = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="check-", dir=intake.spool.directory))
    try:
        await asyncio.to_thread(_lay_out, job, intake, descriptor)
        yield job / "package", job / "scratch", job / DESCRIPTOR
    finally:
        await asyncio.to_thread(shutil.rmtree, job)


def _lay_out(job: Path, intake: Intake, descriptor: Descriptor) -> None:
    (job / "scratch").mkdir()
    members = {**descriptor.members, "name": descriptor.name}
    (job / DESCRIPTOR).write_bytes(json.encode(members))
    for path, file in intake.files.items():
        target = job / "package" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(file.spooled.path)
