"""What is found out of a SPARQL query before anything reads it: whether it reaches out, and whether it says
which graphs it asks. Pure.

A query is cut into tokens as its grammar has them, so that a word in an IRI, a text, a comment or a name is
none of its own; where a reader of SPARQL might see a word of its own, one is seen here.
Source: https://www.w3.org/TR/sparql11-query/#sparqlGrammar.
"""

import re
from collections.abc import Iterator
from typing import Final

from couchreg.errors import BadStatement

LONGEST: Final = 64 << 10  # bytes of a query
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_TOKEN: Final = re.compile(
    r"""
      (?P<passed><[^<>"{}|^`\\\x00-\x20]*>
        | \#[^\n\r]*
        | [?$]\w+
        | @[A-Za-z]+(?:-[A-Za-z0-9]+)*
        | :(?:[\w:-]|%[0-9A-Fa-f]{2}|\\[^\w\s])*)
    | (?P<long>'{3}|"{3})
    | (?P<short>'(?:[^'\\\n\r]|\\[^\n\r])*'|"(?:[^"\\\n\r]|\\[^\n\r])*")
    | (?P<word>\w+)
    """,
    re.VERBOSE,
)


def words(query: str) -> Iterator[str]:
    """The words of a query that are neither names, variables, texts nor comments, in capitals."""
    text = _ESCAPE.sub(_character, query)
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            place += 1
        elif found["long"]:
            place = _behind(text, found.end(), found["long"])
        else:
            place = found.end()
            if found["word"]:
                yield found["word"].upper()


def _character(found: re.Match[str]) -> str:
    number = int(found[1] or found[2], 16)
    return chr(number) if number < 0x110000 else ""


def _behind(text: str, start: int, quotes: str) -> int:
    """The place behind a long text that begins at `start`; where it has no end it is an empty one, and
    another begins with the last of its quotes."""
    place = start
    while place < len(text):
        if text.startswith(quotes, place):
            return place + len(quotes)
        place += 2 if text[place] == "\\" else 1
    return start - 1


def checked(query: str) -> bool:
    """Whether a query names the graphs that it asks (`FROM`). Raises BadStatement for one that is too long,
    or asks another server."""
    if len(query.encode("utf-8", "surrogatepass")) > LONGEST:
        raise BadStatement(f"A query has {LONGEST >> 10} KiB at most")
    names_graphs = False
    for word in words(query):
        if "SERVICE" in word:  # `5SERVICE` is a number and a word to some readers
            raise BadStatement("SERVICE is not answered, nor is a prefix called so: no other server is asked")
        names_graphs = names_graphs or word == "FROM"
    return names_graphs
