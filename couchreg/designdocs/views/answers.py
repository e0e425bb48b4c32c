"""Reduced answers that are kept in memory, for as long as their rows stay as they are.

The same groups are asked for again and again, and most of the time nothing has changed. What is kept
is told apart by the state of the index file, so nothing has to be removed when that moves on: it is not
asked for again, and what was asked for longest ago goes first.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from couchreg.designdocs.views.reading import KeyBound, Read

LARGEST: Final = 64 << 10  # bytes of one answer, with its question
MOST: Final = 16 << 20  # bytes of all
RANGES: Final = 8  # of one question
OVERHEAD: Final = 1 << 10  # bytes that each takes besides


class IndexState(NamedTuple):
    """What the rows of an index file are: no two files have one in common."""

    file: int
    changes: int


class ReduceQuestion(NamedTuple):
    """All that an answer depends on. `reduce` is the function's digest."""

    state: IndexState
    reduce: bytes
    level: int
    reads: tuple[Read, ...]
    skip: int
    limit: int | None

    @property
    def is_small(self) -> bool:
        return len(self.reads) <= RANGES and _size(self.reads) <= LARGEST


class Answers:
    """The answers of a server."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._texts: OrderedDict[ReduceQuestion, bytes] = OrderedDict()
        self.size = 0  # bytes

    def get(self, question: ReduceQuestion) -> bytes | None:
        """The text that was put there for exactly this question."""
        text = self._texts.get(question)
        if text is not None:
            self._texts.move_to_end(question)
        return text

    def put(self, question: ReduceQuestion, text: bytes) -> None:
        """Keep a text, unless it is large."""
        size = _sized(question, text)
        if question in self._texts or size > min(LARGEST, self._most):
            return
        while self.size + size > self._most:
            self.size -= _sized(*self._texts.popitem(last=False))
        self._texts[question] = text
        self.size += size


def _sized(question: ReduceQuestion, text: bytes) -> int:
    return _size(question.reads) + len(text) + OVERHEAD


def _size(reads: Sequence[Read]) -> int:
    return sum(_length(bound) for read in reads for bound in (read.first, read.last))


def _length(bound: KeyBound | None) -> int:
    return 0 if bound is None else len(bound.sort) + 4 * len(bound.id or "")
