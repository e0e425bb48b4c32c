"""Which files the documents of a database need: asked before one is removed.

CouchDB cannot tell, so the changes are read once, and from there on at each look. Those of all leafs count;
the files of a revision that has been edited since are needed by nobody.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Final

from couchreg.docstore.base import BEGINNING, Change, Database

MOST: Final = 500_000  # files that are remembered


class NeededFiles:
    """Of one life of one database."""

    def __init__(self, database: Database) -> None:
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
