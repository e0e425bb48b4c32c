"""Deleting versions: a tombstone in place of the document, and the bytes that nothing else needs are gone.

The package stays its owners', also without a version left, so that nobody else can publish under a name
that others rely on.
"""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database, Edit, Revision
from couchreg.docstore.optional import compacting
from couchreg.errors import NotFound, NotImplementedHere, Unavailable
from couchreg.model.user import User
from couchreg.package.moments import Clock, moment_text, utc_now
from couchreg.package.names import check_package_name, check_version, version_id
from couchreg.package.standing import DEPRECATED, TAGS
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tombstones import tombstone
from couchreg.registry.reading.catalog import Catalog, Version
from couchreg.registry.reading.standing import drop_empty, texts_to_change

log = logging.getLogger(__name__)

AT_ONCE = 20  # versions whose documents are in memory together


class Unpublisher:
    """Deletes from one `registry` database.

    `settled` is awaited with a sequence before a deletion is acknowledged, as for publishing.
    """

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        packages: Packages,
        *,
        clock: Clock = utc_now,
        settled: Settled | None = None,
    ) -> None:
        self._database = database
        self._attachments = attachments
        self._packages = packages
        self._catalog = Catalog(database)
        self._clock = clock
        self._settled = bounded(settled)

    async def unpublish(self, name: str, version: str | None, user: User) -> list[str]:
        """Delete a version, or with None all of them; the versions deleted, from oldest to latest.

        Raises BadRequest, NotFound for what is not there, Forbidden unless `user` may.
        """
        check_package_name(name)
        if version is not None:
            check_version(version)
        async with self._packages.locks.hold(name):
            (await self._packages.get(name)).check(user)
            wanted = await self._wanted(name, version)
            for start in range(0, len(wanted), AT_ONCE):
                await self._delete(name, wanted[start : start + AT_ONCE], user)
            await self._forget_tags(name, wanted, user)
        return wanted

    async def _wanted(self, name: str, version: str | None) -> list[str]:
        if version is not None:
            await self._catalog.version(name, version)
            return [version]
        versions = await self._catalog.versions(name)
        if not versions:
            raise NotFound(f"{name!r} has no versions left.")
        return versions

    async def _delete(self, name: str, versions: Sequence[str], user: User) -> None:
        edits: list[Edit] = []
        keys: set[str] = set()
        for version in versions:
            leafs = await self._leafs(version_id(name, version))
            edits += self._edits(name, version, leafs, user)
            keys.update(file.key for leaf in leafs for file in leaf.attachments)
        written = await self._database.update(edits, new_edits=True, user=user)
        written.check()
        await self._settled(written.seq)
        with suppress(NotImplementedHere):  # then the files go when the store forgets the revisions by itself
            await compacting(self._database).compact([version_id(name, version) for version in versions])
        await self._remove(keys)

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

    async def _forget_tags(self, name: str, versions: Collection[str], user: User) -> None:
        """No tag of the package points to a version that is gone, and no deprecation speaks of it."""

        def change(members: dict[str, Any]) -> None:
            for version in versions:
                texts_to_change(members, DEPRECATED).pop(version, None)
            tags = texts_to_change(members, TAGS)
            for tag in [tag for tag, version in tags.items() if version in versions]:
                del tags[tag]
            drop_empty(members, TAGS)
            drop_empty(members, DEPRECATED)

        if await self._packages.find(name):
            await self._packages.change_held(name, user, change)
