"""Regular expressions without what makes matching long: a value is read once, whatever the expression. Pure.

Engines that try one way after another, as `regex` does, need twice the time for each further character where
the ways are many, as in `([a-z]+ ?)*`. Here all ways are gone together. It is slower for expressions that are
harmless, so it is asked only about those that are not.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import regex

MOST_STATES = 20_000
_REMEMBERED = 500_000  # states of all steps together
_REPEATED = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_START, _END = "^", r"\Z"

States = frozenset[int]


class TooManyStates(Exception):
    """The expression has more states than are followed here, or is none that is known here."""


class _State(NamedTuple):
    """A character that is read and the state that follows it; without one, the states that are reached at
    once, or only at a place (`^`, `\\Z`)."""

    reads: str | None
    following: tuple[int, ...]
    place: str | None = None


class Automaton:
    """An expression in pieces: atoms, each for one character, in `regex`'s words (V1), and marks.

    Raises TooManyStates.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._states: list[_State] = [_State(None, ())]  # the first is the end
        try:
            self._first = self._add(_parsed(iter(pieces)), 0)
        except (RecursionError, ValueError, IndexError) as error:
            raise TooManyStates from error
        self._atoms: dict[str, Callable[[str], Any]] = {
            state.reads: regex.compile(state.reads, regex.V1).fullmatch
            for state in self._states
            if state.reads is not None
        }
        self._steps: dict[tuple[States, str], States] = {}
        self._size = 0  # of all that is remembered

    def matches(self, value: str) -> bool:
        """Whether the whole value is one of the expression."""
        states: States = frozenset((self._first,))
        for place, char in enumerate(value):
            around = self._reached(states, _START) if place == 0 else states
            states = self._after(around, char)
            if not states:
                return False
        return 0 in self._reached(states, *([_END] if value else [_START, _END]))

    def _after(self, states: States, char: str) -> States:
        key = (states, char)
        if key not in self._steps:
            if self._size > _REMEMBERED:
                self._steps.clear()
                self._size = 0
            self._size += len(states) + 1
            known = {atom: match(char) is not None for atom, match in self._atoms.items()}
            there = (self._states[number] for number in self._reached(states))
            self._steps[key] = frozenset(
                state.following[0] for state in there if state.reads is not None and known[state.reads]
            )
        return self._steps[key]

    def _reached(self, states: States, *places: str) -> States:
        """These states, and those that are reached from them without a character."""
        found, waiting = set(states), list(states)
        while waiting:
            state = self._states[waiting.pop()]
            if state.reads is None and (state.place is None or state.place in places):
                new = set(state.following) - found
                found |= new
                waiting += new
        return frozenset(found)

    def _add(self, node: Any, then: int) -> int:
        """The state in which a part of the expression begins that leads to `then`."""
        kind, *parts = node
        if kind == "all":
            for part in reversed(parts):
                then = self._add(part, then)
            return then
        if kind == "one":
            return self._new(_State(None, tuple(self._add(part, then) for part in parts)))
        if kind == "place":
            return self._new(_State(None, (then,), parts[0]))
        if kind == "atom":
            return self._new(_State(parts[0], (then,)))
        part, least, most = parts
        if most is None:
            again = self._new(_State(None, ()))
            self._states[again] = _State(None, (self._add(part, again), then))
            then = again
        for _ in range((most or least) - least):
            then = self._new(_State(None, (self._add(part, then), then)))
        for _ in range(least):
            then = self._add(part, then)
        return then

    def _new(self, state: _State) -> int:
        if len(self._states) >= MOST_STATES:
            raise TooManyStates
        self._states.append(state)
        return len(self._states) - 1


def _parsed(pieces: Iterator[str], *, inside: bool = False) -> Any:
    """``("one", ways…)``, each ``("all", parts…)``, to the end of a group or of all. Raises ValueError."""
    ways: list[list[Any]] = [[]]
    for piece in pieces:
        if piece == ")":
            if not inside:
                raise ValueError(piece)
            break
        if piece == "|":
            ways.append([])
        elif piece == "(":
            ways[-1].append(_parsed(pieces, inside=True))
        elif piece in (_START, _END):
            ways[-1].append(("place", piece))
        elif piece in _REPEATED or (piece[0] == "{" and len(piece) > 1):
            ways[-1].append(("repeated", ways[-1].pop(), *_bounds(piece)))
        else:
            ways[-1].append(("atom", piece))
    return ("one", *(("all", *way) for way in ways))


def _bounds(piece: str) -> tuple[int, int | None]:
    if piece in _REPEATED:
        return _REPEATED[piece]
    least, comma, most = piece[1:-1].partition(",")
    return int(least), int(most) if most else None if comma else int(least)
