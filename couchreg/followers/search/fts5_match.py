"""A query in the words of SQLite: the text of an FTS5 MATCH, and the conditions on tags and numbers.

Texts of MATCH are made of terms, which have letters, marks and digits only and stand in quotes; everything
else is a bound parameter.
"""

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
def number(tag: str) -> int:
    """A tag as an integer of 63 bits: there are too many to keep their texts."""
    return int.from_bytes(blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


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
    """What has to hold of `item` besides the words. A tag is looked up for each item that the words found;
    where there are no words, it is what finds the items."""
    found = [Condition("item.kind = ?", (int(query.kind != PACKAGES),))] if not query.has_words else []
    for tags in query.tags:
        marks, numbers = ", ".join("?" * len(tags)), tuple(map(number, tags))
        if query.has_words:
            sql = f"EXISTS (SELECT 1 FROM tag WHERE tag IN ({marks}) AND tag.item = item.id)"  # noqa: S608
        else:
            sql = f"item.id IN (SELECT item FROM tag WHERE tag IN ({marks}))"  # noqa: S608
        found.append(Condition(sql, numbers))
    for tag in query.barred:
        sql = "NOT EXISTS (SELECT 1 FROM tag WHERE tag = ? AND tag.item = item.id)"
        found.append(Condition(sql, (number(tag),)))
    excluded = against(query.clauses)
    if excluded and not query.has_words:
        name = table(query)
        sql = f"item.id NOT IN (SELECT rowid FROM {name} WHERE {name} MATCH ?)"  # noqa: S608
        found.append(Condition(sql, (excluded,)))
    if query.period:
        begin, end = query.period
        found.append(Condition("item.first_day <= ? AND item.last_day >= ?", (end, begin)))
    if query.box:
        west, south, east, north = query.box
        sql = "item.west <= ? AND item.east >= ? AND item.south <= ? AND item.north >= ?"
        found.append(Condition(sql, (east, west, north, south)))
    return found


def needs_items(query: Query) -> bool:
    """Whether words alone do not tell what is found."""
    return not query.has_words or query.sort != "score" or bool(conditions(query))
