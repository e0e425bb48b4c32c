"""Point reads: one document, or a few by name. Short enough to run on the event loop."""

from collections.abc import Mapping, Sequence

import apsw

from couchreg.docstore.base import LocalDocument, Revision, Row
from couchreg.docstore.sqlite.bodies import as_revision, as_row
from couchreg.docstore.sqlite.sql import query, query_in
from couchreg.errors import NotFound
from couchreg.model.revline import missing_of_line
from couchreg.model.revtree import Node, RevTree

_WINNER = (
    "SELECT d.id, d.rev, d.deleted, b.members, b.atts FROM docs d JOIN bodies b ON b.num = d.body"
    " WHERE d.id = ?"
)
_EACH = "FROM json_each(?) j CROSS JOIN docs d ON d.id = j.value"
_ROWS = f"SELECT d.id, d.rev, d.deleted, NULL, NULL {_EACH}"
_WINNERS = f"SELECT d.id, d.rev, d.deleted, b.members, b.atts {_EACH} JOIN bodies b ON b.num = d.body"
_LINES = f"SELECT d.id, d.rev, d.leafs IS NULL {_EACH}"
_TREES = f"SELECT d.id, d.rev, d.leafs IS NULL, d.tree {_EACH}"
_TREE = "SELECT tree FROM docs WHERE id = ?"
_BODY = "SELECT members, atts FROM bodies WHERE num = ?"


def tree(conn: apsw.Connection, doc_id: str) -> RevTree | None:
    rows = query(conn, _TREE, (doc_id,))
    return RevTree.decode(rows[0][0]) if rows else None


def revision(conn: apsw.Connection, doc_id: str, rev: str | None) -> Revision:
    """Raises NotFound: "missing", "deleted"."""
    rows = query(conn, _WINNER, (doc_id,))
    if not rows:
        raise NotFound("missing")
    if rev is None and rows[0][2]:
        raise NotFound("deleted")
    if rev is None or rev == rows[0][1]:
        return as_revision(*rows[0])
    found = revisions(conn, doc_id, [rev])[0]
    if found is None:
        raise NotFound("missing")
    return found


def revisions(conn: apsw.Connection, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
    known = tree(conn, doc_id)
    if known is None:
        return [None] * len(revs)
    return [stored(conn, doc_id, known.find(rev)) for rev in revs]


def stored(conn: apsw.Connection, doc_id: str, node: Node | None) -> Revision | None:
    if node is None or node.body is None:
        return None
    rows = query(conn, _BODY, (node.body,))
    return as_revision(doc_id, node.rev, node.deleted, *rows[0]) if rows else None


def winners(conn: apsw.Connection, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
    rows = query_in(conn, _WINNERS if bodies else _ROWS, ids)
    found = {row[0]: as_row(*row) for row in rows}
    return [found.get(doc_id) for doc_id in ids]


Missing = tuple[list[str], list[str]]  # revisions that are not here, and what they may come from


def missing_revs(
    conn: apsw.Connection, ids: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> dict[str, Missing]:
    """Of the documents of `ids`. A replicator asks mostly for the winner itself or for an edit of it;
    neither needs the tree."""
    known = {row[0]: row for row in query_in(conn, _LINES, ids)}
    answer: dict[str, Missing] = {}
    unclear = []
    for doc_id in ids:
        revs = wanted[doc_id]
        row = known.get(doc_id)
        if row is None:
            answer[doc_id] = (list(revs), [])
        elif len(revs) == 1 and revs[0] == row[1]:
            continue
        elif len(revs) == 1 and row[2] and _is_newer(revs[0], row[1]):
            answer[doc_id] = ([revs[0]], [row[1]])
        else:
            answer[doc_id] = (list(revs), [])  # in its place, and if it is purged meanwhile
            unclear.append(doc_id)
    if unclear:
        for doc_id, winner, is_line, tree in query_in(conn, _TREES, unclear):
            answer[doc_id] = _missing(winner, is_line, tree, wanted[doc_id])
    return {doc_id: missing for doc_id, missing in answer.items() if missing[0]}


def _missing(winner: str, is_line: int, tree: bytes, revs: Sequence[str]) -> Missing:
    if is_line:
        missing, is_older = missing_of_line(tree, revs)
        return missing, [winner] if is_older else []
    known = RevTree.decode(tree)
    missing = known.missing(revs)
    return missing, known.possible_ancestors(missing) if missing else []


def _is_newer(rev: str, than: str) -> bool:
    """Whether its generation is higher."""
    return int(rev[: rev.index("-", 1)]) > int(than[: than.index("-", 1)])


def local(conn: apsw.Connection, doc_id: str) -> LocalDocument:
    """Raises NotFound("missing")."""
    rows = query(conn, "SELECT n, members FROM locals WHERE id = ?", (doc_id,))
    if not rows:
        raise NotFound("missing")
    return LocalDocument(doc_id, f"0-{rows[0][0]}", rows[0][1])
