"""What `_explain` says: the index that a query would use, the range of it, and why no other. Pure.

Source: https://docs.couchdb.org/en/stable/api/database/find.html#db-explain
"""

from collections.abc import Sequence
from typing import Any

from couchreg.designdocs.mango.definition import JsonIndex
from couchreg.designdocs.mango.options import MangoQuery
from couchreg.designdocs.mango.planner import Choice, covers, end_key, is_covered, means_nothing, start_key


def explained(database: str, query: MangoQuery, choice: Choice) -> dict[str, Any]:
    """The whole answer."""
    fields = list(query.fields or ())
    winner = choice.winner
    found: dict[str, Any] = {
        "dbname": database,
        "index": winner.index.shown() if winner else None,
        "partitioned": choice.partitions,
        "selector": query.selector,
        "opts": query.shown(),
        "limit": query.limit,
        "skip": query.skip,
        "fields": fields,
        "index_candidates": _candidates(query, choice),
        "selector_hints": [_hints(choice)],
    }
    if winner is not None:
        covered = is_covered(query, winner.index, choice.analysis)
        found["mrargs"] = _arguments(query, choice, covered=covered)
        found["covering"] = covered
    return found


def _arguments(query: MangoQuery, choice: Choice, *, covered: bool) -> dict[str, Any]:
    winner = choice.winner
    assert winner is not None  # asked for where there is one
    keys: list[Any] = [None, None]
    if not means_nothing(query, winner):
        keys = [start_key(winner), end_key(winner)]
    if query.sort.descending:
        keys.reverse()
    return {
        "include_docs": query.r == 1 and not covered,
        "view_type": "map",
        "reduce": False,
        "partition": query.partition or None,
        "start_key": keys[0],
        "end_key": keys[1],
        "direction": "rev" if query.sort.descending else "fwd",
        "stable": query.stable or query.stale == "ok",
        "update": query.refreshes,
        "conflicts": True if query.conflicts else "undefined",
    }


def _hints(choice: Choice) -> dict[str, Any]:
    indexable = choice.analysis.indexable
    others = set(choice.analysis.fields) - set(indexable)
    return {
        "type": "json",
        "indexable_fields": list(indexable),
        "unindexable_fields": sorted(others, key=str.encode),
    }


def _candidates(query: MangoQuery, choice: Choice) -> list[dict[str, Any]]:
    """Every index but the one that is used, the last in order first."""
    told = _Ranks(query, choice)
    used = choice.winner.index if choice.winner else None
    return [told.candidate(index) for index in reversed(choice.every) if index != used]


class _Ranks:
    """Indexes that were sorted out in one step have one rank: the later the step, the better."""

    def __init__(self, query: MangoQuery, choice: Choice) -> None:
        self._query = query
        self._choice = choice
        self._places = {candidate.index: place for place, candidate in enumerate(choice.ranked)}
        usable = choice.usable
        self._unfavored = max(1, len(choice.ranked))
        self._excluded = self._unfavored + _some(set(choice.allowed) - set(self._places))
        self._not_usable = self._excluded + _some(set(usable) - set(choice.allowed))
        in_scope = [index for index in choice.considered if not index.is_partial]
        self._scope = self._not_usable + _some(set(choice.considered) - set(usable))
        self._partial = self._scope + _some({i for i in choice.every if not i.is_partial} - set(in_scope))

    def candidate(self, index: JsonIndex) -> dict[str, Any]:
        usable, reason, ranking = self._verdict(index)
        covering = None if index.is_special else covers(index, self._query.fields)
        analysis = {
            "usable": usable,
            "reasons": [{"name": reason}],
            "ranking": ranking,
            "covering": covering,
        }
        return {"index": index.shown(), "analysis": analysis}

    def _verdict(self, index: JsonIndex) -> tuple[bool, str, int]:
        if not index.is_partial:
            return self._verdict_of_complete(index)
        # That it is partial comes first, even where the query has named it; then CouchDB adds up the ranks.
        more = self._verdict_of_complete(index)[2] if index in self._choice.considered else 0
        return False, "is_partial", self._partial + more

    def _verdict_of_complete(self, index: JsonIndex) -> tuple[bool, str, int]:
        choice = self._choice
        if index not in choice.considered:
            return False, "scope_mismatch", self._scope
        if choice.reasons[index]:
            return False, choice.reasons[index][0], self._not_usable
        if index not in choice.allowed:
            return True, "excluded_by_user", self._excluded
        if index not in self._places:
            return True, "unfavored_type", self._unfavored
        return True, self._shortcoming(index), self._places[index]

    def _shortcoming(self, index: JsonIndex) -> str:
        """Of an index that might have been used as well."""
        place = self._places[index]
        if self._choice.ranked[place].distance > 0:
            return "less_overlap"
        more = len(index.columns) > len(self._choice.ranked[0].index.columns)
        return "too_many_fields" if more else "alphabetically_comes_after"


def _some(listed: Sequence[JsonIndex] | set[JsonIndex]) -> int:
    return 1 if listed else 0
