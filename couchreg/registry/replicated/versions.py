"""Versions that come by replication: what is asked of a PUT of the registry door, asked of a document.

The document is stored as it was made elsewhere. So nothing is filled in, and what the one who made it filled
in is held against the files and, where `datapackage.json` came along, against that.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from couchreg.docstore.base import Attachment, Database, Edit, Row, Updated
from couchreg.errors import BadRequest, Forbidden
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.access import ACCESS, CLOSED
from couchreg.package.descriptor import OWN, Descriptor, descriptor_of, examine
from couchreg.package.moments import utc_now
from couchreg.package.names import split_version_id
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.recording import filled_in, recorded_of
from couchreg.registry.changing.packages import Package, Packages
from couchreg.registry.changing.settling import Settled
from couchreg.registry.changing.tombstones import may_return, ordered
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.publish import Confirm, Publisher
from couchreg.registry.publishing.threads import whole
from couchreg.registry.replicated.shapes import check_own, demand, descends

_OWN_NAME = f"Accounts have limits here, so doc.{OWN}.publisher has to be who sends the version."
Positions = Mapping[str, int]  # of a document's files: `revpos`


class Versions:
    """Publishes versions under the revisions that they have elsewhere."""

    def __init__(
        self, database: Database, packages: Packages, publisher: Publisher, settled: Settled
    ) -> None:
        self._database = database
        self._packages = packages
        self._publisher = publisher
        self._settled = settled

    async def check(self, edit: Edit, user: User) -> None:
        """What can be said before the files are here. Raises Forbidden, NotFound, BadRequest."""
        name, _ = _address(edit)
        row = await self._allowed(edit, name, user)
        demand(row is None or row.deleted, _unchanging(edit))

    async def _allowed(self, edit: Edit, name: str, user: User) -> Row | None:
        """The version as it is here, if it is, for one who may publish it."""
        package, row = await self._database.winners([name, edit.id], bodies=True)
        await self._packages.allowed(name, package, user)
        return row

    async def publish(
        self,
        edit: Edit,
        intake: Intake,
        positions: Positions,
        user: User,
        confirm: Confirm,
        askers: Sequence[str],
    ) -> None:
        """Check the package, and store it. Raises InvalidPackage, BadRequest, Forbidden, Conflict,
        Unavailable, TooManyRequests, TooLarge; and what `confirm` raises."""
        name, version = _address(edit)
        stated = (edit.body.get("name"), edit.body.get("version"))
        demand(stated == (name, version), "doc.name and doc.version must be those of its id.")
        descriptor = examine(descriptor_of(edit.body), name, version)
        completed, report = await self._publisher.judge(descriptor, intake, askers)
        if DESCRIPTOR in intake.files:
            await self._check_sent(edit, descriptor, completed, intake, askers)
        hashes = {path: f"sha256:{file.spooled.sha256}" for path, file in intake.files.items()}
        async with self._packages.locks.hold(name):
            row = await self._allowed(edit, name, user)
            if row is not None and not row.deleted:
                demand(descends(edit, row.rev) and edit.rev == row.rev, _unchanging(edit))
                return  # it has come in another request meanwhile
            _check_tombstone(row, edit, descriptor, completed, hashes)
            owners = await self._owners(name, user)
            check_own(edit.body.get(OWN), owners, hashes, report, utc_now())
            if self._publisher.quotas.limit and not user.is_admin:
                demand(_publisher(edit) == user.name, _OWN_NAME)
            write = partial(self._write, edit, name, positions, user, confirm)
            async with self._publisher.quotas.taking(user, intake):
                written = await whole(self._publisher.store(edit.id, intake, write))
            written.check()
        record("publish", package=name, version=version, by=user.name)
        await self._settled(written.seq)

    async def _owners(self, name: str, user: User) -> tuple[str, ...]:
        """Those there are, or would be; and who may publish without being one."""
        package = await self._packages.find(name)
        return (*(package.owners if package is not None else ()), user.name or "")

    async def _check_sent(
        self,
        edit: Edit,
        descriptor: Descriptor,
        completed: Mapping[str, Any],
        intake: Intake,
        askers: Sequence[str],
    ) -> None:
        """Whether the document says what `datapackage.json` says, but for what a registry fills in."""
        intake.read_sent_descriptor()
        sent = examine(intake.members, descriptor.name, descriptor.version)
        own = edit.body.get(OWN)
        recorded = recorded_of(own) if isinstance(own, dict) else []
        there = filled_in(await self._publisher.completed(sent, intake, askers), recorded)
        same = ordered(there) == ordered(filled_in(completed, recorded))
        demand(same, f"The document and the file {DESCRIPTOR} differ.")

    async def _write(
        self,
        edit: Edit,
        name: str,
        positions: Positions,
        user: User,
        confirm: Confirm,
        attached: Sequence[Attachment],
    ) -> Updated:
        """The document; a new package becomes the user's just before."""
        await confirm()
        claim = await self._packages.claim(name, user)
        if claim is not None:
            (await self._database.update([claim], new_edits=True, user=user)).check()
        generation = int((edit.rev or "1-").partition("-")[0])
        files = [
            msgspec.structs.replace(file, revpos=positions.get(file.name) or generation) for file in attached
        ]
        whole_edit = msgspec.structs.replace(edit, attachments=tuple(files))
        written = await self._database.update([whole_edit], new_edits=False, user=user)
        written.check()
        return written


def bare_claim(package: Package, user: User) -> bool:
    """Whether a package's document is no more than what makes it the user's, closed or not."""
    begun = package.rev is not None and package.rev.startswith("1-")
    access = package.members.get(ACCESS, CLOSED)
    said = set(package.members) - {"name", "owners", "created", ACCESS}
    return begun and package.owners == (user.name,) and access == CLOSED and not said


def _address(edit: Edit) -> tuple[str, str]:
    """Raises BadRequest for an id that no version has."""
    found = split_version_id(edit.id)
    if found is None:
        raise BadRequest("The id of a document is a package, or package@version.")
    return found


def _publisher(edit: Edit) -> Any:
    own = edit.body.get(OWN)
    return own.get("publisher") if isinstance(own, dict) else None


def _unchanging(edit: Edit) -> str:
    return f"{edit.id} is published already, and versions never change: publish under a new version."


def _check_tombstone(
    row: Row | None,
    edit: Edit,
    descriptor: Descriptor,
    completed: Mapping[str, Any],
    hashes: Mapping[str, str],
) -> None:
    """Raises Forbidden for other content than was deleted. What was published without being filled in is
    remembered so."""
    if row is None or not row.members:
        return
    files = {path: text.removeprefix("sha256:") for path, text in hashes.items()}
    if not any(may_return(row.body, members, files) for members in (completed, descriptor.members)):
        raise Forbidden(
            f"{edit.id} was published with other content and deleted, and versions never change: "
            "publish under a new version."
        )
