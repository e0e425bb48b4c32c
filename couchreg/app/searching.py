"""The search for the doors: which engines there are, and the follower in the terms of the registry."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from couchreg.docstore.base import Database
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.indexing import Indexing
from couchreg.followers.search.packages import ReadText
from couchreg.followers.search.whoosh_index import WhooshIndex
from couchreg.registry.registry import SearchResult

ENGINES: Mapping[str, Callable[[Path], SearchIndex]] = {"fts5": Fts5Index, "whoosh": WhooshIndex}
WORKERS = "couchreg.followers.search.inside"  # has a module for each of them


def open_search(engine: str, directory: Path, packages: Database, read: ReadText) -> SearchFollower:
    """To be driven by a loop, which closes it."""
    writer = Indexing(f"{WORKERS}.{engine}", directory)
    return SearchFollower(ENGINES[engine](directory), writer, packages, read)


class Searching:
    """The search follower in the terms of the registry's `Search`."""

    def __init__(self, follower: SearchFollower) -> None:
        self._follower = follower

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        return _result(await self._follower.search(words, limit=limit, offset=offset, types=types))

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        return _result(await self._follower.dependents(name, limit=limit, offset=offset))


def _result(found: Found) -> SearchResult:
    shown = ("name", "version", "title", "description", "score")
    return SearchResult(found.total, [{name: getattr(hit, name) for name in shown} for hit in found.hits])
