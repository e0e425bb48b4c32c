"""Deleting versions: a tombstone in place of the document, and the bytes that nothing else needs are gone, or
lie aside for some time (`trash`).

The package stays its owners', also without a version left, so that nobody else can publish under a name
that others rely on.
"""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database, Edit, Revision, Seq
from couchreg.docstore.optional import compacting
from couchreg.errors import NotFound, NotImplementedHere, Unavailable
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.moments import Clock, moment_text, utc_now
from couchreg.package.names import check_package_name, check_version, version_id
from couchreg.package.standing import DEPRECATED, TAGS, YANKED
from couchreg.package.versions import sort_versions
from couchreg.registry.changing.packages import Package, Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tombstones import tombstone
from couchreg.registry.changing.trash import Trash
from couchreg.registry.reading.catalog import Catalog, Version
from couchreg.registry.reading.standing import drop_empty, texts_to_change

log = logging.getLogger(__name__)

AT_ONCE = 20  # versions whose documents are in memory together


class Deleted(NamedTuple):
    """Which versions were deleted, from oldest to latest, and until when they can be brought back: a moment,
    or None where some of them are gone."""

    versions: list[str]
    until: str | None


class Unpublisher:
    """Deletes from one `registry` database.

    `settled` is awaited with a sequence before a deletion is acknowledged, as for publishing.
    """

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        packages: Packages,
        trash: Trash,
        *,
        clock: Clock = utc_now,
        settled: Settled | None = None,
    ) -> None:
        self._database = database
        self._attachments = attachments
        self._packages = packages
        self._catalog = Catalog(database)
        self._trash = trash
        self._clock = clock
        self._settled = bounded(settled)

    async def unpublish(
        self, name: str, version: str | None, user: User, *, for_good: bool = False
    ) -> Deleted:
        """Delete a version, or with None all of them. With `for_good` nothing is kept that could be brought
        back, and what is kept of them from before goes.

        Raises BadRequest, NotFound for what is not there, Forbidden unless `user` may.
        """
        check_package_name(name)
        if version is not None:
            check_version(version)
        async with self._packages.locks.hold(name):
            package = await self._packages.get(name)
            self._packages.require(package, user)
            if for_good and version is not None:
                await self._compact([version_id(name, version)])  # a deletion before may have broken off
            before = await self._kept(name, version) if for_good else []
            wanted = await self._wanted(name, version) if not before else await self._there(name, version)
            until = None if for_good else self._trash.until()
            for start in range(0, len(wanted), AT_ONCE):
                some = wanted[start : start + AT_ONCE]
                kept = await self._delete(package, some, user, keep=until is not None)
                until = until if kept else None
            await self._compact([version_id(name, item) for item in before])
            for item in before:
                await self._trash.clear(name, item)
            gone = sort_versions({*wanted, *before})
            record("unpublish", package=name, versions=gone, by=user.name)
            await self.forget_tags(name, wanted, user)
        return Deleted(gone, until)

    async def bury(self, deletion: Edit, user: User) -> None:
        """Write a deletion of a version that was made elsewhere, for one who holds the lock of this name.
        What the package's document says of that version stays: see `forget_tags`."""
        leafs = await self._leafs(deletion.id)
        written = await self._database.update([deletion], new_edits=False, user=user)
        written.check()
        await self._clear(
            written.seq, [deletion.id], {file.key for leaf in leafs for file in leaf.attachments}
        )

    async def _kept(self, name: str, version: str | None) -> list[str]:
        """The versions that were deleted before and could be brought back: the one, or with None all."""
        found = await self._trash.versions(name)
        return found if version is None else [item for item in found if item == version]

    async def _there(self, name: str, version: str | None) -> list[str]:
        versions = await self._catalog.versions(name)
        return versions if version is None else [item for item in versions if item == version]

    async def _wanted(self, name: str, version: str | None) -> list[str]:
        if version is not None:
            await self._catalog.version(name, version)
            return [version]
        versions = await self._catalog.versions(name)
        if not versions:
            raise NotFound(f"{name!r} has no versions left.")
        return versions

    async def _delete(self, package: Package, versions: Sequence[str], user: User, *, keep: bool) -> bool:
        """Whether all of them are kept."""
        name = package.name
        edits: list[Edit] = []
        keys: set[str] = set()
        kept = keep
        for version in versions:
            leafs = await self._leafs(version_id(name, version))
            edits += self._edits(name, version, leafs, user)
            keys.update(file.key for leaf in leafs for file in leaf.attachments)
            if keep:
                told = (await self._catalog.standing(name)).told(version)
                kept &= await self._trash.keep(
                    name, version, leafs[0], told, by=user.name, owners=package.owners
                )
        written = await self._database.update(edits, new_edits=True, user=user)
        written.check()
        await self._clear(written.seq, [version_id(name, version) for version in versions], keys)
        return kept

    async def _clear(self, seq: Seq, ids: Sequence[str], keys: Collection[str]) -> None:
        """What the deletions of these documents leave behind. Bodies go first: as long as they are here, who
        names a revision reads them and their files, and the sweep leaves those."""
        await self._compact(ids)
        await self._settled(seq)
        await self._remove(keys)

    async def _compact(self, ids: Sequence[str]) -> None:
        """Forget the bodies of old revisions."""
        with suppress(NotImplementedHere):  # then the files go when the store forgets the revisions by itself
            await compacting(self._database).compact(ids)

    async def _leafs(self, doc_id: str) -> list[Revision]:
        """Every living revision, the winner first: of a conflict none may come up in its place."""
        tree = await self._database.tree(doc_id)
        revs = [leaf.rev for leaf in tree.leafs() if not leaf.deleted] if tree else []
        return [found for found in await self._database.revisions(doc_id, revs) if found]

    def _edits(self, name: str, version: str, leafs: Sequence[Revision], user: User) -> list[Edit]:
        if not leafs:
            raise NotFound(f"{name!r} has no version {version!r}.")
        gone = Version(name, version, leafs[0].rev, leafs[0].body, leafs[0].attachments)
        body = tombstone(gone, at=moment_text(self._clock()), by=user.name)
        return [Edit(leaf.id, leaf.rev, True, body) for leaf in leafs]

    async def _remove(self, keys: Collection[str]) -> None:
        """Take away the bytes that nothing refers to any more; what cannot be had now is the sweep's."""
        for key in keys:
            try:
                await self._attachments.remove(key)
            except Unavailable as error:
                log.warning("%s is left to the sweep: %s", key, error)

    async def forget_tags(self, name: str, versions: Collection[str], user: User) -> None:
        """No tag of the package points to a version that is gone, and no message speaks of it. For one
        who holds the lock of this name."""

        def change(members: dict[str, Any]) -> None:
            for version in versions:
                texts_to_change(members, DEPRECATED).pop(version, None)
                texts_to_change(members, YANKED).pop(version, None)
            tags = texts_to_change(members, TAGS)
            for tag in [tag for tag, version in tags.items() if version in versions]:
                del tags[tag]
            for member in (TAGS, DEPRECATED, YANKED):
                drop_empty(members, member)

        if await self._packages.find(name):
            await self._packages.change_held(name, user, change)
