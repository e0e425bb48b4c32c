"""Reads that can be long, cut into steps: each is one short query that begins where the last ended.

No read transaction stays open between steps, so a slow reader keeps neither the write-ahead log from
being reset nor the event loop from its other work. Every function here is one step.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from couchreg.docstore.base import Change, LocalDocument, Range, Row, Seq
from couchreg.docstore.sqlite.bodies import as_row, unpack_atts, unpack_revs
from couchreg.docstore.sqlite.sql import query, query_each, query_in, query_some

R = TypeVar("R", Change, Row)

ROWS: Final = 1000  # of a step without bodies: about a millisecond
BODIES: Final = 500  # of a step with bodies, if they are small
BYTES: Final = 1_000_000  # of the bodies of a step, and one body more at most
FEW: Final = 50  # documents looked up one by one in a step
STRIDE: Final = 20_000  # rows that a step passes over without reading them

_made: Final[Callable[[type[R], tuple[Any, ...]], R]] = tuple.__new__  # without a call of Python's for a row

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
_PLACES: Final = "SELECT d.seq FROM json_each(?) j CROSS JOIN docs d ON d.id = j.value"
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
    conn: apsw.Connection, wanted: Range, behind: str | None, *, bodies: bool, most: int | None
) -> list[Row]:
    """The next live documents of a range, a step's or `most` (skip and limit are the caller's)."""
    texts, values, order = bounds(wanted, behind)
    text = f"{_ROWS[bodies]} {texts}ORDER BY {order} LIMIT ?"
    if bodies:
        found = query_some(conn, text, (*values, _least(most, BODIES)), columns=(3, 4), most=BYTES)
        return [as_row(*row) for row in found]
    found = query(conn, text, (*values, _least(most, ROWS)))
    return [_made(Row, (doc_id, rev, False, None, ())) for doc_id, rev in found]


def _least(most: int | None, step: int) -> int:
    return step if most is None else min(most, step)


def passed(conn: apsw.Connection, wanted: Range, behind: str | None, most: int) -> tuple[int, str | None]:
    """Pass over at most `most` live documents: how many there were, and the last one's id."""
    texts, values, order = bounds(wanted, behind)
    last = "min" if wanted.descending else "max"
    inner = f"{_ROWS[False]} {texts}ORDER BY {order} LIMIT ?"
    count, at = query(conn, f"SELECT count(*), {last}(id) FROM ({inner})", (*values, most))[0]  # noqa: S608
    return count, at


# -- by sequence
class ChangesOptions(NamedTuple):
    """How changes are listed, and the life of the database that their sequences are of."""

    incarnation: str
    descending: bool
    bodies: bool
    all_leafs: bool


def changes(
    conn: apsw.Connection, since: int, until: int, options: ChangesOptions, *, most: int | None
) -> list[Change]:
    """The next changes of (since, until], a step's or `most`, from its other end when descending."""
    order = "ORDER BY d.seq DESC" if options.descending else "ORDER BY d.seq"
    text = f"{_CHANGES[options.bodies]} WHERE d.seq > ? AND d.seq <= ? {order} LIMIT ?"
    values = (since, until, _least(most, BODIES if options.bodies else ROWS))
    if options.bodies:
        return _changes(query_some(conn, text, values, columns=(5, 6), most=BYTES), options)
    return _changes(query(conn, text, values), options)


def _changes(found: Sequence[Any], options: ChangesOptions) -> list[Change]:
    all_leafs, incarnation = options.all_leafs, options.incarnation
    if options.bodies:
        return [
            _made(
                Change,
                (
                    Seq(seq, f"{seq}-{incarnation}", incarnation),
                    doc_id,
                    unpack_revs(leafs) if leafs and all_leafs else (rev,),
                    deleted == 1,
                    members,
                    unpack_atts(atts) if atts else (),
                ),
            )
            for seq, doc_id, rev, deleted, leafs, members, atts in found
        ]
    return [
        _made(
            Change,
            (
                Seq(seq, f"{seq}-{incarnation}", incarnation),
                doc_id,
                unpack_revs(leafs) if leafs and all_leafs else (rev,),
                deleted == 1,
                None,
                (),
            ),
        )
        for seq, doc_id, rev, deleted, leafs in found
    ]


def places(conn: apsw.Connection, ids: Collection[str]) -> list[int]:
    """The sequences of some documents, in no order."""
    return [seq for (seq,) in query_in(conn, _PLACES, list(ids))]


def changes_at(conn: apsw.Connection, seqs: Sequence[int], options: ChangesOptions) -> list[Change]:
    """The changes at these sequences; one that has moved on meanwhile is not there any more."""
    text = f"{_CHANGES[options.bodies]} WHERE d.seq = ?"
    return _changes(query_each(conn, text, [(seq,) for seq in seqs]), options)


def count_changes(conn: apsw.Connection, since: int, until: int, most: int) -> tuple[int, int | None]:
    """Pass over at most `most` changes of (since, until]: how many, and the last one's sequence."""
    count, at = query(
        conn,
        "SELECT count(*), max(seq) FROM (SELECT seq FROM docs WHERE seq > ? AND seq <= ?"
        " ORDER BY seq LIMIT ?)",
        (since, until, most),
    )[0]
    return count, at


# -- local documents
def local_docs(conn: apsw.Connection, wanted: Range, behind: str | None) -> list[LocalDocument]:
    texts, values, order = bounds(wanted, behind)
    text = f"{_LOCALS} {texts}ORDER BY {order} LIMIT ?"
    found = query_some(conn, text, (*values, BODIES), columns=(2,), most=BYTES)
    return [LocalDocument(doc_id, f"0-{n}", members) for doc_id, n, members in found]
