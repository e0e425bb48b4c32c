"""What is asked of a search engine, and how people's words become it: the same for every engine. Pure.

A `Query` says in terms and tags what has to match; no engine sees what somebody typed. In `q`, words with
blanks between all have to match; `"…"` is a phrase, `-` before either excludes it, `name:` before either is a
column (`title:gdp`) or a filter (`license:CC0-1.0`), `*` behind a word its beginning. Nothing else means
anything, so there is no text that cannot be read.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from couchreg.errors import BadRequest
from couchreg.followers.search import tokens
from couchreg.followers.search.classes import class_of
from couchreg.followers.search.coverage import Box, Period
from couchreg.followers.search.items import COLUMNS, FACETS, PACKAGES, tag
from couchreg.followers.search.properties import iri_key

MOST_VALUES: Final = 50  # of one facet
MOST_TERMS: Final = 32  # of one search
LONGEST: Final = 1_000  # characters of `q`
LONGEST_WORD: Final = 200
SHORTEST_PREFIX: Final = 2
FILTERS: Final = frozenset(FACETS) | {"where", "about"}
_ASKED = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)(?:"|$)|(\S+))')
_COLUMN_NAMES: Final = {name: name for name in COLUMNS} | {"resource": "resources", "keyword": "keywords"}


class Piece(NamedTuple):
    """Terms next to each other. `exact`: as they are, in any column; else stemmed. `prefix`: the last one may
    be the beginning of a term."""

    terms: tuple[str, ...]
    exact: bool = False
    prefix: bool = False


class Clause(NamedTuple):
    """Any of these pieces has to match, in one column or in any (`""`); `negative`: none may. `word` is
    what was typed where it was one word."""

    any: tuple[Piece, ...]
    column: str = ""
    negative: bool = False
    word: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Everything in it has to hold. Of each of `tags` one has to be the item's, of `barred` none."""

    clauses: tuple[Clause, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    barred: tuple[str, ...] = ()
    kind: str = PACKAGES
    period: Period | None = None
    box: Box | None = None
    sort: str = "score"  # or "name", "date", "downloads"
    limit: int = 25
    offset: int = 0
    facets: tuple[str, ...] = ()
    values: int = MOST_VALUES  # of one facet, the most frequent first
    downloads: tuple[tuple[str, int], ...] = field(default=())  # by package, for that order
    like: str = ""  # a text whose meaning is near, the nearest first
    packages: frozenset[str] | None = None  # of these alone
    without: frozenset[str] = frozenset()  # of none of these

    @property
    def has_words(self) -> bool:
        return any(not clause.negative for clause in self.clauses)

    @property
    def is_everything(self) -> bool:
        """Nothing at all has to hold."""
        held = (self.clauses, self.tags, self.barred, self.period, self.box, self.like, self.without)
        return self.packages is None and not any(held)

    @property
    def is_nothing(self) -> bool:
        """A word without any letter or digit matches nothing."""
        return any(not clause.any and not clause.negative for clause in self.clauses)


def keys_query(words: Sequence[str], types: Sequence[str] = ()) -> Query:
    """The search of the registry's first API: packages with all words, each perhaps the beginning of a longer
    one, and with all types as they are stated. Raises BadRequest for too many words."""
    clauses = [clause for word in words for clause in _plain(word[:LONGEST_WORD], beginnings=True)]
    _check_terms(clauses)
    return Query(tuple(dict.fromkeys(clauses)), tuple((tag("type", name),) for name in types))


def parse(text: str) -> Query:
    """The words and filters of `q`. Raises BadRequest for too many."""
    if len(text) > LONGEST:
        raise BadRequest(f"A search may have at most {LONGEST} characters.")
    clauses: list[Clause] = []
    tags: list[tuple[str, ...]] = []
    barred: list[str] = []
    for minus, name, phrase, word in _ASKED.findall(text):
        written = phrase or word
        if name in FILTERS and name not in _COLUMN_NAMES:
            found = filter_tags(name, written)
            barred += found if minus else ()
            tags += () if minus else (found,)
            continue
        if name and name not in _COLUMN_NAMES:  # a word with a colon, such as an address
            written = f"{name}:{written}"
        column = _COLUMN_NAMES.get(name, "")
        made = _phrase(phrase, column) if phrase and (not name or column) else _plain(written, column)
        clauses += [clause._replace(negative=bool(minus)) for clause in made]
    _check_terms(clauses)
    clauses = _without_stop_words(clauses)
    return Query(tuple(dict.fromkeys(clauses)), tuple(tags), tuple(barred))


def filter_tags(name: str, value: str) -> tuple[str, ...]:
    """The tags of which an item has to have one. `where` is `path:value`. Raises BadRequest."""
    if name == "type":
        known = class_of(value)
        return (tag("type", value), *((tag("class", known),) if known else ()))
    if name == "about":
        return (tag("about", iri_key(value)),)
    if name == "where" and not all(value.partition(":")):
        raise BadRequest("“where” is a path and a value: where=spatialCoverage.name:France")
    return (tag(name, value),)


def with_filters(query: Query, found: Iterable[tuple[str, str]]) -> Query:
    """The query with filters besides. Raises BadRequest."""
    return replace(query, tags=(*query.tags, *(filter_tags(name, value) for name, value in found)))


def _check_terms(clauses: Iterable[Clause]) -> None:
    if sum(max((len(piece.terms) for piece in clause.any), default=0) for clause in clauses) > MOST_TERMS:
        raise BadRequest(f"A search may have at most {MOST_TERMS} words.")


def _without_stop_words(clauses: list[Clause]) -> list[Clause]:
    kept = [clause for clause in clauses if clause.negative or clause.column or not _is_stop_word(clause)]
    return kept if any(not clause.negative for clause in kept) else clauses


def _is_stop_word(clause: Clause) -> bool:
    return clause.word.lower() in tokens.STOP_WORDS


def _plain(text: str, column: str = "", *, beginnings: bool = False) -> list[Clause]:
    """A clause for each chunk of a word (`co2-ppm` has two); one that matches nothing where there is none."""
    starred = text.endswith("*") and not beginnings
    found = list(tokens.tokens(text[:LONGEST_WORD]))
    made: list[Clause] = []
    for place, token in enumerate(found):
        is_beginning = beginnings or (starred and place == len(found) - 1)
        made += _clauses(token, column, is_beginning)
    return made or [Clause((), column)]


def _clauses(token: tokens.TextToken, column: str, is_beginning: bool) -> Iterator[Clause]:
    word = token.whole or (token.parts[0] if len(token.parts) == 1 else "")
    if token.whole:
        pieces = [Piece(tuple(map(tokens.stem, token.parts)), prefix=False)]
        pieces += _exact(token.whole, is_beginning) if not column else [Piece((token.whole,))]
        yield Clause(tuple(pieces), column, word=word)
        return
    for run in _runs(token.parts):
        if len(run) > 1 or tokens.is_unspaced(run[0]):
            alone = len(run) == 1 and len(run[0]) == 1
            yield Clause((Piece(run, prefix=alone or (is_beginning and len(run) == 1)),), column)
            continue
        term = run[0]
        found = [Piece((tokens.stem(term),))]
        if column:
            found += [Piece((term,), prefix=True)] if is_beginning else []
        else:
            found += _exact(term, is_beginning)
        yield Clause(tuple(found), column, word=term)


def _exact(term: str, is_beginning: bool) -> list[Piece]:
    return [Piece((term,), exact=True, prefix=is_beginning and len(term) >= SHORTEST_PREFIX)]


def _runs(parts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Neighbours of a script without blanks together, without the last character that stands alone behind
    them; every other part by itself."""
    run: list[str] = []
    for part in [*parts, ""]:
        if part and tokens.is_unspaced(part):
            run.append(part)
            continue
        if run:
            yield tuple(run[:-1] if len(run) > 1 else run)
            run = []
        if part:
            yield (part,)


def _phrase(text: str, column: str) -> list[Clause]:
    terms: list[str] = []
    for token in tokens.tokens(text):
        for run in _runs(token.parts):
            terms += map(tokens.stem, run)
    return [Clause((Piece(tuple(terms)),) if terms else (), column)]


Known = Callable[[str], bool]  # whether any item has a term, stemmed or as it is


def opened(query: Query, known: Known) -> Query:
    """The query with words that nothing has taken for beginnings of words."""
    clauses = []
    for clause in query.clauses:
        is_unknown = clause.word and not any(known(piece.terms[-1]) for piece in clause.any)
        if is_unknown and not clause.negative and not clause.column and len(clause.word) > SHORTEST_PREFIX:
            clause = clause._replace(any=(*clause.any, Piece((clause.word,), exact=True, prefix=True)))
        clauses.append(clause)
    return replace(query, clauses=tuple(clauses))
