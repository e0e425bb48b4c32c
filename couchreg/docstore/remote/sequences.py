"""Places in the changes of a database: CouchDB's text with the life of the database in it. Pure.

CouchDB says "7-g1AAA…". A client of couchreg is given "7-<life>.g1AAA…": so a place of a database that was
deleted and made again is known for what it is, before CouchDB is asked.
"""

import re
from typing import Any, Final

from couchreg.docstore.base import BEGINNING, Seq
from couchreg.errors import BadRequest, Failure

_OURS: Final = re.compile(r"([0-9]{1,18})-([0-9a-z]{1,32})\.([^\s\"]{1,4000})\Z", re.ASCII)
_ZERO: Final = re.compile(r"0{1,18}\Z")
_NUMBER: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_PAIR: Final = re.compile(r"\[[0-9]{1,18}, ?\"([^\"]{1,4000})\"\]\Z", re.ASCII)


def stamp(told: Any, life: str) -> Seq:
    """A `seq` of CouchDB's, in whatever form. Raises Failure."""
    if isinstance(told, list) and len(told) == 2:  # very old servers
        told = told[1]
    number, dash, opaque = str(told).partition("-")
    if not _NUMBER.match(number):
        raise Failure("The CouchDB behind this server gives sequences that couchreg cannot read.")
    if not int(number):
        return Seq(0, f"0-{life}.-", life)
    return Seq(int(number), f"{number}-{life}.{opaque if dash else '-'}", life)


def since(seq: Seq, life: str) -> str:
    """What CouchDB is asked with; the beginning for a place of another life."""
    if seq.incarnation != life or not seq.number:
        return "0"
    number, _, rest = seq.text.partition("-")
    opaque = rest.partition(".")[2]
    return number if opaque == "-" else f"{number}-{opaque}"


def parse(text: str, life: str) -> Seq | None:
    """A client's `since`, None for "now". Raises BadRequest.

    A bare number is passed on: a couchreg takes it, a CouchDB calls it malformed, except for 0.
    """
    text = text.strip()
    pair = _PAIR.match(text)
    if pair is not None:
        text = pair[1]
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if text == "now":
        return None
    if _ZERO.match(text):
        return BEGINNING
    if _NUMBER.match(text):
        return stamp(text, life)
    found = _OURS.match(text)
    if found is None:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    return Seq(int(found[1]), text, life) if found[2] == life else BEGINNING


class OneCopy:
    """The order of changes where there is one copy of them, as on a single node."""

    def __init__(self, life: str) -> None:
        self._life = life

    def stamp(self, told: Any) -> Seq:
        return stamp(told, self._life)

    def since(self, seq: Seq) -> str:
        return since(seq, self._life)

    def parse(self, text: str) -> Seq | None:
        return parse(text, self._life)

    async def backwards_path(self) -> str | None:
        """Where changes are read backwards, if elsewhere than usual."""
        return None
