"""The database `registry` as somebody sees it: without the restricted packages that they may not read.

What they may not read is, for every way of reading, a document that has never been there: looked for under an
id that no document has, so that it costs the same, and left out of what lists documents. A read that is not
written out here is refused, so that one that is yet to come tells nothing.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from couchreg.access.asking import STRANGER, Asker
from couchreg.access.coming import SeenChanges, Wanted
from couchreg.access.known import PrivatePackages
from couchreg.docstore.base import (
    Changes,
    Database,
    DatabaseInfo,
    LocalDocument,
    Opened,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
)
from couchreg.docstore.optional import (
    PartitionInfo,
    Purged,
    checking,
    counting,
    listing_locals,
    partitions,
    purging,
    referring,
)
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import Forbidden
from couchreg.model.revtree import RevTree
from couchreg.package.names import package_of

NOWHERE = "\U0010ffff"  # before an id: of no document
PUBLIC = "#public"  # behind the name of a database: no database has such a name


class SeenDatabase(DatabaseProxy):
    """`asker` says who reads, each time anew. With `tells_gone`, for who builds something of the changes, a
    package that has been restricted comes in them as deleted; for others it does not come at all."""

    def __init__(
        self,
        inner: Database,
        private: PrivatePackages,
        asker: Callable[[], Asker],
        *,
        tells_gone: bool = False,
    ) -> None:
        super().__init__(inner)
        self._private = private
        self._asker = asker
        self._tells_gone = tells_gone

    @property
    def indexed(self) -> Database:
        """What indexes for everybody are made of: the public packages, under a name of their own."""
        found = public_view(self.inner, self._private)
        found.name = self.inner.name + PUBLIC
        return found

    async def are_restricted(self) -> bool:
        """Whether there is anything to leave out for somebody."""
        await self._private.refresh()
        return self._private.are_restricted

    async def hides(self, name: str) -> bool:
        """Whether a package, or a document, is not there for the one who asks."""
        await self._private.refresh()
        return self._private.hides(self._asker(), name)

    async def reading(self) -> Database:
        raise Forbidden("This cannot be read where some packages are not for everybody.")

    # -- which tells of no document
    async def update_seq(self) -> Seq:
        return await self.inner.update_seq()

    async def parse_since(self, since: str) -> Seq:
        return await self.inner.parse_since(since)

    async def wait(self, since: Seq) -> None:
        await self.inner.wait(since)

    async def pending(self, since: Seq) -> int:
        return await self.inner.pending(since)

    async def purge_seq(self) -> Seq:
        return await purging(self.inner).purge_seq()

    async def local(self, doc_id: str) -> LocalDocument:
        return await self.inner.local(doc_id)

    async def locals(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[LocalDocument]]:
        async for found in listing_locals(self.inner).locals(wanted, bodies=bodies):
            yield found

    async def partition_info(self, name: str) -> PartitionInfo:
        return await partitions(self.inner).partition_info(name)

    async def setting(self, name: Setting) -> Any:
        return await self.inner.setting(name)

    async def referred(self, keys: Collection[str]) -> set[str]:
        """Files of packages that are not seen are needed, too."""
        return await referring(self.inner).referred(keys)

    async def check(self) -> list[str]:
        return await checking(self.inner).check()

    async def purged_since(self, since: Seq) -> Purged:
        """For those who keep something of documents: their ids go with it, to whom they were shown."""
        return await purging(self.inner).purged_since(since)

    # -- which does
    async def purged_infos(self) -> list[tuple[str, list[str]]]:
        found = await purging(self.inner).purged_infos()
        await self._private.refresh()
        return [pair for pair in found if not self._hides(pair[0])]

    async def info(self) -> DatabaseInfo:
        found = await self.inner.info()
        hidden = await self._hidden_ids()
        return replace(found, doc_count=found.doc_count - len(hidden)) if hidden else found

    async def tree(self, doc_id: str) -> RevTree | None:
        [place] = await self._places([doc_id])
        found = await self.inner.tree(place)
        return None if await self._is_closed(doc_id) else found

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        [place] = await self._places([doc_id])
        found = await self.inner.revision(place, rev)
        if await self._is_closed(doc_id):  # since this very moment
            return await self.inner.revision(NOWHERE + doc_id, rev)
        return found

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        [place] = await self._places([doc_id])
        found = await self.inner.revisions(place, revs)
        return [None] * len(found) if await self._is_closed(doc_id) else found

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        places = await self._places([doc_id for doc_id, _ in wanted])
        moved = [(place, revs) for place, (_, revs) in zip(places, wanted, strict=True)]
        found = await self.inner.open_revs(moved, latest=latest, histories=histories)
        if await self._have_moved(places, [doc_id for doc_id, _ in wanted]):
            return await self.open_revs(wanted, latest=latest, histories=histories)
        return found

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        found = await self.inner.winners(await self._places(ids), bodies=bodies)
        await self._look_again()
        return [None if self._hides(doc_id) else row for doc_id, row in zip(ids, found, strict=True)]

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        places = dict(zip(await self._places(list(wanted)), wanted, strict=True))
        found = await self.inner.missing_revs({place: wanted[doc_id] for place, doc_id in places.items()})
        if await self._have_moved(list(places), list(wanted)):
            return await self.missing_revs(wanted)
        return {places[place]: told for place, told in found.items()}

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        """`skip` and `limit` count what is shown."""
        if wanted.limit == 0:
            return
        wanted = await self._range(wanted)
        shows_all, is_first = self._shows_all(), True
        passed_on = wanted if shows_all else replace(wanted, skip=0, limit=None)
        skip, left = (0, None) if shows_all else (wanted.skip, wanted.limit)
        async with aclosing(self.inner.all_docs(passed_on, bodies=bodies)) as every:  # type: ignore[type-var]
            async for rows in every:
                await (self._look_again() if is_first else self._private.refresh())
                is_first = False
                shown = rows if self._shows_all() else [row for row in rows if not self._hides(row.id)]
                passed = min(skip, len(shown))
                skip, shown = skip - passed, shown[passed:]
                if left is not None:
                    shown = shown[:left]
                    left -= len(shown)
                if shown:
                    yield shown
                if left == 0:
                    return

    async def count_before(self, wanted: Range) -> int:
        found = await counting(self.inner).count_before(wanted)
        if wanted.start is None:
            return found
        start, back = wanted.start, wanted.descending
        before = [one for one in await self._hidden_ids() if (one > start if back else one < start)]
        return found - len(before)

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
        """A package that somebody has come to see comes with its versions of before `since`, so there may be
        more than `limit`."""
        wanted = Wanted(until, limit, descending, bodies, all_leafs, ids)
        reading = SeenChanges(
            self.inner, self._private, self._asker, since, wanted, tells_gone=self._tells_gone
        )
        async with aclosing(reading.read()) as stretches:  # type: ignore[type-var]
            async for stretch in stretches:
                yield stretch

    def _hides(self, doc_id: str) -> bool:
        return self._private.hides(self._asker(), doc_id)

    def _shows_all(self) -> bool:
        """Whether nothing is left out for the one who asks, as far as is known."""
        return not self._private.are_restricted or self._asker().sees_all

    async def _look_again(self) -> None:
        """After a read: know of what was closed meanwhile. Where nothing is restricted that is not asked: the
        first package to be closed is closed from the next read on, and no read pays for it till then. Where
        others write it is, for a version of that package may be among what was just read."""
        if self._private.others_write or not self._shows_all():
            await self._private.refresh()

    async def _is_closed(self, doc_id: str) -> bool:
        await self._look_again()
        return self._hides(doc_id)

    async def _have_moved(self, places: Sequence[str], ids: Sequence[str]) -> bool:
        """Whether documents are looked for elsewhere since."""
        await self._look_again()
        return not self._shows_all() and await self._places(ids) != places

    async def _hidden_ids(self) -> list[str]:
        asker = self._asker()
        await self._private.refresh()
        return [] if asker.sees_all else await self._private.hidden_ids(asker)

    async def _places(self, ids: Sequence[str]) -> list[str]:
        """Under which ids documents are looked for."""
        await self._private.refresh()
        return [NOWHERE + doc_id if self._hides(doc_id) else doc_id for doc_id in ids]

    async def _range(self, wanted: Range) -> Range:
        """Where the range of one package's versions is looked for."""
        await self._private.refresh()
        start, end = wanted.start, wanted.end
        if start is None or end is None or not self._private.are_restricted:
            return wanted
        name, _, _ = start.partition("@")
        if name != end.partition("@")[0] or package_of(name) is None or not self._hides(name):
            return wanted
        return replace(wanted, start=NOWHERE + start, end=NOWHERE + end)


def public_view(database: Database, private: PrivatePackages) -> SeenDatabase:
    """The database as nobody in particular sees it, for what is built for everybody."""
    return SeenDatabase(database, private, lambda: STRANGER, tells_gone=True)


async def is_hidden(database: Database, name: str) -> bool:
    """Whether a package is not there for the one who asks through this database."""
    return isinstance(database, SeenDatabase) and await database.hides(name)


async def is_narrowed(database: Database) -> bool:
    """Whether something is left out of what is read here: then by an index of the public packages."""
    seen = _seen_in(database)
    return seen is not None and await seen.are_restricted()


def as_indexed(database: Database, *, is_public: bool) -> Database:
    """What an index is made of, whoever asks for it: the public packages, or everything."""
    seen = _seen_in(database)
    return database if seen is None else seen.indexed if is_public else seen.inner


def _seen_in(database: Database) -> SeenDatabase | None:
    """The view that is among what stands before a database."""
    found: Any = database
    while found is not None and not isinstance(found, SeenDatabase):
        found = getattr(found, "inner", None)
    return found
