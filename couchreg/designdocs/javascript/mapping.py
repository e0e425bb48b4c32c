"""The maps of an index over a batch of documents, as translated functions: in a child, beside the engine.

All maps of an index are translated or none: one that the engine runs could change the world for the others.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from couchreg.designdocs.translation.functions import TranslatedMap, is_deep
from couchreg.designdocs.translation.tokens import NotTranslated
from couchreg.designdocs.translation.values import FUEL, GivesUp
from couchreg.model import json as values

STEPS: Final = 20_000  # of one document
STEPS_OF_ALL: Final = 500_000  # of up to 99 documents, and as many more for each further hundred
HUNDRED: Final = 100
LARGE: Final = 256 << 10  # bytes of a document that is left to the engine

Pairs = list[tuple[Any, Any]]


class Mapping:
    """Translated maps, which read of each document what they need."""

    def __init__(self, maps: Sequence[TranslatedMap]) -> None:
        self._maps = maps
        members: frozenset[str] | None = frozenset()
        for one in maps:
            members = None if members is None or one.members is None else members | one.members
        self._read = values.decode_own if members is None else values.reader(members)

    def pairs(self, docs: Sequence[bytes]) -> list[list[Pairs] | None]:
        """What each map emits for each document; None for those that are left to the engine."""
        left = STEPS_OF_ALL * (1 + len(docs) // HUNDRED)
        found: list[list[Pairs] | None] = []
        read, maps = self._read, [one.pairs for one in self._maps]
        for text in docs:
            if left <= 0 or len(text) > LARGE or is_deep(text):
                found.append(None)
                continue
            FUEL.left = steps = STEPS if left > STEPS else left
            try:
                doc = read(text)
                found.append([pairs(doc) for pairs in maps])
            except GivesUp:
                found.append(None)
            left -= steps - FUEL.left
        return found


def mapping(sources: bytes) -> Mapping | None:
    """Of a JSON list of sources, all of which are functions; None where one of them is not translated."""
    try:
        return Mapping([TranslatedMap(source) for source in json.loads(sources)])
    except NotTranslated:
        return None
