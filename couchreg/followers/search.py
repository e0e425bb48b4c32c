"""The search follower: keeps a search engine up to date with the packages of the `registry` database.

There is one entry for each package, at its latest version. A change of any document of a package
makes its entry anew from what the database holds now, so that order and repetition of changes do not matter.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from couchreg.docstore.base import Attachment, Change, Database, Range
from couchreg.errors import NotFound, Unavailable
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.packages import IndexEntry, entry, told_in
from couchreg.followers.search_base import SearchIndex, SearchPage
from couchreg.model import json
from couchreg.package.names import package_of, split_version_id, version_id
from couchreg.package.standing import Standing

log = logging.getLogger(__name__)

T = TypeVar("T")
ReadText = Callable[[Attachment], Awaitable[str]]
MOST_TEXTS = 4  # files of one package
MOST_HITS = 1000  # of one page
MEND_INTERVAL = 600.0  # seconds
OPENING = 5.0  # seconds that a search waits for the index at the start
FARTHEST = 10_000  # hits into the list that a page may begin


class SearchFollower:
    """Feeds an engine, and searches it: writing has one thread, searching another."""

    name = "search"
    bodies = False
    linger = 0.5

    def __init__(self, index: SearchIndex, database: Database, read: ReadText | None = None) -> None:
        """`read` gives the beginning of a file as text."""
        self._index = index
        self._database = database
        self._read = read
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="search-write")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="search-read")
        self._looked = asyncio.Event()  # whether the index can be opened is known
        self._opened = False
        self._when_broken: Callable[[], None] | None = None
        self._mend_after = 0.0

    def when_broken(self, tell: Callable[[], None]) -> None:
        """Whom to tell when a search finds the index unusable."""
        self._when_broken = tell

    # -- the follower
    async def checkpoint(self) -> Checkpoint | None:
        try:
            found = await self._in(self._writing, self._index.open)
            self._opened = True
        finally:
            self._looked.set()
        return found

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        touched = {package_of(change.id) for change in changes}
        database = self._database
        entries: list[IndexEntry] = []
        gone: list[str] = []
        for name in sorted(filter(None, touched)):
            made = await self._entry_of(database, name)
            if made is None:
                gone.append(name)
            else:
                entries.append(made)
        await self._in(self._writing, lambda: self._index.commit(entries, gone, checkpoint))

    async def reset(self) -> None:
        await self._in(self._reading, self._index.close)
        await self._in(self._writing, self._index.clear)

    async def close(self) -> None:
        self._writing.shutdown(wait=True, cancel_futures=True)
        await self._in(self._reading, self._index.close)
        self._reading.shutdown(wait=True, cancel_futures=True)

    # -- the search
    async def search(
        self, words: Sequence[str], *, limit: int = 25, offset: int = 0, types: Sequence[str] = ()
    ) -> SearchPage:
        """Packages in which all words and all JSON-LD types occur, best first; without words by name.

        A type is found by its IRI, by the last word of that, or as it is written; capitals do not matter.
        `limit` and `offset` beyond MOST_HITS and FARTHEST count as those. Raises BadRequest for too many
        words, Unavailable while the index is built anew.
        """
        limit, offset = max(0, min(limit, MOST_HITS)), max(0, min(offset, FARTHEST))
        return await self._asked(lambda: self._index.search(words, limit, offset, types))

    async def dependents(self, name: str, *, limit: int = 25, offset: int = 0) -> SearchPage:
        """The packages whose latest version depends on this one, by name. Raises Unavailable."""
        limit, offset = max(0, min(limit, MOST_HITS)), max(0, min(offset, FARTHEST))
        return await self._asked(lambda: self._index.dependents(name, limit, offset))

    async def _asked(self, question: Callable[[], SearchPage]) -> SearchPage:
        await self._until_opened()
        try:
            return await self._in(self._reading, question)
        except OSError as error:
            raise Unavailable("The search does not answer: its index cannot be read now.") from error
        except RebuildNeeded as error:
            log.error("a search failed: %s", error, exc_info=error)
            self._mend()
            raise Unavailable("The search is not available; its index may be being rebuilt.") from error

    async def _until_opened(self) -> None:
        """Raises Unavailable for an index that cannot be opened, or not in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), OPENING)
        if not self._opened:
            raise Unavailable("The search does not answer: its index cannot be opened now.", retry_after=10)

    def _mend(self) -> None:
        """Have the index built anew, but not again and again for the sake of one search."""
        now = time.monotonic()
        if self._when_broken is not None and now >= self._mend_after:
            self._mend_after = now + MEND_INTERVAL
            self._when_broken()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def _entry_of(self, database: Database, name: str) -> IndexEntry | None:
        """The entry of a package at its latest version, None when it has no version (any more)."""
        versions: list[str] = []
        wanted = Range(start=version_id(name, ""), end=version_id(name, "~"))
        async for rows in database.all_docs(wanted, bodies=False):
            found = [split_version_id(row.id) for row in rows]
            versions += [pair[1] for pair in found if pair and pair[0] == name]
        if not versions:
            return None
        [package] = await database.winners([name], bodies=True)
        members = package.members if package and not package.deleted else None
        version = Standing(json.body(members)).current(versions)
        [row] = await database.winners([version_id(name, version)], bodies=True)
        if row is None or row.deleted or row.members is None:
            return await self._entry_of(database, name)  # deleted between the two reads
        return entry(name, version, row.members, await self._texts(row.attachments))

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
