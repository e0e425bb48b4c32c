"""Two indexes asked as one: that of the public packages, which is everybody's, and that of the restricted
ones, of those that somebody may read.

No package is in both. What is found in the second depends on the packages that may be read there and on no
others: not the score, and not which words are known. Whoever may read none does not come to it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from couchreg.followers.search.base import Hit, HitsPage, SearchIndex
from couchreg.followers.search.explaining import Found, explained
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.items import PACKAGES, RESOURCES
from couchreg.followers.search.query import Clause, Piece, Query, opened
from couchreg.followers.search.shown import unpack
from couchreg.followers.search.suggesting import suggestion

MOST_COUNTED_VALUES = 5_000  # of a facet in each index, of which the most frequent are told


class JoinedSearch:
    """`restricted` is a follower whose engine scores plainly."""

    def __init__(self, public: SearchFollower, restricted: SearchFollower) -> None:
        self._public = public
        self._restricted = restricted

    async def look(self, query: Query, packages: frozenset[str] | None, askers: Sequence[str]) -> Found:
        """As `SearchFollower.look`, with these restricted packages; None: all of them."""
        words = sorted({piece.terms[-1] for one in query.clauses if one.word for piece in one.any})
        known = await self._public.ask(lambda index: set(filter(index.known, words)), askers)
        rest = [word for word in words if word not in known]
        if rest:
            known |= await self._restricted.ask(lambda index: _known(index, rest, packages), askers)
        found = await self.find(opened(query, known.__contains__), packages, askers)
        if found.total:
            return found
        meant = await self._public.ask(lambda index: suggestion(query, index), askers)
        return found._replace(suggestion=meant)

    async def find(self, query: Query, packages: frozenset[str] | None, askers: Sequence[str]) -> Found:
        """As `SearchFollower.find`, with these restricted packages; None: all of them."""
        asked = replace(query, values=MOST_COUNTED_VALUES)
        limit = query.offset + query.limit
        far = replace(asked, packages=packages, without=frozenset(), offset=0, limit=limit)
        own = await self._restricted.ask(lambda index: index.search(far), askers)
        begin = max(0, query.offset - len(own.hits))  # what comes before is before the page in any case
        near = replace(asked, offset=begin, limit=limit - begin)
        public, top = await self._public.ask(lambda index: _with_top(index, near), askers)
        hits = merged(query, public.hits, own.hits, top)
        start = query.offset - begin
        page = HitsPage(
            public.total + own.total,
            hits[start : start + query.limit],
            {name: _counts((public.facets, own.facets), name, query.values) for name in query.facets},
        )
        return explained(query, page)


def _known(index: SearchIndex, words: Iterable[str], packages: frozenset[str] | None) -> set[str]:
    """The words that an item of these packages has."""
    found = set()
    for word in words:
        pieces = (Piece((word,)), Piece((word,), exact=True))
        asked = Query((Clause(pieces),), limit=0, packages=packages)
        if any(index.search(replace(asked, kind=kind)).total for kind in (PACKAGES, RESOURCES)):
            found.add(word)
    return found


def _with_top(index: SearchIndex, query: Query) -> tuple[HitsPage, float]:
    """A page, and the score of the first hit of all."""
    page = index.search(query)
    first = page.hits if not query.offset else index.search(replace(query, offset=0, limit=1, facets=())).hits
    return page, first[0].score if first else 0.0


def merged(query: Query, public: Sequence[Hit], own: Sequence[Hit], top: float) -> list[Hit]:
    """The hits of both in the order of the query. The scores of one index are on another scale than those
    of the other, so the best of each are worth the same; of the same worth, one's own come first."""
    is_ranked = query.has_words and query.sort == "score"
    if query.like or is_ranked:
        scale = top / own[0].score if is_ranked and own and top > 0 and own[0].score > 0 else 1.0
        scaled = [hit._replace(score=hit.score * scale) for hit in own]
        return sorted((*scaled, *public), key=lambda hit: -hit.score)
    hits = sorted((*own, *public), key=lambda hit: (hit.package, hit.resource or ""))
    if query.sort == "date":
        return sorted(hits, key=_date, reverse=True)
    if query.sort == "downloads":
        counts = dict(query.downloads)
        return sorted(hits, key=lambda hit: -counts.get(hit.package, 0))
    return hits


def _date(hit: Hit) -> str:
    return str(unpack(hit.shown).value["date"])


def _counts(
    found: Iterable[Mapping[str, Sequence[tuple[str, int]]]], name: str, most: int
) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for facets in found:
        counts.update(dict(facets.get(name, ())))
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
