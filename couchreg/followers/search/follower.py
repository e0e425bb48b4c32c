"""The search follower: keeps a search engine up to date with the packages of the `registry` database.

A package is found at its latest version. A change of any document of a package makes what is known of it
anew from what the database holds now, so that order and repetition of changes do not matter.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from couchreg.docstore.base import Attachment, Change, Database, Range
from couchreg.errors import NotFound, StorageFailure, Unavailable
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.explaining import Found, explained
from couchreg.followers.search.items import Source, tag, told_in
from couchreg.followers.search.query import Query, keys_query, opened
from couchreg.followers.search.suggesting import suggestion
from couchreg.model import json
from couchreg.package.names import package_of, split_version_id, version_id
from couchreg.package.standing import Standing
from couchreg.turns import Turns

log = logging.getLogger(__name__)

T = TypeVar("T")
ReadText = Callable[[Attachment], Awaitable[str]]
MOST_TEXTS = 4  # files of one package
MOST_HITS = 1000  # of one page
MEND_INTERVAL = 600.0  # seconds
OPENING = 5.0  # seconds that a search waits for the index at the start
FARTHEST = 10_000  # hits into the list that a page may begin
WAITING, WAITING_OF_ONE = 500, 100  # searches that wait for their turn


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
        self._turns = Turns(1, waiting=WAITING, waiting_of_one=WAITING_OF_ONE, what="searches", retry_after=2)
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
        sources: list[Source] = []
        gone: list[str] = []
        for name in sorted(filter(None, touched)):
            found = await self._source(name)
            if found is None:
                gone.append(name)
            else:
                sources.append(found)
        await self._in(self._writing, lambda: self._index.commit(sources, gone, checkpoint))

    async def reset(self) -> None:
        await self._in(self._reading, self._index.close_reading)
        await self._in(self._writing, self._index.clear)

    async def close(self) -> None:
        await self._in(self._reading, self._index.close_reading)
        self._reading.shutdown(wait=True, cancel_futures=True)
        await self._in(self._writing, self._index.close)
        self._writing.shutdown(wait=True, cancel_futures=True)

    # -- the search
    async def search(
        self,
        words: Sequence[str],
        *,
        limit: int = 25,
        offset: int = 0,
        types: Sequence[str] = (),
        askers: Sequence[str] = (),
    ) -> Found:
        """Packages in which all words and all JSON-LD types occur, best first; without words by name.

        A type is found by its IRI, by the last word of that, or as it is written; capitals do not matter.
        `limit` and `offset` beyond MOST_HITS and FARTHEST count as those. Raises BadRequest for too many
        words, TooManyRequests, and Unavailable while the index is built anew.
        """
        return await self.find(_bounded(keys_query(words, types), limit, offset), askers=askers)

    async def dependents(
        self, name: str, *, limit: int = 25, offset: int = 0, askers: Sequence[str] = ()
    ) -> Found:
        """The packages whose latest version depends on this one, by name. Raises as `search`."""
        return await self.find(_bounded(Query(tags=((tag("needs", name),),)), limit, offset), askers=askers)

    async def find(self, query: Query, *, askers: Sequence[str] = ()) -> Found:
        """What a query finds, as it stands. Raises as `search`."""
        return await self._asked(lambda: explained(query, self._index.search(query)), askers)

    async def look(self, query: Query, askers: Sequence[str] = ()) -> Found:
        """What a person's query finds: a word that nothing has is taken for the beginning of one. Where
        nothing is found, words that may have been meant are told. Raises as `search`."""

        return await self._asked(lambda: looked(query, self._index), askers)

    async def _asked(self, question: Callable[[], T], askers: Sequence[str]) -> T:
        await self._until_opened()
        try:
            async with self._turns.take(*askers):
                return await self._in(self._reading, question)
        except (OSError, StorageFailure) as error:
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

    async def _source(self, name: str) -> Source | None:
        """What is indexed of a package at its latest version, None when it has no version (any more)."""
        versions: list[str] = []
        wanted = Range(start=version_id(name, ""), end=version_id(name, "~"))
        async for rows in self._database.all_docs(wanted, bodies=False):
            found = [split_version_id(row.id) for row in rows]
            versions += [pair[1] for pair in found if pair and pair[0] == name]
        if not versions:
            return None
        [package] = await self._database.winners([name], bodies=True)
        standing = Standing(json.body(package.members if package and not package.deleted else None))
        version = standing.current(versions)
        [row] = await self._database.winners([version_id(name, version)], bodies=True)
        if row is None or row.deleted or row.members is None:
            return await self._source(name)  # deleted between the two reads
        texts = tuple(await self._texts(row.attachments))
        return Source(name, version, row.members, texts, standing.deprecated(version))

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


def _bounded(query: Query, limit: int, offset: int) -> Query:
    return replace(query, limit=max(0, min(limit, MOST_HITS)), offset=max(0, min(offset, FARTHEST)))


def looked(query: Query, index: SearchIndex) -> Found:
    """`SearchFollower.look` over an index. Blocking."""
    wanted = opened(query, index.known)
    page = index.search(wanted)
    meant = None if page.total else suggestion(query, index)
    return explained(wanted, page)._replace(suggestion=meant)
