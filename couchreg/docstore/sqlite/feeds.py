"""Reads that can be long, cut into steps: each is one short query that begins where the last ended.

No read transaction stays open between steps, so a slow reader keeps neither the write-ahead log from
being reset nor the event loop from its other work. Every function here is one step.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import apsw

from couchreg.docstore.base import Change, LocalDocument, Range, Row
from couchreg.docstore.sqlite.records import as_row, unpack_atts, unpack_revs
from couchreg.docstore.sqlite.sql import query, query_each

ROWS: Final = 1000  # of a step without bodies: about a millisecond
BODIES: Final = 250  # of a step with bodies
STRIDE: Final = 20_000  # rows that a step passes over without reading them

# Indexed by whether bodies are wanted.
_ROWS: Final = (
    "SELECT d.id, d.rev FROM docs d WHERE d.deleted = 0",
    "SELECT d.id, d.rev, 0, b.members, b.atts FROM docs d JOIN bodies b ON b.num = d.body"
    " WHERE d.deleted = 0",
)
_CHANGES: Final = (
    "SELECT d.seq, d.id, d.rev, d.deleted, d.leafs FROM docs d",
    "SELECT d.seq, d.id, d.rev, d.deleted, d.leafs, b.members, b.atts"
    " FROM docs d JOIN bodies b ON b.num = d.body",
)
_LOCALS: Final = "SELECT d.id, d.n, d.members FROM locals d WHERE 1"


# -- by id
def bounds(wanted: Range, behind: str | None) -> tuple[str, list[str], str]:
    """The condition, its parameters, and the order that say which rows of `d` are in a range.

    `behind` is the last id read, for the steps after the first.
    """
    onward, back = ("<", ">") if wanted.descending else (">", "<")
    limits = [
        (onward + "=", wanted.start if behind is None else None),
        (onward, behind),
        (back + "=" if wanted.inclusive_end else back, wanted.end),
    ]
    given = [(operator, bound) for operator, bound in limits if bound is not None]
    text = "".join(f"AND d.id {operator} ? " for operator, _ in given)
    return text, [bound for _, bound in given], "d.id DESC" if wanted.descending else "d.id"


def rows(
    conn: apsw.Connection, wanted: Range, behind: str | None, *, bodies: bool, most: int
) -> list[Row]:
    """The next `most` live documents of a range (its skip and limit are the caller's)."""
    texts, values, order = bounds(wanted, behind)
    found = query(conn, f"{_ROWS[bodies]} {texts}ORDER BY {order} LIMIT ?", (*values, most))
    if bodies:
        return [as_row(*row) for row in found]
    return [Row(doc_id, rev, False, None, ()) for doc_id, rev in found]


def passed(
    conn: apsw.Connection, wanted: Range, behind: str | None, most: int
) -> tuple[int, str | None]:
    """Pass over at most `most` live documents: how many there were, and the last one's id."""
    texts, values, order = bounds(wanted, behind)
    last = "min" if wanted.descending else "max"
    inner = f"{_ROWS[False]} {texts}ORDER BY {order} LIMIT ?"
    count, at = query(conn, f"SELECT count(*), {last}(id) FROM ({inner})", (*values, most))[0]  # noqa: S608
    return count, at


# -- by sequence
def changes(
    conn: apsw.Connection, since: int, until: int, *,
    descending: bool, bodies: bool, all_leafs: bool, most: int,
) -> list[Change]:
    """The first `most` changes of (since, until], from its other end when descending."""
    order = "ORDER BY d.seq DESC" if descending else "ORDER BY d.seq"
    text = f"{_CHANGES[bodies]} WHERE d.seq > ? AND d.seq <= ? {order} LIMIT ?"
    found = query(conn, text, (since, until, most))
    return as_changes(found, bodies=bodies, all_leafs=all_leafs)


def as_changes(found: Sequence[Any], *, bodies: bool, all_leafs: bool) -> list[Change]:
    if bodies:
        return [
            Change(seq, doc_id, unpack_revs(leafs) if leafs and all_leafs else (rev,), deleted == 1, members,
                   unpack_atts(atts) if atts else ())
            for seq, doc_id, rev, deleted, leafs, members, atts in found
        ]  # fmt: skip
    return [
        Change(seq, doc_id, unpack_revs(leafs) if leafs and all_leafs else (rev,), deleted == 1, None, ())
        for seq, doc_id, rev, deleted, leafs in found
    ]


def places(conn: apsw.Connection, ids: Collection[str]) -> list[int]:
    """The sequences of some documents, in no order."""
    return [seq for (seq,) in query_each(conn, "SELECT seq FROM docs WHERE id = ?", [(i,) for i in ids])]


def changes_at(conn: apsw.Connection, seqs: Sequence[int], *, bodies: bool, all_leafs: bool) -> list[Change]:
    """The changes at these sequences; one that has moved on meanwhile is not there any more."""
    found = query_each(conn, f"{_CHANGES[bodies]} WHERE d.seq = ?", [(seq,) for seq in seqs])
    return as_changes(found, bodies=bodies, all_leafs=all_leafs)


def count_changes(conn: apsw.Connection, since: int, until: int, most: int) -> tuple[int, int | None]:
    """Pass over at most `most` changes of (since, until]: how many, and the last one's sequence."""
    count, at = query(
        conn, "SELECT count(*), max(seq) FROM (SELECT seq FROM docs WHERE seq > ? AND seq <= ?"
        " ORDER BY seq LIMIT ?)",
        (since, until, most),
    )[0]
    return count, at


# -- local documents
def locals_(conn: apsw.Connection, wanted: Range, behind: str | None, most: int) -> list[LocalDocument]:
    texts, values, order = bounds(wanted, behind)
    found = query(conn, f"{_LOCALS} {texts}ORDER BY {order} LIMIT ?", (*values, most))
    return [LocalDocument(doc_id, f"0-{n}", members) for doc_id, n, members in found]
