"""Reading: which packages and versions there are, and what belongs to one of them.

Versions are found by their documents' ids, so that a version which arrived by replication is there as
soon as its document is.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from couchreg.docstore.base import Attachment, Database, Range, Revision, Row
from couchreg.errors import NotFound
from couchreg.package.descriptor import OWN, Resource, descriptor_of, resources_of
from couchreg.package.names import is_package_name, split_version_id, version_id
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.standing import Standing
from couchreg.package.versions import LATEST, choose, latest, sort_versions
from couchreg.registry.reading.outline import LARGE, outline
from couchreg.registry.reading.standing import standings

Room = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Version:
    """One published version as it is stored; what is long in it may be JSON text (see `outline`)."""

    name: str
    version: str
    rev: str
    document: Mapping[str, Any]  # the descriptor's members, and `couchreg`
    attachments: tuple[Attachment, ...]
    weight: int = 0  # bytes of the document

    @property
    def is_large(self) -> bool:
        return self.weight > LARGE

    @property
    def descriptor(self) -> dict[str, Any]:
        return descriptor_of(self.document)

    @property
    def own(self) -> Mapping[str, Any]:
        """The registry's member: publisher, published, report; empty when it has not the right shape."""
        own = self.document.get(OWN)
        return own if isinstance(own, dict) else {}

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        return {resource.name: resource for resource in resources_of(self.document)}

    @cached_property
    def files(self) -> Mapping[str, Attachment]:
        """By path; `datapackage.json` first."""
        listed = sorted(self.attachments, key=lambda item: (item.name != DESCRIPTOR, item.name))
        return {attachment.name: attachment for attachment in listed}


class Catalog:
    """The packages of one `registry` database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, name: str) -> list[str]:
        """The versions of a package, from lowest to highest; empty for an unknown one."""
        wanted = Range(start=version_id(name, ""), end=version_id(name, "~"))
        found = [split_version_id(row.id) async for row in self._rows(wanted)]
        return sort_versions([pair[1] for pair in found if pair and pair[0] == name])

    async def resolve(self, name: str, wanted: str = LATEST) -> str:
        """The exact version that `latest`, another dist-tag or a range (`^1.2`) stands for.

        Raises NotFound, and BadRequest for a range that cannot be read.
        """
        versions = await self.known_versions(name)
        if wanted in versions:
            return wanted
        tagged = (await self.standing(name)).tags(versions).get(wanted)
        chosen = tagged or choose(versions, wanted)
        if chosen is None:
            raise _absent(name, wanted, versions)
        return chosen

    async def known_versions(self, name: str) -> list[str]:
        """The versions of a package, from lowest to highest. Raises NotFound when there are none."""
        versions = await self.versions(name)
        if not versions:
            raise _absent(name, LATEST, versions)
        return versions

    async def version(self, name: str, version: str = LATEST, *, room: Room | None = None) -> Version:
        """Raises NotFound with a reason that says where to look.

        `room` is awaited before a large document is held, and raises what it does.
        """
        exact = await self.resolve(name) if version == LATEST else version
        revision = await self._revision(name, exact)
        if room is not None and len(revision.members) > LARGE:
            del revision  # nothing is held while one waits
            await room()
            revision = await self._revision(name, exact)
        weight, document = len(revision.members), await outline(revision.members)
        return Version(name, exact, revision.rev, document, revision.attachments, weight)

    async def _revision(self, name: str, version: str) -> Revision:
        try:
            return await self._database.revision(version_id(name, version))
        except NotFound:
            raise _absent(name, version, await self.versions(name)) from None

    async def named(self, name: str, wanted: str = LATEST, *, room: Room | None = None) -> Version:
        """An exact version, or the one that a dist-tag leads to. Raises NotFound, and what `room` does."""
        try:
            return await self.version(name, wanted, room=room)
        except NotFound:
            tags = (await self.standing(name)).tags(await self.versions(name))
            if wanted not in tags:
                raise
            return await self.version(name, tags[wanted], room=room)

    async def standing(self, name: str) -> Standing:
        """What the package's document says of its versions."""
        return (await standings(self._database, [name]))[0]

    async def published(self, name: str) -> list[Version]:
        """All versions of a package with their documents, from the latest to the oldest."""
        versions = (await self.versions(name))[::-1]
        rows = await self._database.winners([version_id(name, version) for version in versions], bodies=True)
        return [_from_row(name, version, row) for version, row in zip(versions, rows, strict=True) if row]

    async def packages(self, start: str, limit: int) -> tuple[list[str], str | None]:
        """The names of packages, in order from `start` on, and the name to go on with, None at the end."""
        found: list[str] = []
        async for row in self._rows(Range(start=start or None)):
            if not is_package_name(row.id):
                continue
            versions = await self.versions(row.id)
            if versions and len(found) == limit:
                return found, row.id
            if versions:
                found.append(row.id)
        return found, None

    async def _rows(self, wanted: Range) -> AsyncIterator[Row]:
        async for rows in self._database.all_docs(wanted, bodies=False):
            for row in rows:
                yield row


def _absent(name: str, wanted: str, versions: list[str]) -> NotFound:
    if not versions:
        return NotFound(f"There is no package {name[:200]!r} here: /-/packages lists those that are.")
    return NotFound(f"{name!r} has no version {wanted[:200]!r}; the latest is {latest(versions)!r}.")


def _from_row(name: str, version: str, row: Row) -> Version:
    return Version(name, version, row.rev, row.body, row.attachments)
