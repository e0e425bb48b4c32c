"""What the search follower asks of a search engine, and what a search answers."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from couchreg.followers.base import Checkpoint
from couchreg.followers.packages import IndexEntry


class SearchHit(NamedTuple):
    """One package that was found, at its latest version; a higher score is a better match."""

    name: str
    version: str
    title: str
    description: str
    score: float


class SearchPage(NamedTuple):
    """The hits from `offset` on, best first; `total` counts all packages that match."""

    total: int
    hits: list[SearchHit]


class SearchIndex(Protocol):
    """An engine. Its methods block; `search` is called in another thread than the rest, one call of
    each kind at a time. All may raise RebuildNeeded when the index turns out to be unusable."""

    def open(self) -> Checkpoint | None:
        """Open or create it; the checkpoint of the last commit."""

    def commit(self, entries: Sequence[IndexEntry], gone: Collection[str], checkpoint: Checkpoint) -> None:
        """Replace packages, remove others, and move the checkpoint: all of it or nothing."""

    def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str] = ()
    ) -> SearchPage: ...

    def dependents(self, name: str, limit: int, offset: int) -> SearchPage:
        """The packages that depend on this one, by name."""

    def clear(self) -> None:
        """Remove everything, whatever state it is in, and open an empty index."""

    def close(self) -> None: ...
