"""What was read of a CouchDB lately, for those who may be told that while it is away (`docstore.older`).

Every read is asked of the store. What it answers is kept, by what was asked for, and stands in for an answer
that cannot be had. Local documents and notes are not kept, nor does anything that is kept decide a write.
"""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Sequence
from typing import Any, Final, TypeVar

from couchreg.docstore.base import (
    Changes,
    Database,
    DatabaseInfo,
    Opened,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
    Store,
)
from couchreg.docstore.older import OLDER, OlderReads
from couchreg.docstore.proxy import DatabaseProxy, StoreProxy
from couchreg.errors import NotFound, Unavailable, Unsure
from couchreg.model.revtree import RevTree

T = TypeVar("T")

KEPT: Final = 32 << 20  # bytes
LARGEST: Final = 1 << 20  # bytes of one answer
MOST: Final = 1000  # documents of one answer
OLDEST: Final = 3600.0  # seconds
PATIENCE: Final = 5.0  # seconds for a store of whose answer an older one is known
REST: Final = 2.0  # seconds for which it is not asked again for those
_numbers = itertools.count()  # no two databases are taken for one another
_AROUND: Final = 300  # bytes that an answer takes besides, and each of its rows


class Memory:
    """Answers by what was asked for; those used longest ago go first."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[float, int, Any]] = OrderedDict()
        self._away_until = 0.0
        self.size = 0

    def keep(self, key: Hashable, value: Any, weight: int) -> None:
        """What the store has just answered: it is there again."""
        self._away_until = 0.0
        self.forget(key)
        if weight > LARGEST:
            return
        self._kept[key] = (time.monotonic(), weight + _AROUND, value)
        self.size += weight + _AROUND
        while self.size > self._most:
            self.forget(next(iter(self._kept)))

    def forget(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.size -= gone[1]

    def find(self, key: Hashable) -> tuple[Any] | None:
        found = self._kept.get(key)
        if found is None or time.monotonic() - found[0] > OLDEST:
            return None
        self._kept.move_to_end(key)
        return (found[2],)

    async def asked(self, key: Hashable, ask: Callable[[], Awaitable[T]], weigh: Callable[[T], int]) -> T:
        """What the store answers now, or has answered before to whoever may be told that. Raises what it
        raises."""
        older = OLDER.get()
        known = None if older is None else self.find(key)
        if older is None or known is None:
            found = await ask()
        else:
            try:
                found = await self.soon(ask)
            except (Unavailable, TimeoutError) as error:
                if isinstance(error, Unsure):
                    raise
                return self.used(older, known)  # type: ignore[no-any-return]
        self.keep(key, found, weigh(found))
        return found

    async def listed(
        self, key: Hashable, every: AsyncIterator[T], weigh: Callable[[T], int]
    ) -> AsyncIterator[T]:
        """As `asked`, of what comes in parts: kept where all of it has been read, and is small."""
        older, began, gathered, weight = OLDER.get(), False, list[T](), 0
        known = None if older is None else self.find(key)
        try:
            if known is not None and self.is_away:
                raise Unavailable
            async for part in every:
                began = True
                weight += weigh(part)
                if weight <= LARGEST:
                    gathered.append(part)
                yield part
        except Unavailable:
            if began or older is None or known is None:
                raise
            for part in self.used(older, known):
                yield part
        else:
            self.keep(key, gathered, weight)

    async def soon(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Raises TimeoutError as well; at once where it was so a moment ago."""
        if self.is_away:
            raise TimeoutError
        async with asyncio.timeout(PATIENCE):
            return await ask()

    def used(self, older: OlderReads, known: tuple[Any]) -> Any:
        if not self.is_away:
            self._away_until = time.monotonic() + REST
        older.were_used = True
        return known[0]

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until


class RememberedDatabase(DatabaseProxy):
    """Of one life of a database."""

    def __init__(self, inner: Database, memory: Memory) -> None:
        super().__init__(inner)
        self._memory = memory
        self._number = next(_numbers)

    def _key(self, *asked: Hashable) -> Hashable:
        return (self._number, *asked)

    # -- sequences
    async def update_seq(self) -> Seq:
        return await self._memory.asked(self._key("seq"), self.inner.update_seq, _light)

    # -- reads
    async def info(self) -> DatabaseInfo:
        return await self._memory.asked(self._key("info"), self.inner.info, _light)

    async def setting(self, name: Setting) -> Any:
        return await self._memory.asked(self._key("setting", name), lambda: self.inner.setting(name), _heavy)

    async def tree(self, doc_id: str) -> RevTree | None:
        """Kept as text, since who is given a tree may change it."""

        async def ask() -> bytes | None:
            found = await self.inner.tree(doc_id)
            return None if found is None else found.encode()

        text = await self._memory.asked(self._key("tree", doc_id), ask, lambda text: len(text or b""))
        return None if text is None else RevTree.decode(text)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        def ask() -> Awaitable[Revision]:
            return self.inner.revision(doc_id, rev)

        return await self._memory.asked(self._key("revision", doc_id, rev), ask, _weight)

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        def ask() -> Awaitable[list[Revision | None]]:
            return self.inner.revisions(doc_id, revs)

        found = await self._memory.asked(self._key("revisions", doc_id, *revs), ask, _weights)
        return [*found]

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        def ask() -> Awaitable[list[list[Opened]]]:
            return self.inner.open_revs(wanted, latest=latest, histories=histories)

        if len(wanted) > 1:
            return await ask()
        named = [(doc_id, None if revs is None else tuple(revs)) for doc_id, revs in wanted]
        key = self._key("opened", latest, histories, *named)
        return [list(found) for found in await self._memory.asked(key, ask, _opened)]

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        """Each is kept by itself, for whoever asks for it together with others."""
        older = OLDER.get()
        keys = [self._key("winner", doc_id, bodies) for doc_id in ids[:MOST]]
        known = [] if older is None or len(ids) > MOST else [self._memory.find(key) for key in keys]
        if older is None or not known or None in known:
            found = await self.inner.winners(ids, bodies=bodies)
        else:
            try:
                found = await self._memory.soon(lambda: self.inner.winners(ids, bodies=bodies))
            except (Unavailable, TimeoutError) as error:
                if isinstance(error, Unsure):
                    raise
                return [self._memory.used(older, one) for one in known if one is not None]
        for key, row in zip(keys, found, strict=False):
            self._memory.keep(key, row, _weight(row))
        return found

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        every = self.inner.all_docs(wanted, bodies=bodies)
        async for rows in self._memory.listed(self._key("listing", wanted, bodies), every, _weights):
            yield rows

    async def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        every = self.inner.changes(
            since,
            until=until,
            limit=limit,
            descending=descending,
            bodies=bodies,
            all_leafs=all_leafs,
            ids=ids,
        )
        named = None if ids is None else tuple(ids)
        key = self._key("changes", since, until, limit, descending, bodies, all_leafs, named)
        async for stretch in self._memory.listed(key, every, _of_changes):
            yield stretch


class RememberingStore(StoreProxy):
    """Before a store that may be away."""

    def __init__(self, inner: Store, memory: Memory | None = None) -> None:
        super().__init__(inner)
        self._memory = memory or Memory()
        self._before: OrderedDict[str, RememberedDatabase] = OrderedDict()

    async def open(self, name: str) -> Database:
        try:
            inner = await self._memory.asked(("open", name), lambda: self.inner.open(name), _light)
        except NotFound:
            self._forget(name)
            raise
        return self._remembered(name, inner)

    async def create(self, name: str, settings: Any = None) -> Database:
        return self._remembered(name, await self.inner.create(name, settings))

    async def delete(self, name: str) -> None:
        try:
            await self.inner.delete(name)
        finally:
            self._forget(name)

    async def names(self) -> list[str]:
        def weigh(names: list[str]) -> int:
            return sum(map(len, names)) + 50 * len(names)

        found = await self._memory.asked("names", self.inner.names, weigh)
        return [*found]

    def _remembered(self, name: str, inner: Database) -> Database:
        """The same for the same one."""
        found = self._before.get(name)
        if found is None or found.inner is not inner:
            found = self._before[name] = RememberedDatabase(inner, self._memory)
        self._before.move_to_end(name)
        if len(self._before) > MOST:
            self._before.popitem(last=False)
        return found

    def _forget(self, name: str) -> None:
        self._memory.forget(("open", name))
        self._memory.forget("names")
        self._before.pop(name, None)


def _light(_: object) -> int:
    return 0


def _heavy(value: object) -> int:
    return len(repr(value))


def _weight(found: Revision | Row | None) -> int:
    return 0 if found is None else len(found.members or b"") + _AROUND * (1 + len(found.attachments))


def _weights(found: Sequence[Revision | Row | None]) -> int:
    return sum(map(_weight, found))


def _of_changes(found: Changes) -> int:
    return sum(len(one.members or b"") + _AROUND * (1 + len(one.attachments)) for one in found.results)


def _opened(found: Sequence[Sequence[Opened]]) -> int:
    return sum(_weight(one.revision) + 50 * (1 + len(one.history)) for opened in found for one in opened)
