"""A document while a transaction works on it: loaded with its tree, changed in memory, saved once.

Owns the row of `docs`: which columns follow from the tree (winner, leafs, size) and that the row
moves to a new sequence with every change. Whether an edit is allowed is `edits`'.
"""

from collections.abc import Sequence
from typing import Any

import apsw

from couchreg.docstore.base import Attachment
from couchreg.docstore.sqlite import bodies
from couchreg.docstore.sqlite.bodies import Body, pack_revs
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.sql import query, query_each, query_in
from couchreg.model.revtree import Node, RevTree

_LOAD = "SELECT id, seq, deleted, size, tree FROM docs WHERE id = ?"
_LOAD_ALL = "SELECT d.id, d.seq, d.deleted, d.size, d.tree FROM json_each(?) j JOIN docs d ON d.id = j.value"
_INSERT = "INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_MOVE = (
    "UPDATE docs SET seq = ?, id = ?, rev = ?, deleted = ?, body = ?, size = ?, leafs = ?, tree = ?"
    " WHERE seq = ?"
)


class Doc:
    """`seq` is 0 for a document never heard of; `live` is None for it, else whether the winner lives."""

    __slots__ = ("added", "changed", "freed", "id", "live", "seq", "size", "stored", "tree")

    def __init__(self, doc_id: str, seq: int, live: bool | None, size: int, tree: RevTree) -> None:
        self.id = doc_id
        self.seq = seq
        self.stored = live  # as the tables have it
        self.live = live
        self.size = size
        self.tree = tree
        self.added: list[Body] = []
        self.freed: list[int] = []
        self.changed = False

    def add(self, num: int, members: bytes, atts: tuple[Attachment, ...]) -> None:
        self.added.append(Body(num, members, atts))
        self.changed = True

    def judge(self) -> None:
        """Whether the document lives, after a change of the tree."""
        self.live = self.tree.lives

    def attachments(self, conn: apsw.Connection, num: int) -> tuple[Attachment, ...]:
        for body in self.added:
            if body.num == num:
                return body.atts
        return bodies.attachments(conn, num)


def load(conn: apsw.Connection, doc_id: str) -> Doc:
    return load_all(conn, [doc_id])[0]


def load_all(conn: apsw.Connection, ids: Sequence[str]) -> list[Doc]:
    """Documents in the order of their ids, also those never heard of."""
    rows = query(conn, _LOAD, ids) if len(ids) == 1 else query_in(conn, _LOAD_ALL, ids)
    known = {row[0]: row for row in rows}
    return [_loaded(doc_id, known.get(doc_id)) for doc_id in ids]


def _loaded(doc_id: str, row: Any) -> Doc:
    if row is None:
        return Doc(doc_id, 0, None, 0, RevTree())
    _, seq, deleted, size, tree = row
    return Doc(doc_id, seq, not deleted, size, RevTree.decode(tree))


def save(conn: apsw.Connection, counters: Counters, docs: Sequence[Doc]) -> None:
    """Write what changed, each document under a sequence of its own, in this order."""
    changed = [doc for doc in docs if doc.changed]
    added = [body for doc in changed for body in doc.added]
    if added:
        bodies.insert(conn, added)
        counters.stored += sum([len(body.members) for body in added])
    fresh, moved = [], []
    for doc in changed:
        row = _row(conn, counters, doc)
        if doc.seq:
            moved.append((*row, doc.seq))
        else:
            fresh.append(row)
    if fresh:
        query_each(conn, _INSERT, fresh)
    if moved:
        query_each(conn, _MOVE, moved)


def _row(conn: apsw.Connection, counters: Counters, doc: Doc) -> tuple[object, ...]:
    leafs = doc.tree.leafs()
    winner = leafs[0]
    size = _size(conn, doc, leafs)
    if doc.freed:
        counters.stored -= bodies.remove(conn, doc.freed)
    counters.update_seq += 1
    counters.live += size - doc.size
    counters.count(doc.stored, not winner.deleted)
    revs = pack_revs([leaf.rev for leaf in leafs]) if len(leafs) > 1 else None
    return (
        counters.update_seq,
        doc.id,
        winner.rev,
        int(winner.deleted),
        winner.body,
        size,
        revs,
        doc.tree.encode(),
    )


def _size(conn: apsw.Connection, doc: Doc, leafs: Sequence[Node]) -> int:
    """Bytes of the leafs, with their attachments; those of this transaction are still at hand."""
    if len(leafs) == 1 and doc.added and doc.added[-1].num == leafs[0].body:
        added = doc.added[-1]
        return len(added.members) + bodies.attached(added.atts) if added.atts else len(added.members)
    return bodies.size(conn, [leaf.body for leaf in leafs if leaf.body is not None])


def forget(conn: apsw.Connection, counters: Counters, doc: Doc) -> None:
    """Remove a document altogether, as if never heard of; the sequence moves on all the same."""
    query(conn, "DELETE FROM docs WHERE seq = ?", (doc.seq,))
    counters.stored -= bodies.remove(conn, doc.freed)
    counters.live -= doc.size
    counters.count(doc.stored, None)
    counters.update_seq += 1
