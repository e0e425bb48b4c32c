"""What owners say of a package as a whole, by replication: owners, tags, deprecations.

A document that is no edit of the one that is here would be a conflict, one of whose sides is lost without
anybody having said so: it is refused, and whoever sent it replicates from here first.
"""

from collections.abc import Awaitable, Callable, Iterable

from couchreg.docstore.base import Database, Edit
from couchreg.errors import Forbidden
from couchreg.journal.asking import record
from couchreg.model.revid import revision_id
from couchreg.model.user import User
from couchreg.package.access import ACCESS, GROUP, grants_of
from couchreg.package.names import check_package_name
from couchreg.registry.changing.access import MOST_EMPTY
from couchreg.registry.changing.owners import Owners
from couchreg.registry.changing.packages import Package, Packages
from couchreg.registry.changing.settling import Settled
from couchreg.registry.publishing.publish import Confirm
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.replicated.shapes import check_package, demand, descends
from couchreg.registry.replicated.versions import bare_claim

Exists = Callable[[str], Awaitable[bool]]
HasGroup = Callable[[str], bool]


class PackageDocuments:
    """Stores the documents of packages."""

    def __init__(
        self,
        database: Database,
        packages: Packages,
        owners: Owners,
        settled: Settled,
        *,
        exists: Exists,
        has_group: HasGroup,
    ) -> None:
        """`exists` says whether somebody has an account here, `has_group` whether there is a group."""
        self._database = database
        self._catalog = Catalog(database)
        self._packages = packages
        self._owners = owners
        self._exists = exists
        self._has_group = has_group
        self._settled = settled

    async def check(self, edit: Edit, user: User) -> None:
        """What can be said at once. Raises Forbidden, BadRequest."""
        check_package_name(edit.id)
        await self._packages.allow_publishing(edit.id, user)

    async def write(self, edit: Edit, user: User, confirm: Confirm) -> None:
        """Raises Forbidden, BadRequest, Unavailable; and what `confirm` raises."""
        name = edit.id
        owners = check_package(name, edit)
        async with self._packages.locks.hold(name):
            package = await self._packages.allow_publishing(name, user)
            if package is not None:
                self._packages.require(package, user)
            edits = [edit]
            if package is None:
                demand(user.name in owners, "Who publishes a package first owns it.")
                await self._check_empty(user)
            elif package.rev is not None and not descends(edit, package.rev):
                claimed = bare_claim(package, user)
                demand(claimed, f"{name} has changed here meanwhile: replicate from here first.")
                edits.append(_gone(package))
            await self._check_named(edit, owners, package, user)
            await confirm()
            written = await self._database.update(edits, new_edits=False, user=user, together=True)
            written.check()
        record("package.write", package=name, owners=owners, by=user.name)
        await self._settled(written.seq)

    async def _check_named(
        self, edit: Edit, owners: Iterable[str], package: Package | None, user: User
    ) -> None:
        """Whoever becomes an owner, or is given a right, has an account here, as at the registry door: else
        nobody could register under that name any more. So it is with groups."""
        before = package.owners if package is not None else (user.name,)
        for name in owners:
            if name not in before and not await self._exists(name):
                raise Forbidden(f"doc.owners names {name[:200]!r}, who has no account here.")
        given = grants_of(package.members) if package is not None else {}
        for name in grants_of(edit.body):
            if name not in given and not await self._is_known(name):
                raise Forbidden(f"doc.{ACCESS} names {name[:200]!r}: there is no such account or group here.")

    async def _is_known(self, who: str) -> bool:
        if who.startswith(GROUP):
            return self._has_group(who.removeprefix(GROUP))
        return await self._exists(who)

    async def _check_empty(self, user: User) -> None:
        """Raises Forbidden for one who takes names without publishing anything."""
        empty = 0
        for name in await self._owners.owned_by(user.name or ""):
            empty += not await self._catalog.versions(name)
            demand(
                empty < MOST_EMPTY, f"You own {MOST_EMPTY} packages without a version: publish these first."
            )


def _gone(package: Package) -> Edit:
    """A deletion of the claim by which the package became its owner's, who has now sent the document that it
    stood for."""
    assert package.rev is not None
    rev = revision_id(deleted=True, parent=package.rev, body={}, attachments=())
    history = (rev.partition("-")[2], package.rev.partition("-")[2])
    return Edit(package.name, rev, True, {}, (), history)
