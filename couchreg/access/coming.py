"""The changes of `registry` as somebody sees them, with packages that they have come to see.

A package that is opened to somebody had its versions in the changes long before. They come again where its
rights changed, all of them before a reader goes on behind that place: each with the place before it, so that
who stops among them begins with them again.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from couchreg.access.asking import Asker
from couchreg.access.known import PrivatePackages, versions_of
from couchreg.docstore.base import BEGINNING, Change, Changes, Database, Seq


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `Database.changes` is asked for."""

    until: Seq | None
    limit: int | None
    descending: bool
    bodies: bool
    all_leafs: bool
    ids: Collection[str] | None


class SeenChanges:
    """One reading of the changes since a place. With `tells_gone` what is hidden comes as deleted."""

    def __init__(
        self,
        inner: Database,
        private: PrivatePackages,
        asker: Callable[[], Asker],
        since: Seq,
        wanted: Wanted,
        *,
        tells_gone: bool,
    ) -> None:
        self._inner = inner
        self._private = private
        self._asker = asker
        self._since = since
        self._wanted = wanted
        self._tells_gone = tells_gone
        self._left = wanted.limit  # rows that are still to be yielded
        self._shown: list[Change] = []  # to be yielded
        self._before = since  # the last place that was looked at
        self._start = since  # what was known of rights when the reading began
        self._followed = since  # the last change of rights that was looked at

    async def read(self) -> AsyncIterator[Changes]:
        """There may be more than `limit`: what comes again comes whole."""
        await self._private.refresh()
        wanted, self._start = self._wanted, self._private.seq
        if self._since == BEGINNING or self._since.incarnation != self._start.incarnation:
            self._followed = self._start  # everything comes in any case
        is_plain = not wanted.limit or not self._private.are_any or self._asker().sees_all
        stretches = self._inner.changes(
            self._since,
            until=wanted.until,
            limit=wanted.limit if is_plain else None,
            descending=wanted.descending,
            bodies=wanted.bodies,
            all_leafs=wanted.all_leafs,
            ids=wanted.ids,
        )
        async with aclosing(stretches) as every:  # type: ignore[type-var]
            async for stretch in every:
                await self._private.refresh()
                async with aclosing(self._seen(stretch)) as seen:  # type: ignore[type-var]
                    async for one in seen:
                        yield one
                if self._is_over:
                    return

    async def _seen(self, stretch: Changes) -> AsyncIterator[Changes]:
        """A stretch as it is seen, up to the limit."""
        for change in stretch.results:
            async for again in self._again(change.seq):
                yield again
            if self._is_over and self._followed != change.seq:  # a package's own document goes with what came
                return
            self._shown += self._row(change)
            self._before = change.seq
            if self._is_over:
                yield self._stretch()
                return
        async for again in self._again(stretch.last_seq):
            yield again
        self._before = stretch.last_seq
        yield self._stretch()

    @property
    def _is_over(self) -> bool:
        return self._left is not None and self._left <= len(self._shown)

    def _stretch(self) -> Changes:
        """What is to be yielded, up to the last place that was looked at."""
        shown, self._shown = self._shown, []
        self._count(shown)
        return Changes(shown, self._before)

    def _count(self, rows: Sequence[Change]) -> None:
        self._left = None if self._left is None else self._left - len(rows)

    def _row(self, change: Change) -> list[Change]:
        if not self._hides(change.id):
            return [change]
        return [_gone(change)] if self._tells_gone else []

    def _hides(self, doc_id: str) -> bool:
        return self._private.hides(self._asker(), doc_id)

    async def _again(self, place: Seq) -> AsyncIterator[Changes]:
        """What comes again where rights have changed, up to `place`; then, unless a package's own document is
        at `place`, a stretch that ends where they changed."""
        if self._wanted.descending or self._asker().sees_all:
            return
        while (found := self._private.next_change(self._followed, place)) is not None:
            name, self._followed = found
            if self._wanted.ids is not None and name not in self._wanted.ids:
                continue
            came = False
            async for rows in self._earlier(name):
                if self._shown:
                    yield self._stretch()
                self._count(rows)
                came = True
                yield Changes(rows, self._before, goes_on=True)
            if came and self._followed < place:  # its document has changed again since
                self._before = self._followed
                yield self._stretch()
                if self._is_over:
                    return

    async def _earlier(self, name: str) -> AsyncIterator[list[Change]]:
        """The versions of a package that a reader went past: before the reading, or in it, hidden."""
        hidden, wanted = self._hides(name), self._wanted
        if hidden and not self._tells_gone:
            return
        passed = self._since if self._followed <= self._start else self._before
        ids = await versions_of(self._inner, name)
        if wanted.ids is not None:
            asked_for = set(wanted.ids)
            ids = [one for one in ids if one in asked_for]
        async for stretch in self._inner.changes(
            BEGINNING, bodies=wanted.bodies, all_leafs=wanted.all_leafs, ids=ids
        ):
            rows = [one for one in stretch.results if one.seq <= passed]
            if rows:
                yield [(_gone(one) if hidden else one)._replace(seq=self._before) for one in rows]


def _gone(change: Change) -> Change:
    return change._replace(deleted=True, members=None if change.members is None else b"", attachments=())
