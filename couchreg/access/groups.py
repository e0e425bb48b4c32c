"""Groups of accounts, which are given rights together.

Kept in notes beside `_users`: they go with the accounts, no client reads or writes them, and they do not
replicate. They are in memory as they are kept: where other processes change them too, `refresh` first.
"""

import asyncio
from collections.abc import Collection, Hashable
from typing import Any, Final

import msgspec

from couchreg.docstore.notes import Notes
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.names import is_package_name

KIND: Final = "group"
NOTE: Final = f"{KIND}:"  # and the group's name
MOST_MEMBERS: Final = 10_000
MOST_OWNED: Final = 100  # groups of one account
MOST: Final = 100_000


class AccountGroup(msgspec.Struct, frozen=True):
    """Owners are members, too, and change the group."""

    name: str
    owners: tuple[str, ...]
    members: tuple[str, ...]  # besides the owners

    @property
    def everybody(self) -> tuple[str, ...]:
        return (*self.owners, *self.members)

    def shown(self) -> dict[str, Any]:
        return {"name": self.name, "owners": list(self.owners), "members": list(self.members)}


class Groups:
    """Whoever makes one calls `load` first."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._groups: dict[str, AccountGroup] = {}
        self._of: dict[str, set[str]] = {}
        self._changing = asyncio.Lock()
        self._state: Hashable = None

    async def load(self) -> None:
        """Read all of them. What fails in between is tried again with the next `refresh`."""
        state = await self._notes.state(KIND)  # before they are read, so that none is missed
        found = await self._notes.all(NOTE)
        there = [msgspec.convert(one, AccountGroup) for one in found.values()]
        for gone in self._groups.keys() - {group.name for group in there}:
            self._forget(self._groups[gone])
        for group in there:
            self._keep(group)
        self._state = state

    async def refresh(self) -> None:
        """Know of what other processes have changed before the call."""
        try:
            if await self._notes.state(KIND) != self._state:
                async with self._changing:
                    await self._catch_up()
        except NotFound:  # the database of accounts is being made anew
            return

    async def _catch_up(self) -> None:
        if await self._notes.state(KIND) != self._state:
            await self.load()

    def of(self, name: str) -> Collection[str]:
        """The groups that somebody is in."""
        return self._of.get(name, ())

    def listed(self, user: User) -> list[AccountGroup]:
        """The groups that somebody may see: their own; administrators see all. By name."""
        own = self._groups if user.is_admin else self.of(user.name or "")
        return [self._groups[name] for name in sorted(own)]

    def get(self, name: str, user: User) -> AccountGroup:
        """Raises NotFound, for those who are not in it as well."""
        found = self._groups.get(name)
        if found is None or not (user.is_admin or user.name in found.everybody):
            raise NotFound(f"You are in no group {name[:200]!r}.")
        return found

    def exists(self, name: str) -> bool:
        return name in self._groups

    async def create(self, name: str, user: User, *, is_named: bool = False) -> AccountGroup:
        """A group of one's own. Raises BadRequest for a name that cannot be, Conflict for one that is taken:
        also where packages still name an earlier group (`is_named`), whose rights are not for another one."""
        if not is_package_name(name):
            raise BadRequest(
                "A group is called as packages are: lower-case letters, digits, '.', '_' and '-'."
            )
        async with self._changing:
            await self._catch_up()
            if name in self._groups or is_named:
                raise Conflict(f"The name {name!r} is taken.")
            owned = sum(user.name in self._groups[one].owners for one in self.of(user.name or ""))
            if len(self._groups) >= MOST or (owned >= MOST_OWNED and not user.is_admin):
                raise Forbidden(f"An account may own {MOST_OWNED} groups.")
            made = AccountGroup(name, (user.name or "",), ())
            await self._replace(None, made)
        record("group.create", group=name, by=user.name)
        return made

    async def put(self, name: str, member: str, user: User, *, owner: bool) -> tuple[AccountGroup, bool]:
        """With `member` in the group, as an owner or not; and whether they have just come into it. Raises
        NotFound, Forbidden, BadRequest."""
        async with self._changing:
            await self._catch_up()
            found = self._changeable(name, user)
            is_new = member not in found.everybody
            if is_new and len(found.everybody) >= MOST_MEMBERS:
                raise BadRequest(f"A group may have {MOST_MEMBERS} members.")
            owners, members = _without(found, member)
            made = AccountGroup(
                name, *((*owners, member), members) if owner else (owners, (*members, member))
            )
            await self._replace(found, _checked(made))
        record("group.put", group=name, member=member, by=user.name)
        return made, is_new

    async def remove(self, name: str, member: str, user: User) -> AccountGroup:
        """Everybody may leave a group. Raises NotFound, Forbidden: also for the last owner."""
        async with self._changing:
            await self._catch_up()
            found = self.get(name, user) if member == user.name else self._changeable(name, user)
            if member not in found.everybody:
                raise NotFound(f"{member[:200]!r} is not in the group {name!r}.")
            made = _checked(AccountGroup(name, *_without(found, member)))
            await self._replace(found, made)
        record("group.remove", group=name, member=member, by=user.name)
        return made

    async def delete(self, name: str, user: User) -> None:
        """Raises NotFound, Forbidden."""
        async with self._changing:
            await self._catch_up()
            found = self._changeable(name, user)
            await self._replace(found, None)
        record("group.delete", group=name, by=user.name)

    def _changeable(self, name: str, user: User) -> AccountGroup:
        found = self.get(name, user)
        if not user.is_admin and user.name not in found.owners:
            raise Forbidden(f"You are not an owner of the group {name!r}.")
        return found

    async def _replace(self, before: AccountGroup | None, after: AccountGroup | None) -> None:
        """Raises Conflict where another process has made something else of it meanwhile."""
        [group] = {one.name for one in (before, after) if one is not None}

        def changed(stored: Any) -> Any:
            if (None if stored is None else msgspec.convert(stored, AccountGroup)) != before:
                raise Conflict(f"The group {group!r} is being changed by others: try again.")
            return None if after is None else msgspec.to_builtins(after)

        await self._notes.change(NOTE + group, changed)
        if after is not None:
            self._keep(after)
        elif before is not None:
            self._forget(before)

    def _keep(self, group: AccountGroup) -> None:
        before = self._groups.get(group.name)
        if before is not None:
            self._forget(before)
        self._groups[group.name] = group
        for member in group.everybody:
            self._of.setdefault(member, set()).add(group.name)

    def _forget(self, group: AccountGroup) -> None:
        del self._groups[group.name]
        for member in group.everybody:
            self._of[member].discard(group.name)
            if not self._of[member]:
                del self._of[member]


def _without(group: AccountGroup, member: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    owners = tuple(one for one in group.owners if one != member)
    return owners, tuple(one for one in group.members if one != member)


def _checked(group: AccountGroup) -> AccountGroup:
    if not group.owners:
        raise Forbidden(f"The group {group.name!r} needs an owner: add another one first, or delete it.")
    return group
