"""Rules of design documents (`validate_doc_update`) that are translated and run in this process.

A single small document is quicker ruled on than sent to a child. What is large, or many, and what a
translation leaves to the engine goes there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from couchreg.designdocs.javascript.failures import failure
from couchreg.designdocs.translation.functions import TranslatedRule, is_deep
from couchreg.designdocs.translation.tokens import NotTranslated
from couchreg.designdocs.translation.values import FUEL, GivesUp
from couchreg.errors import CouchregError
from couchreg.model import json

KNOWN: Final = 200  # design documents whose rules are remembered
LARGEST: Final = 64 << 10  # bytes of all that is ruled on together, and of a design document
MOST: Final = 8  # documents
SHORT: Final = 1024  # bytes of a text that is remembered
STEPS: Final = 2000  # of all of them: a few milliseconds

Compile = Callable[[str], Awaitable[None]]  # raises CouchregError for what is no function


class Rules:
    """Translated rules, made when they are asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, TranslatedRule | None] = OrderedDict()

    async def of(self, text: bytes, compile_: Compile) -> TranslatedRule | None:
        """The rule of a design document (its JSON), None where the engine has to be asked. Only what it
        compiles is translated. Raises what `compile_` does."""
        if len(text) > LARGEST:
            return None
        if text not in self._known:
            source = json.decode_own(text).get("validate_doc_update")
            found = None
            if isinstance(source, str):
                await compile_(source)
                found = await asyncio.to_thread(_translated, source)
            if len(self._known) >= KNOWN:
                self._known.popitem(last=False)
            self._known[text] = found
        self._known.move_to_end(text)
        return self._known[text]


def _translated(source: str) -> TranslatedRule | None:
    try:
        return TranslatedRule(source)
    except NotTranslated:
        return None


def are_small(cases: Sequence[Sequence[bytes]]) -> bool:
    """Whether so much may be ruled on between other things."""
    return len(cases) <= MOST and sum(len(text) for case in cases for text in case) <= LARGEST


def ruled(rule: TranslatedRule, cases: Sequence[Sequence[bytes]]) -> list[CouchregError | None] | None:
    """What a rule says to each case, as JSON: what refuses it, None where nothing does. None for all where
    one of them is left to the engine."""
    FUEL.left = STEPS
    found: list[CouchregError | None] = []
    try:
        for new, *others in cases:
            refusal = rule.refusal([_read(new), *map(_read_often, others)])
            found.append(None if refusal is None else failure(*refusal))
    except GivesUp:
        return None
    return found


def _read_often(text: bytes) -> Any:
    """What most cases have in common: no old document, the user, the security object. Rules change nothing of
    what they are given."""
    return _read_before(text) if len(text) <= SHORT else _read(text)


def _read(text: bytes) -> Any:
    """Raises GivesUp."""
    if json.takes_long(text) or is_deep(text):
        raise GivesUp
    return json.decode_own(text)


_read_before = lru_cache(256)(_read)
