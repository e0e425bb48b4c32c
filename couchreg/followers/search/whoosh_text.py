"""How items become documents of the Whoosh index, and a `Query` becomes one of Whoosh's.

Whoosh only cuts at blanks: terms are made by `tokens`. Queries are built as objects, never parsed from text.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from whoosh import fields, query, scoring
from whoosh.analysis import RegexTokenizer
from whoosh.columns import FixedBytesColumn
from whoosh.matching import AndNotMatcher, Matcher
from whoosh.searching import Searcher

from couchreg.followers.search.base import ENOUGH, EXACT_WEIGHT, WEIGHTS
from couchreg.followers.search.items import COLUMNS, PACKAGES, RESOURCES, Item
from couchreg.followers.search.meaning import DIMENSIONS
from couchreg.followers.search.query import Clause, Piece, Query
from couchreg.followers.search.tokens import streams

VERSION: Final = 11  # of schema and analysis, by twos; another one in the index means that it is rebuilt
MEANING: Final = 1  # is added to it where there are vectors
MOST_EXPANSIONS: Final = 64  # terms that a beginning of a word may stand for
_FEW: Final = 32  # terms of a word in all columns, that are looked for together
PREFIX_WEIGHT: Final = 0.25
_NAMES = frozenset({"name", "resources", "fields"})  # columns whose texts are names
_DEGREES: Final = ("west", "south", "east", "north")
Expand = Callable[[str, str], Iterable[str]]  # field, beginning -> the terms that begin so


class Plain(scoring.WeightingModel):  # type: ignore[misc]  # Whoosh is typed in parts only
    """The score of an item by this item alone, whatever else is in the index."""

    def scorer(self, searcher: Searcher, fieldname: str, text: bytes, qf: int = 1) -> "_PlainScorer":
        return _PlainScorer()


class _PlainScorer(scoring.BaseScorer):  # type: ignore[misc]
    def supports_block_quality(self) -> bool:
        return False

    def score(self, matcher: Matcher) -> float:
        weight: float = matcher.weight()
        return weight / (weight + ENOUGH)

    def max_quality(self) -> float:
        return 1.0


class _Without(query.AndNot):  # type: ignore[misc]
    """Whoosh's own lets the first item pass where what is barred begins before it."""

    def matcher(self, searcher: Searcher, context: Any = None) -> Matcher:
        wanted = self.a.matcher(searcher, context)
        return _WithoutMatcher(wanted, self.b.matcher(searcher, searcher.boolean_context()))


class _WithoutMatcher(AndNotMatcher):  # type: ignore[misc]
    def _find_first(self) -> None:
        if self.a.is_active() and self.b.is_active():
            self._find_next()


def schema() -> fields.Schema:
    blanks = RegexTokenizer(re.compile(r"[^ ]+"))
    weighted = {
        f"in_{name}": fields.TEXT(analyzer=blanks, phrase=True, field_boost=WEIGHTS[name]) for name in COLUMNS
    }
    numbers = {name: fields.NUMERIC(float) for name in _DEGREES}
    return fields.Schema(
        id=fields.ID(unique=True, stored=True, sortable=True),
        package=fields.ID(),
        kind=fields.ID(),
        shown=fields.STORED(),
        facets=fields.STORED(),
        words=fields.TEXT(analyzer=blanks, phrase=False),
        tags=fields.ID(),
        date=fields.ID(sortable=True),
        means=fields.COLUMN(FixedBytesColumn(DIMENSIONS)),
        first_day=fields.NUMERIC(int),
        last_day=fields.NUMERIC(int),
        **numbers,
        **weighted,
    )


def document(item: Item) -> dict[str, Any]:
    """The Whoosh document of an item. A blank stands in no name of a package, so ids are in order."""
    terms = {name: streams(item.columns[name], names=name in _NAMES) for name in COLUMNS}
    made: dict[str, Any] = {f"in_{name}": found.stems for name, found in terms.items() if found.stems}
    if item.period:
        made |= {"first_day": item.period.begin, "last_day": item.period.end}
    if item.box:
        made |= dict(zip(_DEGREES, item.box, strict=True))
    return {
        **made,
        "id": item.package if item.resource is None else f"{item.package} {item.resource}",
        "package": item.package,
        "kind": PACKAGES if item.resource is None else RESOURCES,
        "shown": (item.package, item.version, item.resource, item.shown),
        "facets": {name: list(texts) for name, texts in item.facets.items()},
        "words": " ".join(found.words for found in terms.values() if found.words),
        "tags": sorted(item.tags),
        "date": item.date,
        **({"means": item.means} if item.means else {}),
    }


def build(asked: Query, expand: Expand) -> query.Query:
    """What has to match; only words count for the order."""
    if asked.is_nothing:
        return query.NullQuery
    words = [_clause(clause, expand) for clause in asked.clauses if not clause.negative]
    # With words the engine looks among those of the kind alone.
    exact: list[query.Query] = [] if asked.has_words else [query.Term("kind", asked.kind)]
    exact += [query.Or([query.Term("tags", tag) for tag in tags]) for tags in asked.tags]
    exact += _numbers(asked)
    if asked.packages is not None:
        exact.append(query.Or([query.Term("package", name) for name in sorted(asked.packages)]))
    barred: list[query.Query] = [query.Term("tags", tag) for tag in asked.barred]
    barred += [_clause(clause, expand) for clause in asked.clauses if clause.negative and clause.any]
    barred += [query.Term("package", name) for name in sorted(asked.without)]
    free = [query.ConstantScoreQuery(one, 0.0) for one in exact]
    found = query.And([*words, *free])
    return _Without(found, query.Or(barred)) if barred else found


def _numbers(asked: Query) -> Iterator[query.Query]:
    if asked.period:
        yield query.NumericRange("first_day", None, asked.period.end)
        yield query.NumericRange("last_day", asked.period.begin, None)
    if asked.box:
        west, south, east, north = asked.box
        yield query.NumericRange("west", None, east)
        yield query.NumericRange("east", west, None)
        yield query.NumericRange("south", None, north)
        yield query.NumericRange("north", south, None)


def _clause(clause: Clause, expand: Expand) -> query.Query:
    found = query.Or([one for piece in clause.any for one in _piece(piece, clause.column, expand)])
    if len(found) <= _FEW:  # else Whoosh adds up the scores of parts that most of these terms are not in
        found.matcher_type = query.Or.DEFAULT_MATCHER
    return found


def _piece(piece: Piece, column: str, expand: Expand) -> Iterator[query.Query]:
    names = ["words"] if piece.exact else [f"in_{name}" for name in ([column] if column else COLUMNS)]
    boost = EXACT_WEIGHT if piece.exact else 1.0
    last = piece.terms[-1]
    for name in names:
        if len(piece.terms) > 1:
            yield query.Phrase(name, list(piece.terms))
            continue
        yield query.Term(name, last, boost=boost)
        longer = expand(name, last) if piece.prefix else ()
        yield from (query.Term(name, text, boost=PREFIX_WEIGHT) for text in longer if text != last)
