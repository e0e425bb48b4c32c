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
from couchreg.registry.reading.remembered import MOST, Remembered
from couchreg.registry.reading.standing import standing_of

_LEAST_WEIGHT = 500  # bytes of whatever is remembered
_AS_OBJECTS = 8  # how much more memory values take than their text

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
    """The packages of one `registry` database. What it answers is for reading: others are given the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered = Remembered(database)

    def forget(self) -> None:
        """Read everything anew."""
        self._remembered = Remembered(self._database)

    async def versions(self, name: str) -> list[str]:
        """The versions of a package, from lowest to highest; empty for an unknown one."""

        async def read() -> tuple[list[str], int]:
            found = await self._versions(name)
            return found, _LEAST_WEIGHT + 100 * len(found)

        return list(await self._remembered.until_written(("versions", name), name, read))

    async def _versions(self, name: str) -> list[str]:
        wanted = Range(start=version_id(name, ""), end=version_id(name, "~"))
        found = [split_version_id(row.id) async for row in self._rows(wanted)]
        return sort_versions([pair[1] for pair in found if pair and pair[0] == name])

    async def resolve(self, name: str, wanted: str = LATEST) -> str:
        """The exact version that `latest`, another dist-tag or a range (`^1.2`) stands for; of one that
        is yanked only its own name.

        Raises NotFound, and BadRequest for a range that cannot be read.
        """
        versions = await self.known_versions(name)
        if wanted in versions:
            return wanted
        standing = await self.standing(name)
        chosen = standing.tags(versions).get(wanted) or choose(standing.offered(versions), wanted)
        if chosen is None:
            raise _absent(name, wanted, versions, standing)
        return chosen

    async def known_versions(self, name: str) -> list[str]:
        """The versions of a package, from lowest to highest. Raises NotFound when there are none."""
        versions = await self.versions(name)
        if not versions:
            raise _absent(name, LATEST, versions, Standing())
        return versions

    async def point(self, name: str, wanted: str = LATEST) -> tuple[str, str]:
        """The version that is asked for, exactly or by a dist-tag, and its revision. Raises NotFound."""
        exact = await self.resolve(name) if wanted == LATEST else wanted
        rev = await self._rev(name, exact)
        if rev is None and wanted != LATEST:
            exact = (await self.standing(name)).tags(await self.versions(name)).get(wanted, exact)
            rev = await self._rev(name, exact)
        if rev is None:
            raise _absent(name, exact, await self.versions(name), await self.standing(name))
        return exact, rev

    async def _rev(self, name: str, exact: str) -> str | None:
        doc_id = version_id(name, exact)

        async def read() -> tuple[str | None, str | None, int]:
            [row] = await self._database.winners([doc_id], bodies=False)
            rev = None if row is None or row.deleted else row.rev
            return rev, rev, _LEAST_WEIGHT

        return await self._remembered.of_document(("rev", name, exact), doc_id, read)

    async def version(self, name: str, version: str = LATEST, *, room: Room | None = None) -> Version:
        """Raises NotFound with a reason that says where to look.

        `room` is awaited before a large document is held, and raises what it does.
        """
        exact = await self.resolve(name) if version == LATEST else version

        async def read() -> tuple[str | None, Version, int]:
            revision = await self._revision(name, exact)
            if room is not None and len(revision.members) > LARGE:
                del revision  # nothing is held while one waits
                await room()
                revision = await self._revision(name, exact)
            weight, document = len(revision.members), await outline(revision.members)
            found = Version(name, exact, revision.rev, document, revision.attachments, weight)
            return revision.rev, found, _weight(found)

        return await self._remembered.of_document(("version", name, exact), version_id(name, exact), read)

    async def _revision(self, name: str, version: str) -> Revision:
        try:
            return await self._database.revision(version_id(name, version))
        except NotFound:
            raise _absent(name, version, await self.versions(name), await self.standing(name)) from None

    async def named(self, name: str, wanted: str = LATEST, *, room: Room | None = None) -> Version:
        """An exact version, or the one that a dist-tag leads to. Raises NotFound, and what `room` does."""
        return await self.version(name, (await self.point(name, wanted))[0], room=room)

    async def standing(self, name: str) -> Standing:
        """What the package's document says of its versions."""

        async def read() -> tuple[str | None, Standing, int]:
            [row] = await self._database.winners([name], bodies=True)
            found = standing_of(row)
            there = row is not None and not row.deleted
            size = len(row.members or b"") if row is not None else 0
            return row.rev if row is not None and there else None, found, _LEAST_WEIGHT + _AS_OBJECTS * size

        return await self._remembered.of_document(("standing", name), name, read)

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


def _weight(version: Version) -> int:
    """What a version takes in memory; one that is large is not kept."""
    if version.is_large:
        return MOST
    return _LEAST_WEIGHT + _AS_OBJECTS * version.weight + 800 * len(version.attachments)


def _absent(name: str, wanted: str, versions: list[str], standing: Standing) -> NotFound:
    if not versions:
        return NotFound(f"There is no package {name[:200]!r} here: /-/packages lists those that are.")
    offered = standing.offered(versions)
    if not offered:
        return NotFound(
            f"All versions of {name!r} are yanked: ask for one by its version, {versions[-1]!r} say."
        )
    return NotFound(f"{name!r} has no version {wanted[:200]!r}; the latest is {latest(offered)!r}.")


def _from_row(name: str, version: str, row: Row) -> Version:
    return Version(name, version, row.rev, row.body, row.attachments)
