"""The search for the doors: which engines there are, and the follower in the terms of the registry."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from couchreg.access.asking import ASKER
from couchreg.access.known import PrivatePackages
from couchreg.app.closing import closed_ahead
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment, Database
from couchreg.followers.loop import FollowerLoop
from couchreg.followers.search import meaning
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import SearchFollower, bounded
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.indexing import Indexing
from couchreg.followers.search.items import tag
from couchreg.followers.search.joining import JoinedSearch
from couchreg.followers.search.packages import Closed, ReadText
from couchreg.followers.search.query import Query, keys_query
from couchreg.followers.search.whoosh_index import WhooshIndex
from couchreg.registry.registry import SearchResult

ENGINES: Mapping[str, type[Fts5Index] | type[WhooshIndex]] = {"fts5": Fts5Index, "whoosh": WhooshIndex}
LONGEST_TEXT = 64 << 10  # bytes of a README that are searched
WORKERS = "couchreg.followers.search.inside"  # has a module for each of them


def open_search(engine: str, directory: Path, packages: Database, read: ReadText) -> SearchFollower:
    """To be driven by a loop, which closes it."""
    return SearchFollower(*engine_in(engine, directory), packages, read)


def open_restricted(
    engine: str, directory: Path, packages: Database, read: ReadText, closed: Closed
) -> SearchFollower:
    """The same of the restricted packages alone."""
    return SearchFollower(*engine_in(engine, directory, plain=True), packages, read, closed=closed)


async def beginning_of(attachments: Attachments, file: Attachment) -> str:
    """The beginning of a file of a package."""
    pieces, size = [], 0
    async with aclosing(attachments.open(file)) as chunks:
        async for chunk in chunks:
            pieces.append(chunk)
            size += len(chunk)
            if size >= LONGEST_TEXT:
                break
    return b"".join(pieces)[:LONGEST_TEXT].decode("utf-8", "replace")


def has_meaning() -> bool:
    """Whether the optional extra is installed."""
    return meaning.folder() is not None


def engine_in(engine: str, directory: Path, *, plain: bool = False) -> tuple[SearchIndex, Indexing]:
    """An index and its writer, by meaning too where that is installed. `plain` is as the engines have it."""
    with_meaning = has_meaning()
    writer = Indexing(f"{WORKERS}.{engine}", directory, with_meaning=with_meaning)
    return ENGINES[engine](directory, with_meaning=with_meaning, plain=plain), writer


class Searching:
    """The search in the terms of the registry's `Search`: among the public packages, and the restricted ones
    that the asker of the request may read. A package that has just become restricted is found no more by
    others, nor counted, whatever an index says: `loop` drives the public one, and says how far that is."""

    def __init__(
        self,
        public: SearchFollower,
        loop: FollowerLoop,
        restricted: SearchFollower,
        private: PrivatePackages,
    ) -> None:
        self._public = public
        self._loop = loop
        self._joined = JoinedSearch(public, restricted)
        self._private = private

    async def look(self, query: Query, askers: Sequence[str]) -> Found:
        """As `SearchFollower.look`."""
        return await self._ask(
            query,
            lambda query: self._public.look(query, askers),
            lambda query, packages: self._joined.look(query, packages, askers),
        )

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        return _result(await self._find(bounded(keys_query(words, types), limit, offset)))

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        return _result(await self._find(bounded(Query(tags=((tag("needs", name),),)), limit, offset)))

    async def _find(self, query: Query) -> Found:
        return await self._ask(
            query, self._public.find, lambda query, packages: self._joined.find(query, packages, ())
        )

    async def _ask(
        self,
        query: Query,
        public: Callable[[Query], Awaitable[Found]],
        joined: Callable[[Query, frozenset[str] | None], Awaitable[Found]],
    ) -> Found:
        """What is found, `joined` where there is something besides what is everybody's."""
        asker = ASKER.get()
        ahead = await closed_ahead(self._private, self._loop)
        if ahead:
            query = replace(query, without=ahead)
        packages = None if asker.sees_all else self._private.opened_to(asker)
        is_joined = self._private.are_restricted if packages is None else bool(packages)
        found = await (joined(query, packages) if is_joined else public(query))
        await self._private.refresh()
        hits = [hit for hit in found.hits if self._private.lets_read(asker, hit.name)]
        suggestion = None if ahead else found.suggestion  # words of theirs may be known still
        total = found.total - (len(found.hits) - len(hits))
        return found._replace(total=total, hits=hits, suggestion=suggestion)


def _result(found: Found) -> SearchResult:
    shown = ("name", "version", "title", "description", "score")
    return SearchResult(found.total, [{name: getattr(hit, name) for name in shown} for hit in found.hits])
