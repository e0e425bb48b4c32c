"""How package texts become terms of the Whoosh index, and words of a search become a query.

Texts are cut at everything that is no letter or digit, at `_` and between `small` and `Capital`;
accents and case are folded. Each term is indexed stemmed in a field of its own weight, and once as it is
in `words`, where beginnings of words are looked up. Queries are built as objects, never parsed from
text, so that no word can be an operator.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from whoosh import fields, query
from whoosh.analysis import CharsetFilter, LowercaseFilter, RegexTokenizer, StemFilter
from whoosh.support.charset import accent_map

from couchreg.errors import BadRequest
from couchreg.followers.packages import IndexEntry

VERSION = 3  # of schema and analysis; another one in the index means that it is rebuilt
MOST_TERMS = 32  # of one search
SHORTEST_PREFIX = 2
MOST_EXPANSIONS = 64  # terms that a beginning of a word may stand for

PLAIN = RegexTokenizer(r"[^\W_]+") | LowercaseFilter() | CharsetFilter(accent_map)
STEMMED = PLAIN | StemFilter()

WEIGHTS = {
    "in_name": 4.0,
    "in_title": 3.0,
    "in_keywords": 3.0,
    "in_resources": 1.5,
    "in_fields": 1.0,
    "in_description": 1.0,
    "in_texts": 0.5,
}
EXACT_WEIGHT, PREFIX_WEIGHT = 0.5, 0.25

_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def schema() -> fields.Schema:
    weighted = {
        field: fields.TEXT(analyzer=STEMMED, phrase=False, field_boost=weight)
        for field, weight in WEIGHTS.items()
    }
    return fields.Schema(
        id=fields.ID(unique=True, stored=True, sortable=True),
        kind=fields.ID(),
        shown=fields.STORED(),
        words=fields.TEXT(analyzer=PLAIN, phrase=False),
        types=fields.ID(),
        needs=fields.ID(),
        **weighted,
    )


def document(entry: IndexEntry) -> dict[str, object]:
    """The Whoosh document of a package."""
    texts = {
        "in_name": entry.name,
        "in_title": entry.title,
        "in_keywords": " ".join(entry.keywords),
        "in_resources": _apart(entry.resources),
        "in_fields": _apart(entry.fields),
        "in_description": entry.description,
        "in_texts": "\n".join(entry.texts),
    }
    shown = (entry.version, entry.title, entry.description)
    return {
        "id": entry.name,
        "kind": "package",
        "shown": shown,
        "words": "\n".join(texts.values()),
        "types": list(entry.types),
        "needs": list(entry.needs),
        **texts,
    }


def terms(words: Iterable[str]) -> list[list[str]]:
    """The terms of each word (`co2-ppm` has two). Raises BadRequest for too many of them."""
    found = [[token.text for token in PLAIN(_JOINT.sub(" ", word[:200]))] for word in words]
    if sum(map(len, found)) > MOST_TERMS:
        raise BadRequest(f"A search may have at most {MOST_TERMS} words.")
    return found


def build_query(
    words: Sequence[str], expand: Callable[[str], Iterable[str]], types: Sequence[str] = ()
) -> query.Query:
    """All words must match; each may match as it is, stemmed, or as the beginning of a word (`expand`
    gives the indexed words that begin so). A word without any letter or digit matches nothing.
    All types must be the package's, but for capitals; they count nothing for the order."""
    if not types:
        return _of_words(words, expand)
    exact = [query.ConstantScoreQuery(query.Term("types", name.casefold()), 0.0) for name in types]
    return query.And([_of_words(words, expand), *exact])


def _of_words(words: Sequence[str], expand: Callable[[str], Iterable[str]]) -> query.Query:
    every = terms(words)
    if not every:
        return query.Term("kind", "package")
    if not all(every):
        return query.NullQuery
    return query.And([_one(term, expand) for term in dict.fromkeys(chain.from_iterable(every))])


def _one(term: str, expand: Callable[[str], Iterable[str]]) -> query.Query:
    stem = next((token.text for token in STEMMED(term)), term)
    found: list[query.Query] = [query.Term(field, stem) for field in WEIGHTS]
    found.append(query.Term("words", term, boost=EXACT_WEIGHT))
    if len(term) >= SHORTEST_PREFIX:
        longer = (text for text in expand(term) if text != term)
        found += [query.Term("words", text, boost=PREFIX_WEIGHT) for text in longer]
    return query.Or(found)


def _apart(names: Iterable[str]) -> str:
    """Names as they are and cut between small and capital letters, so that both are found."""
    return "\n".join({text: None for name in names for text in (name, _JOINT.sub(" ", name))})
