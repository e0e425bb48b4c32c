"""What is read of the packages that changes are about: their latest versions, as an engine is told of them.

A package is found at its latest version. A change of any of its documents has it read anew, as the database
holds it *now*, so that order and repetition of changes do not matter. Reading is the event loop's: it is done
for some packages at once, with a turn for others in between.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Final

from couchreg.docstore.base import Attachment, Change, Range, Row, Seq
from couchreg.errors import NotFound
from couchreg.followers.base import Checkpoint, FollowedPackages
from couchreg.followers.search.items import PackageSource, told_in
from couchreg.model import json
from couchreg.package.access import access_of
from couchreg.package.names import package_of, split_version_id, version_id
from couchreg.package.standing import Standing
from couchreg.turns import TimeSlice

log = logging.getLogger(__name__)

ReadText = Callable[[Attachment], Awaitable[str]]
Closed = Callable[[Collection[str]], Awaitable[Collection[str]]]  # which packages are restricted, or were
ReadRanges = Callable[[Sequence[Range]], Awaitable[Sequence[Sequence[Row]]]]  # rows without bodies
MOST_TEXTS: Final = 4  # files of one package
TOGETHER: Final = 32  # packages that are read at once
MOST_READ: Final = 200_000  # packages that are remembered as read, while there are older changes of them
_Wanted = tuple[str, str, str | None]  # name, version, why it is deprecated


class PackageReader:
    """Reads packages. One that was read after a change of it needs not be read for that change: a database
    that is followed from its beginning has a change for each version, and what is found is the latest."""

    def __init__(
        self,
        database: FollowedPackages,
        read: ReadText | None = None,
        ranges: ReadRanges | None = None,
        closed: Closed | None = None,
    ) -> None:
        """`ranges` reads many ranges of ids at once, where each by itself would be a request. With `closed`
        the restricted packages are read, and else all others."""
        self._closed = closed
        self._database = database
        self._read = read
        self._ranges = ranges or self._one_by_one
        self._known: dict[str, Seq] = {}  # how the database was when a package was read
        self._reading: dict[str, Seq] = {}  # the same of what is not committed yet

    def forget(self) -> None:
        """Nothing has been read: the index is another one, or the database."""
        self._known.clear()
        self._reading.clear()

    def seen(self, checkpoint: Checkpoint) -> None:
        """What was read is in the index now, which is at `checkpoint`."""
        read, self._reading = self._reading, {}
        newest = next(iter(read.values()), None)
        if (newest is not None and newest.text == checkpoint.seq) or len(self._known) > MOST_READ:
            self._known.clear()  # no older change is to come
        else:
            self._known |= read

    async def touched(
        self, changes: Sequence[Change]
    ) -> AsyncIterator[tuple[list[PackageSource], list[str]]]:
        """The packages that changes are about, some at a time, and the names of those that are no more."""
        now = await self._database.update_seq()
        unread = {name for change in changes if (name := self._unread(change)) is not None}
        names = sorted(unread if self._closed is None else await self._closed(unread))
        self._reading = dict.fromkeys(names, now)
        for start in range(0, len(names), TOGETHER):
            yield await self._some(names[start : start + TOGETHER])

    def _unread(self, change: Change) -> str | None:
        """The package that a change is about, unless it has been read since. What was purged has no
        revisions, and its place says nothing."""
        name = package_of(change.id)
        known = self._known.get(name) if name is not None and change.revs else None
        return name if known is None or known < change.seq else None

    async def _some(self, names: Sequence[str]) -> tuple[list[PackageSource], list[str]]:
        wanted = await self._wanted(names)
        ids = [version_id(name, version) for name, version, _ in wanted]
        rows = await self._database.winners(ids, bodies=True)
        sources, gone = [], sorted(set(names) - {name for name, _, _ in wanted})
        for one, row in zip(wanted, rows, strict=True):
            found = await self._source(one, row)
            if found is None:
                gone.append(one[0])
            else:
                sources.append(found)
        return sources, gone

    async def _wanted(self, names: Sequence[str]) -> list[_Wanted]:
        """The versions at which these are found; without those that have none. Restricted packages have an
        index of their own: any other is asked by everybody, also where whoever follows may read them."""
        turn = TimeSlice()
        documents = await self._database.winners(names, bodies=True)
        wanted = [Range(start=version_id(name, ""), end=version_id(name, "~")) for name in names]
        listed = await self._ranges(wanted)
        found = []
        for name, document, rows in zip(names, documents, listed, strict=True):
            pairs = [split_version_id(row.id) for row in rows]
            versions = [pair[1] for pair in pairs if pair and pair[0] == name]
            if versions:
                members = document.members if document and not document.deleted else None
                standing = Standing(json.body(members))
                access = access_of(standing.document)
                if (access is not None and access.is_restricted) is (self._closed is None):
                    continue
                version = standing.current(versions)
                found.append((name, version, standing.warning(version)))
            await turn.pass_on()
        return found

    async def _one_by_one(self, wanted: Sequence[Range]) -> list[list[Row]]:
        turn, found = TimeSlice(), []
        for one in wanted:
            found.append([row async for rows in self._database.all_docs(one, bodies=False) for row in rows])
            await turn.pass_on()
        return found

    async def _source(self, one: _Wanted, row: Row | None) -> PackageSource | None:
        name, version, deprecated = one
        if row is None or row.deleted or row.members is None:  # deleted between the two reads
            again = await self._wanted([name])
            if not again:
                return None
            [row] = await self._database.winners([version_id(name, again[0][1])], bodies=True)
            return await self._source(again[0], row)
        return PackageSource(
            name, version, row.members, tuple(await self._texts(row.attachments)), deprecated
        )

    async def _texts(self, files: Sequence[Attachment]) -> list[str]:
        """What is written for people; a file whose bytes are not here is left out."""
        texts = []
        read = self._read
        if read is None:
            return []
        for file in [file for file in files if told_in(file.name)][:MOST_TEXTS]:
            try:
                texts.append(await read(file))
            except NotFound:
                log.warning("the file %s of a package is not here: it is not searched", file.key)
        return texts
