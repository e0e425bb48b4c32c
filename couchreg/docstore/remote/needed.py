"""Which files the documents of a database need: asked before one is removed.

CouchDB cannot tell, so the changes are read once, and from there on at each look. Those of all leafs count;
the files of a revision that has been edited since are needed by nobody.
In a cluster each copy is asked: what one of them knows alone may still be acknowledged.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final, Protocol

from couchreg.docstore.base import BEGINNING, Change, Changes, Revision, Seq
from couchreg.docstore.remote import listing, reading
from couchreg.docstore.remote.replicas import TIMEOUT, Copy, Replicas
from couchreg.docstore.remote.sequences import OneCopy
from couchreg.errors import CouchregError

log = logging.getLogger(__name__)

MOST: Final = 500_000  # files that are remembered


class _Feed(Protocol):
    """What a database, or a copy of one, tells of its files."""

    def changes(self, since: Seq, *, bodies: bool, all_leafs: bool) -> AsyncIterator[Changes]: ...

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> Sequence[Revision | None]: ...


class NeededFiles:
    """Of one life of one database, or of one copy."""

    def __init__(self, database: _Feed) -> None:
        self._database = database
        self._of: dict[str, tuple[str, ...]] = {}  # the keys of each document that has files
        self._count: Counter[str] = Counter()
        self._seq = BEGINNING
        self._too_many = False
        self._reading = asyncio.Lock()

    async def among(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that are needed; all of them where there are too many to know."""
        async with self._reading:
            if not self._too_many:
                await self._read_on()
        return set(keys) if self._too_many else {key for key in keys if self._count[key]}

    async def _read_on(self) -> None:
        async for stretch in self._database.changes(self._seq, bodies=True, all_leafs=True):
            for change in stretch.results:
                self._note(change.id, await self._keys(change))
            self._seq = stretch.last_seq
            if len(self._count) > MOST:
                self._too_many = True
                self._of, self._count = {}, Counter()
                return

    async def _keys(self, change: Change) -> tuple[str, ...]:
        if len(change.revs) == 1:
            return tuple([file.key for file in change.attachments])
        leafs = await self._database.revisions(change.id, change.revs)
        return tuple([file.key for leaf in leafs if leaf is not None for file in leaf.attachments])

    def _note(self, doc_id: str, keys: tuple[str, ...]) -> None:
        for key in self._of.pop(doc_id, ()):
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
        if keys:
            self._of[doc_id] = keys
            self._count.update(keys)


class NeededOfCopies:
    """What any copy in a cluster needs; everything, unless each of them answers."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._of: dict[tuple[str, str], NeededFiles] = {}  # by node, and the name that its copy gives itself

    async def among(self, keys: Collection[str]) -> set[str]:
        found, read = set[str](), dict[tuple[str, str], NeededFiles]()
        try:
            for copy in await self._replicas.copies(anew=True):
                async with asyncio.timeout(TIMEOUT):
                    told = await copy.asking.ask("GET", "")
                told.check()
                name = copy.node, str((await told.json()).get("uuid", ""))
                read[name] = self._of.get(name) or NeededFiles(_FeedOfCopy(copy))
                found |= await read[name].among(keys)
        except (CouchregError, TimeoutError) as error:
            log.info("No file is removed, since not all nodes of the CouchDB answer: %s", error)
            return set(keys)
        self._of = read
        return found


class _FeedOfCopy:
    """One copy by itself, whose places are numbers."""

    def __init__(self, copy: Copy) -> None:
        self._asking = copy.asking
        self._order = OneCopy("copy")

    async def changes(self, since: Seq, *, bodies: bool, all_leafs: bool) -> AsyncIterator[Changes]:
        told = await self._asking.ask("GET", "")
        told.check()
        now = self._order.stamp((await told.json())["update_seq"])
        wanted = listing.ChangesWanted(since, now, False, None, bodies, all_leafs, None, self._order)
        async for stretch in listing.changes(self._asking, wanted):
            yield stretch

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> Sequence[Revision | None]:
        """All leafs: of certain revisions a node cannot be asked together."""
        return [leaf.revision() for leaf in await reading.leafs_of(self._asking, doc_id, {})]
