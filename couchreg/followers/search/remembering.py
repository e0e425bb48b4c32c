"""What was counted of late, for whoever asks for the same again: who turns a page of hits, or changes their
order, or comes to the first page of a search."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Final

from couchreg.followers.search.query import Query

FEW: Final = 1_000  # items that are counted in no time
MOST_KNOWN: Final = 64  # questions whose counts are kept,
MOST_VALUES_KNOWN: Final = 1_000  # where they have no more values of facets than these
Counts = dict[str, Sequence[tuple[str, int]]]  # values of facets, the most frequent first


class KnownCounts:
    """How many match what was asked of late, and their facets, as long as an index is as it was."""

    def __init__(self) -> None:
        self._state: Hashable = None
        self._known: dict[Query, tuple[int, Counts]] = {}

    def check(self, state: Hashable) -> None:
        """Forget everything, unless the index is in the same state as the last time."""
        if state != self._state:
            self._state = state
            self._known.clear()

    def of(self, query: Query, count: Callable[[], tuple[int, Counts]]) -> tuple[int, Counts]:
        """What `count` gives, or gave for a query that differs in its page and order alone."""
        key = replace(query, limit=0, offset=0, sort="score", downloads=())
        known = self._known.pop(key, None) or count()
        if known[0] >= FEW and sum(map(len, known[1].values())) <= MOST_VALUES_KNOWN:
            self._known[key] = known
            if len(self._known) > MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
        return known
