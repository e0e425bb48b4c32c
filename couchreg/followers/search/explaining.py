"""What a hit shows of itself, and why it was found: the same for every engine. Pure.

Texts come as they were published; where a word was found is told by places in them, so that nobody has to
tell a mark from the text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from couchreg.followers.search import tokens
from couchreg.followers.search.base import Hit, HitsPage
from couchreg.followers.search.classes import ancestors, class_of
from couchreg.followers.search.items import COLUMNS, tag
from couchreg.followers.search.properties import iri_key
from couchreg.followers.search.query import Clause, Query
from couchreg.followers.search.shown import Shown, unpack

MOST_MATCHED: Final = 20
MOST_HIGHLIGHTS: Final = 5
FRAGMENT: Final = 240  # characters of a text that is shown around what was found
_AROUND = 80
_MOST_MARKS = 20
_WORD: Final = re.compile(r"\w+", re.ASCII)


class Result(NamedTuple):
    """One hit for people. `matched` has what was found where, and why where that does not say itself;
    `highlights` texts with the places in them."""

    name: str
    version: str
    resource: str | None
    title: str
    description: str
    score: float
    types: Sequence[str]
    date: str
    deprecated: str | None
    keywords: Sequence[str]
    publishers: Sequence[str]
    matched: Sequence[Mapping[str, Any]]
    highlights: Sequence[Mapping[str, Any]]


class Found(NamedTuple):
    """The answer to a query: how many there are in all, those asked for, facets, and other words."""

    total: int
    hits: Sequence[Result]
    facets: Mapping[str, Sequence[tuple[str, int]]]
    suggestion: str | None = None


def explained(query: Query, page: HitsPage) -> Found:
    marks = _Marks(query.clauses) if query.has_words else None
    return Found(page.total, [_result(query, hit, marks) for hit in page.hits], page.facets)


def _result(query: Query, hit: Hit, marks: "_Marks | None") -> Result:
    found = unpack(hit.shown)
    shown = found.value
    highlights = list(islice(_highlights(shown, marks), MOST_HIGHLIGHTS)) if marks else []
    matched = [*_near(query, hit), *_matched_words(highlights), *_matched_tags(query, found)]
    return Result(
        hit.package,
        hit.version,
        hit.resource,
        shown["title"],
        shown["description"],
        hit.score,
        list(dict.fromkeys(iri or written for written, iri in shown["types"])),
        shown["date"],
        shown["deprecated"],
        shown["keywords"],
        shown["publishers"],
        matched[:MOST_MATCHED],
        highlights,
    )


def _near(query: Query, hit: Hit) -> list[dict[str, str]]:
    """What was meant has no place in a text."""
    because = f"what it says is near to that (cosine {hit.score:.2f})"
    return [{"path": "like", "value": query.like, "because": because}] if query.like else []


# -- words
class _Marks:
    """Finds the terms of a query in texts as they were written."""

    def __init__(self, clauses: Sequence[Clause]) -> None:
        pieces = [piece for clause in clauses if not clause.negative for piece in clause.any]
        self._terms = {term for piece in pieces for term in piece.terms}
        self._beginnings = tuple(piece.terms[-1] for piece in pieces if piece.prefix)
        self._begun = sorted({term.rstrip("i") or term for term in self._terms})
        runs = {_run(piece.terms) for piece in pieces if tokens.is_unspaced(piece.terms[0])}
        self._runs = re.compile("|".join(map(re.escape, sorted(runs)))) if runs else None

    def may_be_in(self, texts: Sequence[str]) -> bool:
        """Whether to look at each of these. Most have nothing, and that is found out of all together."""
        together = "\n".join(texts)
        return not together.isascii() or any(map(together.lower().__contains__, self._begun))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        if self._runs is not None:
            yield from (found.span() for found in self._runs.finditer(text))
        for start, end in self._nearby(text):
            for token in tokens.tokens(text[start:end]):
                if self._is_meant(token):
                    yield start + token.start, start + token.end

    def _nearby(self, text: str) -> list[tuple[int, int]]:
        """Parts of a text in which a term may be."""
        if not text.isascii():
            return [(0, len(text))]
        lowered = text.lower()
        if not any(term in lowered for term in self._begun):
            return []
        return sorted({span for term in self._begun for span in _words_with(term, lowered)})

    def _is_meant(self, token: tokens.TextToken) -> bool:
        if tokens.is_unspaced(token.parts[0]):
            return False
        names = (*token.parts, *((token.whole,) if token.whole else ()))
        return any(
            tokens.stem(name) in self._terms or name in self._terms or name.startswith(self._beginnings)
            for name in names
        )


def _words_with(term: str, text: str) -> Iterator[tuple[int, int]]:
    """Where the words of a text are in which a term occurs: letters, digits and `_` around it."""
    end = 0
    while (place := text.find(term, end)) >= 0:
        start = place
        while start > end and _is_of_word(text[start - 1]):
            start -= 1
        found = _WORD.match(text, place)
        end = found.end() if found else place + 1
        yield start, end


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _run(terms: Sequence[str]) -> str:
    """The text that pairs of neighbours were made from."""
    return "".join(term[0] for term in terms[:-1]) + terms[-1]


def _highlights(shown: Mapping[str, Any], marks: _Marks) -> Iterator[dict[str, Any]]:
    for column in COLUMNS:
        texts = shown["columns"][column]
        for text in texts if marks.may_be_in(texts) else ():
            places = sorted(set(islice(marks.places(text), _MOST_MARKS)))
            if places:
                yield _fragment(column, text, places)
                if column in ("title", "description", "texts"):
                    break


def _fragment(column: str, text: str, places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """A part of the text, cut at blanks, around the first place."""
    start = 0
    if len(text) > FRAGMENT and places[0][0] > _AROUND:
        start = text.find(" ", places[0][0] - _AROUND, places[0][0]) + 1 or places[0][0]
    end = min(len(text), start + FRAGMENT)
    if end < len(text):
        end = max(text.rfind(" ", start, end), places[0][1])
    marks = [[first - start, last - start] for first, last in places if start <= first and last <= end]
    return {"path": column, "text": text[start:end], "marks": marks}


def _matched_words(highlights: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for one in highlights:
        for value in dict.fromkeys(one["text"][first:last] for first, last in one["marks"]):
            yield {"path": one["path"], "value": value}


# -- tags
def _matched_tags(query: Query, found: Shown) -> Iterator[dict[str, str]]:
    shown = {**found.value, **found.by_tag} if query.tags else {}
    for wanted in query.tags:
        kinds = {one.partition(":")[0] for one in wanted}
        yield from islice(_of_kinds(kinds, frozenset(wanted), shown), 3)


def _of_kinds(kinds: set[str], wanted: frozenset[str], shown: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if "type" in kinds:
        yield from _types(wanted, shown)
    if "where" in kinds:
        pairs = ((path, value) for path, value in shown["pairs"] if tag("where", f"{path}:{value}") in wanted)
        yield from ({"path": path, "value": value} for path, value in pairs)
    if "about" in kinds:
        known = (iri for iri in shown["about"] if tag("about", iri_key(iri)) in wanted)
        yield from ({"path": _path_of(iri, shown), "value": iri} for iri in known)
    for kind in sorted(kinds & set(shown["facets"]) - {"type"}):
        values = (value for value in shown["facets"][kind] if tag(kind, value) in wanted)
        yield from ({"path": kind, "value": value} for value in values)


def _types(wanted: frozenset[str], shown: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for written, iri in shown["types"]:
        names = [
            name for name in (written, iri, re.split(r"[/#:]", (iri or written).rstrip("/#"))[-1]) if name
        ]
        if any(tag("type", name) in wanted for name in names):
            yield {"path": "@type", "value": written}
            continue
        own = class_of(iri or written)
        above = next((name for name in ancestors(own) if tag("class", name) in wanted), None) if own else None
        if above:
            yield {"path": "@type", "value": written, "because": f"{own} is a kind of {above} (schema.org)"}


def _path_of(iri: str, shown: Mapping[str, Any]) -> str:
    return next((path for path, value in shown["pairs"] if value == iri), "@id")
