"""The search for the doors: which engines there are, and the follower in the terms of the registry."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from couchreg.access.known import PrivatePackages
from couchreg.docstore.base import Database
from couchreg.followers.search import meaning
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.indexing import Indexing
from couchreg.followers.search.packages import ReadText
from couchreg.followers.search.query import Query
from couchreg.followers.search.whoosh_index import WhooshIndex
from couchreg.registry.registry import SearchResult

ENGINES: Mapping[str, type[Fts5Index] | type[WhooshIndex]] = {"fts5": Fts5Index, "whoosh": WhooshIndex}
WORKERS = "couchreg.followers.search.inside"  # has a module for each of them


def open_search(engine: str, directory: Path, packages: Database, read: ReadText) -> SearchFollower:
    """To be driven by a loop, which closes it."""
    return SearchFollower(*engine_in(engine, directory), packages, read)


def has_meaning() -> bool:
    """Whether the optional extra is installed."""
    return meaning.folder() is not None


def engine_in(engine: str, directory: Path) -> tuple[SearchIndex, Indexing]:
    """An index and its writer, by meaning too where that is installed."""
    with_meaning = has_meaning()
    writer = Indexing(f"{WORKERS}.{engine}", directory, with_meaning=with_meaning)
    return ENGINES[engine](directory, with_meaning=with_meaning), writer


class Searching:
    """The search follower in the terms of the registry's `Search`. A package that has just become restricted
    is found no more, whatever the index says."""

    def __init__(self, follower: SearchFollower, private: PrivatePackages) -> None:
        self._follower = follower
        self._private = private

    async def look(self, query: Query, askers: Sequence[str]) -> Found:
        """As `SearchFollower.look`."""
        return await self._open(await self._follower.look(query, askers))

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        found = await self._follower.search(words, limit=limit, offset=offset, types=types)
        return _result(await self._open(found))

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        found = await self._follower.dependents(name, limit=limit, offset=offset)
        return _result(await self._open(found))

    async def _open(self, found: Found) -> Found:
        await self._private.refresh()
        hits = [hit for hit in found.hits if not self._private.is_restricted(hit.name)]
        return found._replace(total=found.total - (len(found.hits) - len(hits)), hits=hits)


def _result(found: Found) -> SearchResult:
    shown = ("name", "version", "title", "description", "score")
    return SearchResult(found.total, [{name: getattr(hit, name) for name in shown} for hit in found.hits])
