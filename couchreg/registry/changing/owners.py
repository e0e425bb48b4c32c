"""Owners: who they are of a package, and which packages are somebody's.

Owners stand in the package's document, so that they replicate with it. What an account is, is not known
here: an owner is a name.
"""

import asyncio

from couchreg.docstore.base import BEGINNING, Database
from couchreg.errors import BadRequest, Forbidden, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.names import is_package_name
from couchreg.registry.changing.packages import Packages, owners_of

MOST = 200  # owners of one package
ROLE = "owner:"  # and the package's name


class Owners:
    """Reading and changing owners."""

    def __init__(self, database: Database, packages: Packages) -> None:
        self._packages = packages
        self._index = OwnerIndex(database)

    async def of(self, name: str) -> tuple[str, ...]:
        """The owners of a package, in the order in which they came. Raises NotFound."""
        return (await self._packages.get(name)).owners

    async def check(self, name: str, user: User) -> None:
        """Raises NotFound, and Forbidden unless `user` may change the package."""
        self._packages.require(await self._packages.get(name), user)

    async def add(self, name: str, username: str, user: User) -> tuple[str, ...]:
        """The owners with `username` among them. Raises NotFound, Forbidden, BadRequest for too many."""

        def change(members: dict[str, object]) -> None:
            owners = owners_of(members)
            if username in owners:
                return
            if len(owners) >= MOST:
                raise BadRequest(f"A package may have at most {MOST} owners.")
            members["owners"] = [*owners, username]

        owners = (await self._packages.change(name, user, change)).owners
        record("owner.add", package=name, owner=username, by=user.name)
        return owners

    async def remove(self, name: str, username: str, user: User) -> tuple[str, ...]:
        """The owners that are left. Raises NotFound, Forbidden: also for the last one."""

        def change(members: dict[str, object]) -> None:
            owners = owners_of(members)
            if username not in owners:
                raise NotFound(f"{username[:200]!r} is not an owner of {name!r}.")
            if len(owners) == 1:
                raise Forbidden(f"{username!r} is the last owner of {name!r}: add another one first.")
            members["owners"] = [owner for owner in owners if owner != username]

        owners = (await self._packages.change(name, user, change)).owners
        record("owner.remove", package=name, owner=username, by=user.name)
        return owners

    async def leave(self, username: str, user: User) -> None:
        """Remove somebody from the packages that have other owners too; the rest stay theirs."""
        for name in await self.owned_by(username):
            try:
                await self.remove(name, username, user)
            except (Forbidden, NotFound):  # the last owner; or gone meanwhile
                continue

    async def owned_by(self, username: str) -> tuple[str, ...]:
        """The packages of somebody, by name."""
        return await self._index.packages_of(username)

    async def with_roles(self, user: User) -> User:
        """The user as the registry's database sees them: with a role `owner:<package>` for each package."""
        if user.name is None:
            return user
        owned = [ROLE + name for name in await self.owned_by(user.name)]
        return User(user.name, tuple(dict.fromkeys([*user.roles, *owned]))) if owned else user


class OwnerIndex:
    """From owners to packages, in memory: read once, then brought up to date by what has changed.

    It takes some hundred bytes for each package.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seq = BEGINNING
        self._owners: dict[str, tuple[str, ...]] = {}
        self._packages: dict[str, set[str]] = {}
        self._reading = asyncio.Lock()

    async def packages_of(self, username: str) -> tuple[str, ...]:
        """As the database has it now."""
        if self._seq != await self._database.update_seq():
            async with self._reading:
                await self._catch_up()
        return tuple(sorted(self._packages.get(username, ())))

    async def _catch_up(self) -> None:
        if self._seq.incarnation != (await self._database.update_seq()).incarnation:  # made again
            self._seq = BEGINNING
            self._owners.clear()
            self._packages.clear()
        async for changes in self._database.changes(self._seq):
            names = [change.id for change in changes.results if is_package_name(change.id)]
            for row in await self._database.winners(names, bodies=True) if names else ():
                if row is not None:
                    self._set(row.id, () if row.deleted else owners_of(row.body))
            self._seq = changes.last_seq

    def _set(self, name: str, owners: tuple[str, ...]) -> None:
        for owner in self._owners.pop(name, ()):
            self._packages[owner].discard(name)
            if not self._packages[owner]:
                del self._packages[owner]
        if owners:
            self._owners[name] = owners
        for owner in owners:
            self._packages.setdefault(owner, set()).add(name)
