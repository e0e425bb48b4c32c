"""Sequences as clients see them: `"<number>-<incarnation>"`.

The incarnation names this life of the database, so that a sequence taken from one deleted and made
again under the same name starts from 0 rather than skipping what is new.
"""

import re
from typing import Final

from couchreg.docstore.base import Seq
from couchreg.errors import BadRequest

_STAMP: Final = re.compile(r"(?P<number>\d{1,18})(?:-(?P<incarnation>[^\s\"]+))?", re.ASCII)
_PAIR: Final = re.compile(r"\[\s*(?P<number>\d+)\s*,\s*\"(?P<opaque>[^\"]*)\"\s*\]", re.ASCII)


def stamp(number: int, incarnation: str) -> Seq:
    return Seq(number, f"{number}-{incarnation}", incarnation)


def number_of(seq: Seq, incarnation: str) -> int:
    """Its number, if it is of this life of the database."""
    return seq.number if seq.incarnation == incarnation else 0


def parse(since: str, incarnation: str, now: int) -> int:
    """The number behind a client's `since`. Raises BadRequest for what is no sequence.

    Besides a stamp and a bare number: "now", any of them as JSON text, and the pair
    `[number, "opaque"]` of old clients.
    """
    text = since.strip()
    pair = _PAIR.fullmatch(text)
    if pair is not None:
        text = pair["opaque"] if _STAMP.fullmatch(pair["opaque"]) else pair["number"]
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if text == "now":
        return now
    match = _STAMP.fullmatch(text)
    if match is None:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    if match["incarnation"] not in (None, incarnation):
        return 0
    return int(match["number"])
