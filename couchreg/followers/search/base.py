"""What the search follower asks of a search engine, and what a search answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from couchreg.errors import NotImplementedHere, Unavailable
from couchreg.followers.base import Checkpoint
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.query import Query

SECONDS: Final = 2.0  # that one search may take
WEIGHTS: Final[Mapping[str, float]] = {
    "name": 4.0,
    "title": 3.0,
    "keywords": 3.0,
    "resources": 1.5,
    "fields": 1.0,
    "description": 1.0,
    "texts": 0.5,
}
EXACT_WEIGHT: Final = 0.5
ENOUGH: Final = 1.2  # where only the item counts: with this weight of a word, half of what it can be worth


class Hit(NamedTuple):
    """One item that was found; a higher score is a better match. `shown` is `items.Item.shown`."""

    package: str
    version: str
    resource: str | None
    score: float
    shown: bytes


@dataclass(frozen=True, slots=True)
class HitsPage:
    """The hits from an offset on, best first; `total` counts all that match, `facets` their values."""

    total: int
    hits: Sequence[Hit]
    facets: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)


class TooSlow(Unavailable):
    """A search was stopped because it took too long."""

    def __init__(self) -> None:
        super().__init__("The search took too long: ask for fewer or rarer words.", retry_after=5)


class NoMeaning(NotImplementedHere):
    """An index without vectors."""

    def __init__(self) -> None:
        super().__init__("This server does not search by meaning: use words (q), or filters.")


class Writer(Protocol):
    """Whoever writes an index, somewhere. All may raise RebuildNeeded, OSError or StorageFailure as the index
    does, Unavailable, Stopped when the work was ended, and others for the fault of a package."""

    async def begin(self, at: Checkpoint | None) -> None:
        """Write into the index that is there and at this checkpoint: it is closed, and nobody else's."""

    def expect(self, *, much: bool) -> None:
        """Whether there is much to write from now on, for which nobody waits, or a little that somebody will
        look for soon."""

    async def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        """As `SearchIndex.put`; what it raises may come with the next call."""

    async def commit(self, checkpoint: Checkpoint) -> None:
        """All that was put, and the checkpoint, or nothing. Returns when it can be found."""

    async def tidy(self) -> bool:
        """As `SearchIndex.tidy`, after a commit."""

    async def end(self) -> None:
        """What was put and not committed is forgotten; what is put next begins anew."""

    async def close(self) -> None: ...


class SearchIndex(Protocol):
    """An engine. Its methods block. Those that write are called in one thread, those that read in another,
    one call of each kind at a time. All may raise RebuildNeeded when the index turns out to be unusable,
    OSError or StorageFailure when a disk fails; those that read TooSlow."""

    def open(self) -> Checkpoint | None:
        """Open or create it for writing; the checkpoint of the last commit."""

    def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        """Replace packages and remove others, to be seen from the next `commit` on. Where it raises, all that
        was put since the last one is forgotten. No package comes twice between two commits."""

    def commit(self, sources: Sequence[PackageSource], gone: Collection[str], checkpoint: Checkpoint) -> None:
        """`put` these too, and move the checkpoint: all of it or nothing."""

    def tidy(self) -> bool:
        """Put in order a little of what has been committed, so that searches have less to look through;
        whether there is more of that."""

    def clear(self) -> None:
        """Remove everything, whatever state it is in, and open an empty index."""

    def close(self) -> None:
        """End writing."""

    # -- reading
    def search(self, query: Query) -> HitsPage: ...

    def known(self, term: str) -> bool:
        """Whether any item has the term, stemmed or as it is."""

    def neighbours(self, term: str) -> Sequence[tuple[str, int]]:
        """Terms that begin with the same letter and are about as long, and how many items have each; stemmed
        ones may be among them."""

    def is_word(self, term: str) -> bool:
        """Whether any item has the term as it is."""

    def read_ahead(self) -> bool:
        """Read a little of what searches will need, in a few milliseconds; whether there is more of that."""

    def close_reading(self) -> None: ...
