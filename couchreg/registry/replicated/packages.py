"""What owners say of a package as a whole, by replication: owners, tags, deprecations.

A document that is no edit of the one that is here would be a conflict, one of whose sides is lost without
anybody having said so: it is refused, and whoever sent it replicates from here first.
"""

from collections.abc import Awaitable, Callable, Sequence

from couchreg.docstore.base import Database, Edit
from couchreg.errors import Forbidden
from couchreg.journal.asking import record
from couchreg.model.revid import revision_id
from couchreg.model.user import User
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


class PackageDocuments:
    """Stores the documents of packages."""

    def __init__(
        self, database: Database, packages: Packages, owners: Owners, exists: Exists, settled: Settled
    ) -> None:
        """`exists` says whether somebody has an account here."""
        self._database = database
        self._catalog = Catalog(database)
        self._packages = packages
        self._owners = owners
        self._exists = exists
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
            before = package.owners if package is not None else (user.name,)
            await self._check_accounts([one for one in owners if one not in before])
            await confirm()
            written = await self._database.update(edits, new_edits=False, user=user)
            written.check()
        record("package.write", package=name, owners=owners, by=user.name)
        await self._settled(written.seq)

    async def _check_accounts(self, names: Sequence[str]) -> None:
        """Whoever becomes an owner has an account here, as at the registry door."""
        for name in names:
            if not await self._exists(name):
                raise Forbidden(f"doc.owners names {name[:200]!r}, who has no account here.")

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
