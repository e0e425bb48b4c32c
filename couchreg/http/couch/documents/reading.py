"""Finding what a document request asks for: one revision with what is known about it, or many.

Between the query string and the store; knows nothing of bodies, boundaries and status codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from couchreg.docstore.base import BEGINNING, Database, Opened, Revision
from couchreg.errors import NotFound
from couchreg.http.couch.documents.document_query import NEEDS_TREE, PLAIN, DocumentQuery, is_utf8
from couchreg.model.revtree import Node, RevTree
from couchreg.wire import documents


@dataclass(slots=True)
class FoundDocument:
    """A revision to be shown, with the extra members that were asked for."""

    revision: Revision
    history: Sequence[str] = ()
    extras: bytes = b""
    has_meta: bool = False  # then CouchDB sends no ETag, for these members can change without the revision

    @property
    def is_large(self) -> bool:
        return len(self.revision.members) > documents.LARGE

    @property
    def front(self) -> list[bytes]:
        """What comes before `head` where the document is large."""
        return self._opened[0]

    @property
    def head(self) -> bytes:
        return self._opened[1] + self.extras

    @property
    def _opened(self) -> tuple[list[bytes], bytes]:
        revision = self.revision
        return documents.opened(revision.id, revision.rev, revision.deleted, revision.members)


async def find(db: Database, doc_id: str, query: DocumentQuery) -> FoundDocument:
    """The revision of `rev`, else the winner. Raises NotFound."""
    if not is_utf8(doc_id):
        raise NotFound("missing")
    if query is PLAIN:
        return FoundDocument(await db.revision(doc_id))
    rev = None if "latest" in query.flags else query.rev
    if rev is not None:
        return await _find_revision(db, doc_id, rev, query)
    if not query.flags & NEEDS_TREE and not query.wants_history and "deleted" not in query.flags:
        return FoundDocument(await db.revision(doc_id))
    return await _find_winner(db, doc_id, query)


async def _find_revision(db: Database, doc_id: str, rev: str, query: DocumentQuery) -> FoundDocument:
    if not query.wants_history:
        return FoundDocument(await db.revision(doc_id, rev))
    [[opened]] = await db.open_revs([(doc_id, [rev])], histories=True)
    if opened.revision is None:
        raise NotFound("missing")
    return shown(opened.revision, opened.history, query)


def shown(revision: Revision, history: Sequence[str], query: DocumentQuery) -> FoundDocument:
    """A revision with its `_revisions`, where they are wanted."""
    extras = documents.revisions_member(history) if "revs" in query.flags else b""
    return FoundDocument(revision, history, extras)


async def _find_winner(db: Database, doc_id: str, query: DocumentQuery) -> FoundDocument:
    tree = await db.tree(doc_id)
    if tree is None:
        raise NotFound("missing")
    winner = tree.winner()
    if winner.deleted and "deleted" not in query.flags:
        raise NotFound("deleted")
    found = await _find_revision(db, doc_id, winner.rev, query)
    meta = _meta(tree, winner, query)
    if "local_seq" in query.flags:
        meta += documents.local_seq_member(await _local_seq(db, doc_id))
    found.extras += meta
    found.has_meta = bool(meta)
    return found


def _meta(tree: RevTree, winner: Node, query: DocumentQuery) -> bytes:
    meta = b""
    if "revs_info" in query.flags:
        meta += documents.revs_info_member((node.rev, _status(node)) for node in tree.nodes_of(winner.rev))
    if "conflicts" in query.flags or "deleted_conflicts" in query.flags:
        others = [leaf for leaf in tree.leafs() if leaf.rev != winner.rev]
        if "conflicts" in query.flags:
            meta += documents.conflicts_member([leaf.rev for leaf in others if not leaf.deleted])
        if "deleted_conflicts" in query.flags:
            meta += documents.deleted_conflicts_member([leaf.rev for leaf in others if leaf.deleted])
    return meta


def _status(node: Node) -> str:
    if node.body is None:
        return "missing"
    return "deleted" if node.deleted else "available"


async def _local_seq(db: Database, doc_id: str) -> int:
    async for changes in db.changes(BEGINNING, ids=[doc_id]):
        for change in changes.results:
            return change.seq.number
    return 0


async def open_revs(db: Database, doc_id: str, query: DocumentQuery) -> list[Opened]:
    """What `open_revs` asks for. Raises NotFound when all leafs of an unknown document are wanted."""
    if not is_utf8(doc_id):
        raise NotFound("missing")
    wanted = None if query.all_leafs else query.open_revs
    [opened] = await db.open_revs(
        [(doc_id, wanted)], latest="latest" in query.flags, histories=query.wants_history
    )
    if not opened and query.all_leafs:
        raise NotFound("missing")
    return opened
