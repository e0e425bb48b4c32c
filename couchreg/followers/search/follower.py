"""The search follower: keeps an index of the packages up to date, and asks it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from couchreg.docstore.base import Change
from couchreg.errors import CouchregError, StorageFailure, Unavailable
from couchreg.followers.base import Checkpoint, FollowedPackages, RebuildNeeded
from couchreg.followers.search.base import SearchIndex, TooSlow, Writer
from couchreg.followers.search.explaining import Found, explained
from couchreg.followers.search.items import tag
from couchreg.followers.search.packages import Closed, PackageReader, ReadRanges, ReadText
from couchreg.followers.search.query import Query, keys_query, opened
from couchreg.followers.search.suggesting import suggestion
from couchreg.sandbox.ending import Stopped
from couchreg.turns import Turns

log = logging.getLogger(__name__)

T = TypeVar("T")
MUCH = 200  # changes at once: what comes so is a load, or an index that is made anew
UNTIDY = 2_000  # changes after which the index is put in order, when there is nothing else to do
MOST_HITS = 1000  # of one page
MEND_INTERVAL = 600.0  # seconds
OPENING = 5.0  # seconds that a search waits for the index at the start
MOST_PASSED = 20_000  # changes that say nothing of restricted packages are not worth a commit
FARTHEST = 10_000  # hits into the list that a page may begin
WAITING, WAITING_OF_ONE = 500, 100  # searches that wait for their turn
BETWEEN = 0.02  # seconds between two looks ahead


class SearchFollower:
    """Hands what it reads of packages to a writer, and searches in a thread what that has written."""

    bodies = False
    batch = 2_000  # each commit writes parts of the index, and what has been put together of them again
    linger = 0.5

    def __init__(
        self,
        index: SearchIndex,
        writer: Writer,
        database: FollowedPackages,
        read: ReadText | None = None,
        ranges: ReadRanges | None = None,
        closed: Closed | None = None,
    ) -> None:
        """`read` gives the beginning of a file as text; `ranges` and `closed` are as `PackageReader` has
        them."""
        self.name = "search" if closed is None else "restricted"
        self._may_pass = 0 if closed is None else MOST_PASSED
        self._passed = 0  # changes since the last commit
        self._written = 0  # and since the index was put in order
        self._index = index
        self._writer = writer
        self._packages = PackageReader(database, read, ranges, closed)
        self._caring = ThreadPoolExecutor(1, thread_name_prefix="search-care")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="search-read")
        self._turns = Turns(1, waiting=WAITING, waiting_of_one=WAITING_OF_ONE, what="searches", retry_after=2)
        self._looked = asyncio.Event()  # whether the index can be opened is known
        self._opened = False
        self._when_broken: Callable[[], None] | None = None
        self._mend_after = 0.0
        self._ahead: asyncio.Task[None] | None = None

    def when_broken(self, tell: Callable[[], None]) -> None:
        """Whom to tell when a search finds the index unusable."""
        self._when_broken = tell

    # -- the follower
    async def checkpoint(self) -> Checkpoint | None:
        await self._writer.end()
        try:
            found = await self._in(self._caring, self._open)
            self._opened = True
        finally:
            self._looked.set()
        self._packages.forget()
        await self._writer.begin(found)
        return found

    def _open(self) -> Checkpoint | None:
        """What there is, made where there is nothing; it is written elsewhere."""
        try:
            return self._index.open()
        finally:
            self._index.close()

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        try:
            await self._apply(changes, checkpoint)
        except Stopped as stopped:  # it need not be the fault of a package: it has another chance
            log.warning("indexing was stopped and is tried again: %s", stopped.reason)
            await self._apply(changes, checkpoint)

    async def _apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        try:
            self._passed += len(changes)
            self._written += len(changes)
            self._writer.expect(much=len(changes) >= MUCH)
            async for sources, gone in self._packages.touched(changes):
                await self._writer.put(sources, gone)
                self._passed += self._may_pass
            if self._passed >= self._may_pass:
                await self._writer.commit(checkpoint)
                self._passed = 0
        except BaseException:
            await asyncio.shield(self._writer.end())
            raise
        self._packages.seen(checkpoint)

    async def tidy(self) -> bool:
        """Who has written much leaves an index in many parts, with what is of packages that were replaced in
        between: a search takes a quarter longer, until these are few."""
        if self._written < UNTIDY or self._passed:
            return False
        try:
            is_more = await self._writer.tidy()
        except (Stopped, OSError, CouchregError) as error:  # it is as good as before
            log.warning("the search index is not put in order now: %s", error)
            is_more = False
        if not is_more:
            self._written = 0
        return is_more

    async def reset(self) -> None:
        await self._writer.end()
        await self._in(self._reading, self._index.close_reading)
        await self._in(self._caring, self._clear)
        await self._in(self._reading, self._index.close_reading)  # a search may have opened what has gone now
        self._packages.forget()
        await self._writer.begin(None)

    def _clear(self) -> None:
        self._index.clear()
        self._index.close()

    async def close(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._writer.close()
        await self._in(self._reading, self._index.close_reading)
        for threads in (self._reading, self._caring):
            threads.shutdown(wait=True, cancel_futures=True)

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
        return await self.find(bounded(keys_query(words, types), limit, offset), askers=askers)

    async def dependents(
        self, name: str, *, limit: int = 25, offset: int = 0, askers: Sequence[str] = ()
    ) -> Found:
        """The packages whose latest version depends on this one, by name. Raises as `search`."""
        return await self.find(bounded(Query(tags=((tag("needs", name),),)), limit, offset), askers=askers)

    async def find(self, query: Query, *, askers: Sequence[str] = ()) -> Found:
        """What a query finds, as it stands. Raises as `search`."""
        return await self._asked(lambda: explained(query, self._index.search(query)), askers)

    async def look(self, query: Query, askers: Sequence[str] = ()) -> Found:
        """What a person's query finds: a word that nothing has is taken for the beginning of one. Where
        nothing is found, words that may have been meant are told. Raises as `search`."""

        found = await self._asked(lambda: looked(query, self._index), askers)
        if query.facets and (self._ahead is None or self._ahead.done()):
            self._ahead = asyncio.create_task(self._read_ahead(), name=f"read ahead for {self.name}")
        return found

    async def _read_ahead(self) -> None:
        """What the next searches will count, a little at a time, so that none waits for it long."""
        try:
            while await self._in(self._reading, self._index.read_ahead):  # noqa: ASYNC110  (it is work)
                await asyncio.sleep(BETWEEN)
        except (OSError, StorageFailure, RebuildNeeded, Unavailable) as error:
            log.debug("what searches will need was not read; the next one tells: %s", error)

    async def ask(self, question: Callable[[SearchIndex], T], askers: Sequence[str]) -> T:
        """What a question to the index gives, in the thread that reads it. Raises as `search`."""
        return await self._asked(lambda: question(self._index), askers)

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
            async with asyncio.timeout(OPENING):
                await self._looked.wait()
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


def bounded(query: Query, limit: int, offset: int) -> Query:
    """With a page that may be asked for."""
    return replace(query, limit=max(0, min(limit, MOST_HITS)), offset=max(0, min(offset, FARTHEST)))


def looked(query: Query, index: SearchIndex) -> Found:
    """`SearchFollower.look` over an index. Blocking."""
    wanted = opened(query, index.known)
    page = index.search(wanted)
    meant = None
    if not page.total:
        with contextlib.suppress(TooSlow):  # nothing was found, and that is an answer
            meant = suggestion(query, index)
    return explained(wanted, page)._replace(suggestion=meant)
