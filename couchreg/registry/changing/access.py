"""Who may read a package, and publish it: as its own document says, and changed by its owners alone."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from couchreg.access.known import PrivatePackages
from couchreg.docstore.base import Database, Seq
from couchreg.errors import BadRequest, Forbidden, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.access import ACCESS, GRANTS, PERMISSIONS, RESTRICTED, access_of, grants_of
from couchreg.package.names import check_package_name
from couchreg.registry.changing.owners import Owners
from couchreg.registry.changing.packages import Package, Packages

MOST: Final = 1_000  # grants of one package
MOST_EMPTY: Final = 20  # packages without a version that one user may own
Count = Callable[[str], Awaitable[list[str]]]


class Rights(NamedTuple):
    """Of one package: whether it is restricted, whose it is, and who was given which right."""

    is_restricted: bool
    owners: tuple[str, ...]
    grants: dict[str, str]


class AccessRights:
    """Reading and changing rights. `told` is awaited with a sequence after a change: until what is built for
    everybody has heard of it."""

    def __init__(
        self,
        database: Database,
        packages: Packages,
        owners: Owners,
        private: PrivatePackages,
        versions: Count,
        told: Callable[[Seq], Awaitable[None]],
    ) -> None:
        self._database = database
        self._packages = packages
        self._owners = owners
        self._private = private
        self._versions = versions
        self._told = told

    async def of(self, name: str) -> Rights:
        """Raises NotFound."""
        return _rights(await self._packages.get(name))

    async def restrict(self, name: str, user: User, *, restricted: bool) -> Rights:
        """Close a package, or open it. A name that nobody has is claimed by closing it, so that its first
        version is never seen. Raises BadRequest, NotFound, Forbidden, Conflict."""
        check_package_name(name)
        if restricted and await self._packages.allow_publishing(name, user) is None:
            return await self._claim(name, user)

        def change(members: dict[str, Any]) -> None:
            if restricted or ACCESS in members:
                members[ACCESS] = {RESTRICTED: restricted, GRANTS: grants_of(members)}

        return await self._change(name, user, change, "access.restrict" if restricted else "access.publish")

    async def grant(self, name: str, who: str, right: str, user: User) -> Rights:
        """Let an account, or a group as `group:NAME`, read or publish a package. Raises as `restrict`."""
        if right not in PERMISSIONS:
            raise BadRequest(f"A right is one of: {', '.join(PERMISSIONS)}.")

        def change(members: dict[str, Any]) -> None:
            grants = grants_of(members) | {who: right}
            if len(grants) > MOST:
                raise BadRequest(f"A package may give rights to {MOST} accounts and groups.")
            members[ACCESS] = {RESTRICTED: _is_restricted(members), GRANTS: grants}

        return await self._change(name, user, change, "access.grant", who=who, right=right)

    async def revoke(self, name: str, who: str, user: User) -> Rights:
        """Raises as `restrict`, and NotFound for who has no right."""

        def change(members: dict[str, Any]) -> None:
            grants = grants_of(members)
            if grants.pop(who, None) is None:
                raise NotFound(f"{who[:200]!r} was given no right to {name!r}.")
            members[ACCESS] = {RESTRICTED: _is_restricted(members), GRANTS: grants}

        return await self._change(name, user, change, "access.revoke", who=who)

    async def touch(self, group: str) -> None:
        """Have the packages of a group come again in the changes, for those who have just come into it."""
        await self._private.refresh()
        for name in self._private.granted(group):
            await self._packages.touch(name)

    async def _claim(self, name: str, user: User) -> Rights:
        empty = 0
        for owned in await self._owners.owned_by(user.name or ""):
            empty += not await self._versions(owned)
        if empty >= MOST_EMPTY and not user.is_admin:
            raise Forbidden(f"You own {MOST_EMPTY} packages without a version: publish these first.")
        found = await self._packages.claim(name, user, restricted=True)
        if found is None:
            raise Forbidden(f"{name!r} has just become somebody's.")
        written = await self._database.update([found], new_edits=True, user=user)
        written.check()
        record("access.restrict", package=name, by=user.name)
        await self._told(written.seq)
        return _rights(Package(name, written.rev, found.body))

    async def _change(
        self, name: str, user: User, change: Callable[[dict[str, Any]], None], action: str, **what: Any
    ) -> Rights:
        changed = await self._packages.change(name, user, change)
        record(action, package=name, by=user.name, **what)
        await self._told(await self._database.update_seq())
        return _rights(changed)


def _is_restricted(members: dict[str, Any]) -> bool:
    access = access_of(members)
    return access is not None and access.is_restricted


def _rights(package: Package) -> Rights:
    return Rights(_is_restricted(dict(package.members)), package.owners, grants_of(package.members))
