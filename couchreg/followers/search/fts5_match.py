"""A query in the words of SQLite: the text of an FTS5 MATCH, and the conditions on tags and numbers.

Texts of MATCH are made of terms, which have letters, marks and digits only and stand in quotes; everything
else is a bound parameter.
"""

import json
from collections.abc import Iterable, Sequence
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
    if not clause.column and _is_one_term(clause.any):  # one walk instead of two
        return f'"{clause.any[0].terms[0]}"'
    return "(" + " OR ".join(_piece(piece, clause.column) for piece in clause.any) + ")"


def _is_one_term(pieces: Sequence[Piece]) -> bool:
    """Whether it is a word that its stem does not differ from, in any column."""
    plain = [piece for piece in pieces if not piece.prefix]
    terms = {piece.terms for piece in plain}
    return (
        len(pieces) == len(plain) == 2
        and len(terms) == 1
        and plain[0].exact != plain[1].exact
        and (len(plain[0].terms) == 1)
    )


def _piece(piece: Piece, column: str) -> str:
    where = column or ("words" if piece.exact else f"{{{_ALL}}}")
    return f'{where} : "{" ".join(piece.terms)}"{" *" if piece.prefix else ""}'


def table(query: Query) -> str:
    return "package_words" if query.kind == PACKAGES else "resource_words"


class ItemWalk(NamedTuple):
    """Which rows SQLite goes through, in the order of the tables of `source`, and what has to hold of them.
    `place` is the number of an item in them."""

    source: str
    place: str
    where: str
    values: tuple[Any, ...]


def by_match(query: Query, *, with_items: bool) -> ItemWalk:
    """Through what matches the words, else the tags, else through all items. The table `item` is joined
    where something has to hold of it, or `with_items`."""
    found = _conditions(query)
    if query.has_words:
        driver, matched = table(query), match(query.clauses)
        excluded = against(query.clauses)
        matched = f"({matched}) NOT ({excluded})" if excluded else matched
        found = [*_tagged(query), *found]
    elif query.tags:
        driver, matched = _tag_table(query), _all_tags(query)
    else:
        return by_item(query)
    with_items = with_items or bool(found)
    # CROSS, so that no order makes SQLite ask for the match of each item by itself.
    source = f"{driver} CROSS JOIN item ON item.id = {driver}.rowid" if with_items else driver
    return _walk(source, f"{driver}.rowid", [Condition(f"{driver} MATCH ?", (matched,)), *found])


def by_item(query: Query) -> ItemWalk:
    """Through all items, in whatever order they lie, of a query without words."""
    kind = Condition("item.kind = ?", (int(query.kind != PACKAGES),))
    return _walk("item", "item.rowid", [kind, *_tagged(query), *_conditions(query)])


def _walk(source: str, place: str, found: Iterable[Condition]) -> ItemWalk:
    listed = list(found)
    values = tuple(value for one in listed for value in one.values)
    return ItemWalk(source, place, " AND ".join(one.sql for one in listed), values)


def _tagged(query: Query) -> list[Condition]:
    if not query.tags:
        return []
    kind = _tag_table(query)
    return [Condition(f"item.id IN (SELECT rowid FROM {kind} WHERE {kind} MATCH ?)", (_all_tags(query),))]  # noqa: S608


def _conditions(query: Query) -> list[Condition]:
    """What has to hold of `item` besides the words and the tags."""
    found = []
    if query.barred:
        kind = _tag_table(query)
        sql = f"item.id NOT IN (SELECT rowid FROM {kind} WHERE {kind} MATCH ?)"  # noqa: S608
        found.append(Condition(sql, (_any(query.barred),)))
    excluded = against(query.clauses)
    if excluded and not query.has_words:
        name = table(query)
        sql = f"item.id NOT IN (SELECT rowid FROM {name} WHERE {name} MATCH ?)"  # noqa: S608
        found.append(Condition(sql, (excluded,)))
    if query.packages is not None:
        listed = json.dumps(sorted(query.packages))
        found.append(Condition("item.package IN (SELECT value FROM json_each(?))", (listed,)))
    if query.without:
        listed = json.dumps(sorted(query.without))
        found.append(Condition("item.package NOT IN (SELECT value FROM json_each(?))", (listed,)))
    if query.period:
        begin, end = query.period
        found.append(Condition("item.first_day <= ? AND item.last_day >= ?", (end, begin)))
    if query.box:
        west, south, east, north = query.box
        sql = "item.west <= ? AND item.east >= ? AND item.south <= ? AND item.north >= ?"
        found.append(Condition(sql, (east, west, north, south)))
    return found


def _tag_table(query: Query) -> str:
    return "package_tags" if query.kind == PACKAGES else "resource_tags"


def _all_tags(query: Query) -> str:
    return " AND ".join(map(_any, query.tags))


def _any(tags: Iterable[str]) -> str:
    return "(" + " OR ".join(f'"{term_of(tag)}"' for tag in tags) + ")"
