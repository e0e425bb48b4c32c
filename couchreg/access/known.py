"""The restricted packages of the database `registry`, in memory, and the decision about each.

Read once, then brought up to date by what has changed whenever somebody asks. Of packages that were always
public nothing is kept.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from couchreg.access.asking import Asker
from couchreg.docstore.base import BEGINNING, Change, Changes, Database, Range, Row, Seq
from couchreg.errors import NotFound
from couchreg.package.access import ACCESS, CHANGED, GROUP, Access, access_of
from couchreg.package.names import is_package_name, split_version_id, version_id

GroupsOf = Callable[[str], Collection[str]]  # the groups that somebody is in
RefreshGroups = Callable[[], Awaitable[None]]  # where others change groups, too: know of that
FEW: Final = 100
NOBODY_BUT_ADMINS = Access(True, frozenset(), frozenset(), frozenset())
EVERYBODYS = Access(False, frozenset(), frozenset(), frozenset())


def no_groups(name: str) -> Collection[str]:
    return ()


@dataclass(slots=True)
class _Known:
    access: Access
    touched: str | None = None  # the moment of `CHANGED`
    live: list[str] | None = None  # ids of its documents that are there; None: to be looked up


class PrivatePackages:
    """Of one `registry` database, as it is stored. `groups_of` tells of memberships, as they are now.

    Where `others_write`, other processes do. With `is_mirror` a version whose package's document has not come
    yet is for administrators alone: that document says for whom it is.
    """

    def __init__(
        self,
        database: Database,
        groups_of: GroupsOf = no_groups,
        *,
        refresh_groups: RefreshGroups | None = None,
        is_mirror: bool = False,
        others_write: bool = False,
    ) -> None:
        self.others_write = others_write
        self._database = database
        self._refresh_groups = refresh_groups
        self._groups_of = groups_of
        self._is_mirror = is_mirror
        self._there: set[str] = set()  # in a mirror: the packages whose documents have come
        self._seq = BEGINNING
        self._known: dict[str, _Known] = {}
        self._restricted: set[str] = set()  # those of them that are
        # Whether a package is not for everybody now, or may be, as far as is known: asked at each request.
        self.are_restricted = is_mirror
        self._of: dict[str, set[str]] = {}  # the same by those who may read them, accounts and `group:NAME`
        self._changed: dict[str, Seq] = {}  # where the right to read a package has changed last
        self._order: list[tuple[Seq, str]] = []  # the same by place, with some that have changed since
        self._ahead: set[str] = set()  # packages that were read as they are at a later place
        self._reading = asyncio.Lock()

    # -- the decision
    def lets_read(self, asker: Asker, name: str) -> bool:
        """Whether somebody may know of a package. What is not known to be restricted is everybody's."""
        known = self._known.get(name)
        if known is None and self._is_mirror and name not in self._there:
            return asker.is_admin and asker.is_bound_to(name)
        if known is None or not known.access.is_restricted:
            return True
        if asker.name is None or not asker.is_bound_to(name):
            return False
        return asker.is_admin or known.access.lets_read(self._names(asker.name))

    def lets_publish(self, asker: Asker, name: str) -> bool:
        """Whether somebody may publish versions of a package that says who may besides its owners."""
        known = self._known.get(name)
        if known is None or asker.name is None or not asker.is_bound_to(name):
            return False
        return known.access.lets_publish(self._names(asker.name))

    def hides(self, asker: Asker, doc_id: str) -> bool:
        """Whether a document is not there for somebody: a restricted package's, or whatever has its name and
        an `@`. A look into a dictionary: it is asked for each row of a listing."""
        if not self.are_restricted or asker.sees_all:
            return False
        name = doc_id.partition("@")[0]
        if name not in self._known and not (self._is_mirror and is_package_name(name)):
            return False
        return not self.lets_read(asker, name)

    def _names(self, name: str) -> set[str]:
        return {name, *(GROUP + group for group in self._groups_of(name))}

    # -- what is known
    @property
    def are_any(self) -> bool:
        """Whether a package says for whom it is, now or before, or may have been waited for: then what some
        have not seen may come to them. For what is left out just now ask `are_restricted`."""
        return bool(self._known) or self._is_mirror

    @property
    def seq(self) -> Seq:
        """Up to where the changes are known."""
        return self._seq

    def next_change(self, after: Seq, until: Seq) -> tuple[str, Seq] | None:
        """The next package whose right to read has changed behind a place, and not since, for anybody at all;
        and where. After a start that is where its document is."""
        place = bisect_right(self._order, after, key=_place)
        for seq, name in islice(self._order, place, None):
            if seq > until:
                return None
            if self._changed[name] == seq:
                return name, seq
        return None

    def closed_since(self, place: Seq) -> frozenset[str]:
        """The restricted packages whose rights have changed behind a place."""
        if place.incarnation != self._seq.incarnation:
            place = BEGINNING
        later = islice(self._order, bisect_right(self._order, place, key=_place), None)
        return frozenset(name for _, name in later if name in self._restricted)

    def is_restricted(self, name: str) -> bool:
        return name in self._restricted

    def restricted(self) -> list[str]:
        return sorted(self._restricted)

    def granted(self, who: str) -> list[str]:
        """The packages that name this account, or this group as `group:NAME`, in a right; not as an owner."""
        return sorted(
            name
            for name, known in self._known.items()
            if who in known.access.readers | known.access.publishers
        )

    def opened_to(self, asker: Asker) -> frozenset[str]:
        """The restricted packages that somebody may read."""
        if asker.name is None:
            return frozenset()
        if asker.is_admin:
            return frozenset(filter(asker.is_bound_to, self._restricted))
        named = (self._of.get(name, ()) for name in self._names(asker.name))
        return frozenset(filter(asker.is_bound_to, set().union(*named)))

    async def have_been(self, names: Collection[str]) -> list[str]:
        """Those of these packages that are restricted, or have been; as of now."""
        await self.refresh()
        return [name for name in names if name in self._known]

    async def hidden_ids(self, asker: Asker) -> list[str]:
        """The ids of documents that are there and not for this one, in order."""
        found: list[str] = []
        for name, known in list(self._known.items()):
            if not self.lets_read(asker, name):
                if known.live is None:
                    known.live = await self._live(name)
                found += known.live
        return sorted(found)

    async def _live(self, name: str) -> list[str]:
        [own] = await self._database.winners([name], bodies=False)
        found = [] if own is None or own.deleted else [name]
        return found + await versions_of(self._database, name)

    async def refresh(self) -> None:
        """Know of everything that has been written before the call."""
        try:
            now = await self._database.update_seq()
        except NotFound:  # the database is being made anew: nothing can be read of it
            return
        if self._seq != now:
            async with self._reading:
                await self._catch_up()
        if self._refresh_groups is not None and self._known:
            await self._refresh_groups()

    async def _catch_up(self) -> None:
        if self._seq.incarnation != (await self._database.update_seq()).incarnation:  # made again
            self._seq = BEGINNING
            self._known.clear()
            self._restricted.clear()
            self.are_restricted = self._is_mirror
            self._of.clear()
            self._there.clear()
            self._changed.clear()
            self._order.clear()
            self._ahead.clear()
        is_first = self._seq == BEGINNING
        async for changes in self._database.changes(self._seq):
            await self._learn(changes, is_first=is_first)
            self._seq = changes.last_seq

    async def _learn(self, changes: Changes, *, is_first: bool) -> None:
        packages = [change for change in changes.results if is_package_name(change.id)]
        names = [change.id for change in packages]
        rows: Sequence[Row | None] = await self._database.winners(names, bodies=True) if names else ()
        for change, row in zip(packages, rows, strict=True):
            if row is not None:
                self._set(row, change, is_first=is_first)
        if self._known:
            for change in changes.results:
                known = self._known.get(change.id.partition("@")[0])
                if known is not None:
                    known.live = None

    def _set(self, row: Row, change: Change, *, is_first: bool) -> None:
        """Learn what a document says. What was said before a start is not known, so it counts as changed."""
        before, is_anew = self._closed(row.id), is_first or row.id in self._ahead
        if self._is_mirror and not row.deleted:
            self._there.add(row.id)
        access, earlier = None if row.deleted else access_of(row.body), self._readers(row.id)
        if access is not None:
            self._known[row.id] = _Known(access, _touched(row.body))
        elif row.id in self._known:  # what has gone without having been opened stays closed
            is_closed = row.id in self._restricted
            self._known[row.id] = _Known(NOBODY_BUT_ADMINS if is_closed else EVERYBODYS)
        is_restricted = row.id in self._known and self._known[row.id].access.is_restricted
        (self._restricted.add if is_restricted else self._restricted.discard)(row.id)
        self.are_restricted = bool(self._restricted) or self._is_mirror
        self._list(row.id, earlier, self._readers(row.id))
        if before != self._closed(row.id) or (is_anew and row.id in self._known):
            self._mark(row.id, change.seq)
        (self._ahead.discard if row.rev == change.revs[0] else self._ahead.add)(row.id)

    def _readers(self, name: str) -> frozenset[str]:
        """Whom a restricted package names."""
        known = self._known.get(name)
        return known.access.everybody if known is not None and known.access.is_restricted else frozenset()

    def _list(self, name: str, earlier: frozenset[str], now: frozenset[str]) -> None:
        for who in earlier - now:
            self._of[who].discard(name)
            if not self._of[who]:
                del self._of[who]
        for who in now - earlier:
            self._of.setdefault(who, set()).add(name)

    def _closed(self, name: str) -> tuple[Access, str | None] | None:
        """For whom a package is, and since when; None for everybody's. Two of these are held together."""
        known = self._known.get(name)
        if known is None:
            return (NOBODY_BUT_ADMINS, None) if self._is_mirror and name not in self._there else None
        return (known.access, known.touched) if known.access.is_restricted else None

    def _mark(self, name: str, seq: Seq) -> None:
        self._changed[name] = seq
        self._order.append((seq, name))
        if len(self._order) > 2 * len(self._changed) + FEW:
            self._order = [pair for pair in self._order if self._changed[pair[1]] == pair[0]]


def _place(pair: tuple[Seq, str]) -> Seq:
    return pair[0]


def _touched(members: Mapping[str, Any]) -> str | None:
    stated = members.get(ACCESS)
    moment = stated.get(CHANGED) if isinstance(stated, dict) else None
    return moment if isinstance(moment, str) else None


async def versions_of(database: Database, name: str) -> list[str]:
    """The ids of a package's versions that are there."""
    wanted = Range(start=version_id(name, ""), end=version_id(name, "~"))
    found: list[str] = []
    async for rows in database.all_docs(wanted, bodies=False):
        found += [row.id for row in rows if (pair := split_version_id(row.id)) and pair[0] == name]
    return found
