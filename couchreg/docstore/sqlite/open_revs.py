"""Certain revisions of many documents in one read: what `Database.open_revs` promises.

Most documents have one leaf, and that is the revision asked for: then one joined row is all there
is to read, and no tree is decoded.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from couchreg.docstore.base import Opened
from couchreg.docstore.sqlite.bodies import as_revision
from couchreg.docstore.sqlite.reads import stored
from couchreg.docstore.sqlite.sql import query_some
from couchreg.model.json import encode
from couchreg.model.revline import history_of_line
from couchreg.model.revtree import Node, RevTree

_OPEN = (
    "SELECT j.key, b.members, d.id, d.rev, d.deleted, d.leafs IS NULL, d.tree, b.members, b.atts"
    " FROM json_each(?) j CROSS JOIN docs d ON d.id = j.value LEFT JOIN bodies b ON b.num = d.body"
)

ENOUGH = 1 << 20  # bytes of bodies after which the rest is left for another read

WantedRevs = Sequence[tuple[str, Sequence[str] | None]]


class _Row(NamedTuple):
    id: str
    rev: str
    deleted: int
    is_line: int
    tree: bytes
    members: bytes | None
    atts: bytes | None


class OpenRevsOptions(NamedTuple):
    """`history` is the most that is shown of one, 0 for none."""

    latest: bool
    history: int


def open_revs(conn: apsw.Connection, wanted: WantedRevs, options: OpenRevsOptions) -> list[list[Opened]]:
    """Those of the first documents when the bodies are large, of one at least."""
    rows = query_some(conn, _OPEN, (encode([doc_id for doc_id, _ in wanted]),), columns=(1,), most=ENOUGH)
    if weight(row[1] for row in rows) >= ENOUGH:
        wanted = wanted[: rows[-1][0] + 1]
    found = {row[2]: _Row(*row[2:]) for row in rows}
    return [_opened(conn, found.get(doc_id), revs, options) for doc_id, revs in wanted]


def weight(bodies: Iterable[bytes | None]) -> int:
    """The bytes of bodies, for `ENOUGH`."""
    return sum(map(len, filter(None, bodies)))


def _opened(
    conn: apsw.Connection, row: _Row | None, revs: Sequence[str] | None, options: OpenRevsOptions
) -> list[Opened]:
    if row is None:
        return sorted([Opened(rev, None) for rev in dict.fromkeys(revs or ())], key=_by_generation)
    if row.is_line and row.members is not None and (revs is None or (len(revs) == 1 and revs[0] == row.rev)):
        revision = as_revision(row.id, row.rev, row.deleted, row.members, row.atts)
        return [Opened(row.rev, revision, _history(row, options))]
    return _of_tree(conn, row, revs, options)


def _history(row: _Row, options: OpenRevsOptions) -> tuple[str, ...]:
    if not options.history:
        return ()
    return tuple(history_of_line(row.tree, options.history))


def _of_tree(
    conn: apsw.Connection, row: _Row, revs: Sequence[str] | None, options: OpenRevsOptions
) -> list[Opened]:
    known = RevTree.decode(row.tree)
    found: dict[str, Opened] = {}
    missing: dict[str, Opened] = {}
    for node, rev in _asked(known, revs, options.latest):
        revision = stored(conn, row.id, node)
        if revision is None:
            missing[rev] = Opened(rev, None)
        else:
            found[rev] = Opened(rev, revision, tuple(known.history(rev)[: options.history]))
    return [*sorted(found.values(), key=_by_generation), *sorted(missing.values(), key=_by_generation)]


def _asked(known: RevTree, revs: Sequence[str] | None, latest: bool) -> list[tuple[Node | None, str]]:
    if revs is None:
        return [(leaf, leaf.rev) for leaf in known.leafs()]
    if len(revs) == 1 and not latest:
        return [(known.find(revs[0]), revs[0])]
    asked: list[tuple[Node | None, str]] = []
    with known.looked_up():
        for rev in dict.fromkeys(revs):
            leafs = known.latest(rev) if latest else []
            asked += [(leaf, leaf.rev) for leaf in leafs] or [(known.find(rev), rev)]
    return asked


def _by_generation(opened: Opened) -> tuple[int, str]:
    dash = opened.rev.index("-", 1)  # a replicated history may claim generations below zero
    return int(opened.rev[:dash]), opened.rev[dash + 1 :]
