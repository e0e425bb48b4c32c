"""A package's own document: whose it is, and changes of it, one at a time.

It is `{name, owners, created}` and whatever else is said of a package as a whole. Who may change a package
is decided here and nowhere else: its owners, and server admins. Versions are published by those, too, whom
the package gives that right.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from couchreg.access.asking import Asker
from couchreg.access.known import PrivatePackages
from couchreg.access.seen import is_hidden
from couchreg.docstore.base import Database, Edit, Row
from couchreg.errors import Conflict, CouchregError, Forbidden, NotFound
from couchreg.model import json
from couchreg.model.user import SYSTEM, User
from couchreg.package.access import ACCESS, CHANGED, CLOSED
from couchreg.package.moments import Clock, moment_text, utc_now
from couchreg.package.names import is_package_name
from couchreg.registry.changing.settling import Settled
from couchreg.registry.reading.catalog import Catalog
from couchreg.turns import Locks

ATTEMPTS = 5  # at a change that others, by replication say, are faster with

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Package:
    """A package's document as it is stored; `rev` is None for one that is not stored yet."""

    name: str
    rev: str | None
    members: Mapping[str, Any]

    @property
    def owners(self) -> tuple[str, ...]:
        return owners_of(self.members)

    def check(self, user: User) -> None:
        """Raises Forbidden unless `user` may change the package."""
        if not user.is_admin and (user.name is None or user.name not in self.owners):
            raise _not_yours(self.name)


def _not_yours(name: str) -> Forbidden:
    """The same for packages that are seen and for others: of a name only that it is taken."""
    return Forbidden(f"You are not an owner of {name!r}: ask one of its owners to add you.")


def owners_of(members: Mapping[str, Any]) -> tuple[str, ...]:
    """The owners that a document names; it may have come from anywhere."""
    owners = members.get("owners")
    listed = owners if isinstance(owners, list) else []
    return tuple(dict.fromkeys(name for name in listed if isinstance(name, str) and name))


class Packages:
    """The package documents of one `registry` database.

    `settled` is awaited with a sequence before a change is acknowledged, as for publishing.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = utc_now,
        settled: Settled | None = None,
        mirror_of: str | None = None,
        private: PrivatePackages | None = None,
        locks: Locks | None = None,
    ) -> None:
        self._database = database
        self._private = private or PrivatePackages(database)
        self._settled = settled
        self._catalog = Catalog(database)
        self._clock = clock
        self._mirror_of = mirror_of
        self.locks = locks or Locks()  # whoever changes a package or its versions holds its name

    def require(self, package: Package, user: User) -> None:
        """Raises Forbidden unless `user` may change the package: in a mirror, unless they are an admin."""
        self._check_mirror(user)
        package.check(user)

    def _check_mirror(self, user: User) -> None:
        if self._mirror_of is not None and not user.is_admin:
            raise Forbidden(f"This is a mirror of {self._mirror_of}: packages are changed there.")

    async def find(self, name: str) -> Package | None:
        if not is_package_name(name):
            return None  # `name@version` is the id of a version's document
        try:
            revision = await self._database.revision(name)
        except NotFound:
            return None
        return Package(name, revision.rev, revision.body)

    async def get(self, name: str) -> Package:
        """The document; a new one for versions that came without it. Raises NotFound."""
        found = await self.find(name)
        if found is not None:
            return found
        if not await self._catalog.versions(name):
            raise NotFound(f"There is no package {name[:200]!r} here: /-/packages lists those that are.")
        return Package(name, None, self._new(name, []))

    async def allow_publishing(self, name: str, user: User) -> Package | None:
        """The package, None for a new one. Raises Forbidden unless `user` may publish there."""
        [row] = await self._database.winners([name], bodies=True)
        return await self.allowed(name, row, user)

    async def allowed(self, name: str, row: Row | None, user: User) -> Package | None:
        """As `allow_publishing`, for one who has read the package's document.

        Versions that came without their package, by a replication that goes on, are somebody's already:
        nobody but an admin adds to them.
        """
        self._check_mirror(user)
        if await is_hidden(self._database, name):
            raise _not_yours(name)
        if row is not None and not row.deleted:
            found = Package(name, row.rev, row.body)
        elif await self._catalog.versions(name):
            found = Package(name, None, self._new(name, []))
        else:
            return None
        await self._private.refresh()
        if not self._private.lets_publish(Asker(user.name), name):
            found.check(user)
        return found

    async def claim(self, name: str, user: User, *, restricted: bool = False) -> Edit | None:
        """What makes `user` the owner of a new package, written together with its first version; None for one
        that is there. Raises Forbidden unless `user` may publish there."""
        if await self.allow_publishing(name, user):
            return None
        members = self._new(name, [user.name] if user.name else [])
        if restricted:
            members[ACCESS] = {**CLOSED}
        return Edit(name, None, False, members)

    async def touch(self, name: str) -> None:
        """Have a package come again in the changes, for those who see it from now on."""

        def change(members: dict[str, Any]) -> None:
            members[ACCESS] = {**members[ACCESS], CHANGED: moment_text(self._clock())}

        with suppress(NotFound):
            await self.change(name, SYSTEM, change)

    async def change(self, name: str, user: User, change: Change) -> Package:
        """Let `change` edit the document's members, if `user` may. It may raise, and be called again.

        Raises NotFound, Forbidden, Conflict after losing to others several times. Nothing is written
        when nothing changes.
        """
        async with self.locks.hold(name):
            return await self.change_held(name, user, change)

    async def change_held(self, name: str, user: User, change: Change) -> Package:
        """As `change`, for one who holds the lock of this name."""
        for _ in range(ATTEMPTS):
            package = await self.get(name)
            self.require(package, user)
            members: dict[str, Any] = json.decode(json.encode(package.members))
            change(members)
            if members == package.members:
                return package
            edit = Edit(name, package.rev, False, members)
            [outcome], seq = await self._database.update([edit], new_edits=True, user=user)
            if not isinstance(outcome, CouchregError):
                if self._settled is not None:
                    await self._settled(seq)
                return Package(name, outcome, members)
            if not isinstance(outcome, Conflict):
                raise outcome
        raise Conflict(f"The package {name!r} is being changed by others: try again.")

    def _new(self, name: str, owners: list[str]) -> dict[str, Any]:
        return {"name": name, "owners": owners, "created": moment_text(self._clock())}
