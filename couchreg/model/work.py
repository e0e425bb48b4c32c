"""How much work a question may be, counted in steps where it is done.

Selectors and the like come from strangers and meet documents of strangers: what the two cost together shows
only when they meet. So whatever goes through a list spends a step for each entry.
"""

from typing import Any, Final

from couchreg.errors import BadRequest

STEPS: Final = 50_000  # for one document: some tens of milliseconds
REGEX_SECONDS: Final = 0.02  # that the expressions of a selector may take for one document
TRIES: Final = 5  # documents for which they took longer; then they are not tried again


class TooMuchWork(BadRequest):
    """A question that would keep everybody else waiting."""


class Work:
    """What is left for one document; `renew` before each."""

    __slots__ = ("_left", "_seconds", "_steps", "_tries")

    def __init__(self, steps: int = STEPS) -> None:
        self._left = self._steps = steps
        self._seconds = REGEX_SECONDS
        self._tries = TRIES

    def renew(self) -> None:
        if self._seconds <= 0:
            self._tries -= 1
        self._left, self._seconds = self._steps, REGEX_SECONDS

    def spend(self, steps: int = 1) -> None:
        """Raises TooMuchWork."""
        self._left -= steps
        if self._left < 0:
            raise TooMuchWork("The selector is too much work for one of the documents: ask for less at once.")

    @property
    def seconds(self) -> float:
        """What an expression may take now; 0: it is not tried."""
        return max(0.0, self._seconds) if self._tries > 0 else 0.0

    def took(self, seconds: float) -> None:
        self._seconds -= seconds


def size(value: Any, enough: int | None = None) -> int:
    """How many values a JSON value consists of; counted no further than to `enough` of them."""
    todo = [value]
    for inner in todo:  # grows while it is read: any depth, no recursion
        if enough is not None and len(todo) >= enough:
            return enough
        if type(inner) is dict:
            todo += inner.values()
        elif type(inner) is list:
            todo += inner
    return len(todo)
