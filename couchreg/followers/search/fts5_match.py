"""A query in the words of SQLite: the text of an FTS5 MATCH, and the conditions on tags and numbers.

Texts of MATCH are made of terms, which have letters, marks and digits only and stand in quotes; everything
else is a bound parameter.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from couchreg.followers.search.items import COLUMNS, PACKAGES
from couchreg.followers.search.query import Clause, Piece, Query

_ALL = " ".join(COLUMNS)


class Condition(NamedTuple):
    """A part of a WHERE, and its parameters."""

    sql: str
    values: tuple[Any, ...] = ()


@lru_cache(50_000)
def term_of(tag: str) -> str:
    """A tag as a term of 64 bits in hexadecimal: there are too many to keep their texts."""
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def match(clauses: Iterable[Clause]) -> str:
    """All of the clauses that are not negative."""
    return " AND ".join(_clause(clause) for clause in clauses if not clause.negative)


def against(clauses: Iterable[Clause]) -> str:
    """Any of those that are negative."""
    return " OR ".join(_clause(clause) for clause in clauses if clause.negative and clause.any)


def _clause(clause: Clause) -> str:
    return "(" + " OR ".join(_piece(piece, clause.column) for piece in clause.any) + ")"


def _piece(piece: Piece, column: str) -> str:
    where = column or ("words" if piece.exact else f"{{{_ALL}}}")
    return f'{where} : "{" ".join(piece.terms)}"{" *" if piece.prefix else ""}'


def table(query: Query) -> str:
    return "package_words" if query.kind == PACKAGES else "resource_words"


def conditions(query: Query) -> list[Condition]:
    """What has to hold of `item` besides the words."""
    found = [Condition("item.kind = ?", (int(query.kind != PACKAGES),))] if not query.has_words else []
    kind = "package_tags" if query.kind == PACKAGES else "resource_tags"
    tagged = f"item.id IN (SELECT rowid FROM {kind} WHERE {kind} MATCH ?)"  # noqa: S608
    if query.tags:
        found.append(Condition(tagged, (" AND ".join(map(_any, query.tags)),)))
    if query.barred:
        found.append(Condition(f"NOT {tagged}", (_any(query.barred),)))
    excluded = against(query.clauses)
    if excluded and not query.has_words:
        name = table(query)
        sql = f"item.id NOT IN (SELECT rowid FROM {name} WHERE {name} MATCH ?)"  # noqa: S608
        found.append(Condition(sql, (excluded,)))
    if query.packages is not None:
        listed = json.dumps(sorted(query.packages))
        found.append(Condition("item.package IN (SELECT value FROM json_each(?))", (listed,)))
    if query.period:
        begin, end = query.period
        found.append(Condition("item.first_day <= ? AND item.last_day >= ?", (end, begin)))
    if query.box:
        west, south, east, north = query.box
        sql = "item.west <= ? AND item.east >= ? AND item.south <= ? AND item.north >= ?"
        found.append(Condition(sql, (east, west, north, south)))
    return found


def _any(tags: Iterable[str]) -> str:
    return "(" + " OR ".join(f'"{term_of(tag)}"' for tag in tags) + ")"


def needs_items(query: Query) -> bool:
    """Whether words alone do not tell what is found."""
    return not query.has_words or query.sort != "score" or bool(conditions(query))
