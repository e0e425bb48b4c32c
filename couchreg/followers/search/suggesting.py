"""Did you mean: in place of words that nothing has, the nearest that something has."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from couchreg.followers.search.query import Clause, Query

SHORTEST: Final = 4  # letters of a word that is looked at
_FARTHEST = 2  # letters that may be wrong


class KnownWords(Protocol):
    def known(self, term: str) -> bool: ...

    def is_word(self, term: str) -> bool: ...

    def neighbours(self, term: str) -> Sequence[tuple[str, int]]: ...


def suggestion(query: Query, index: KnownWords) -> str | None:
    """The words of the query with those replaced that nothing has, None where there is nothing better."""
    words: list[str] = []
    is_better = False
    for clause in query.clauses:
        if clause.negative or not clause.any:
            continue
        word = clause.word or " ".join(clause.any[0].terms)
        better = _better(clause, index) if clause.word else None
        is_better = is_better or better is not None
        words.append(better or word)
    return " ".join(words) if is_better else None


def _better(clause: Clause, index: KnownWords) -> str | None:
    word = clause.word
    if len(word) < SHORTEST or any(index.known(piece.terms[-1]) for piece in clause.any):
        return None
    return next(filter(index.is_word, nearest(word, index.neighbours(word))), None)


def nearest(word: str, terms: Iterable[tuple[str, int]]) -> list[str]:
    """The terms that are near: those with the fewest letters wrong first, of equals the most frequent."""
    allowed = 1 if len(word) < 6 else _FARTHEST
    found = [
        (apart(word, term), -count, term) for term, count in terms if abs(len(term) - len(word)) <= allowed
    ]
    return [term for wrong, _, term in sorted(found) if 0 < wrong <= allowed]


def apart(one: str, other: str) -> int:
    """How many letters have to be changed, added, removed or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        following = [place]
        for column, wanted in enumerate(other, 1):
            cost = min(row[column] + 1, following[-1] + 1, row[column - 1] + (letter != wanted))
            if before and column > 1 and letter == other[column - 2] and one[place - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1]
