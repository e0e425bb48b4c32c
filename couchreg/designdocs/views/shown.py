"""Documents as maps are shown them: JSON text."""

from couchreg.designdocs.views.definition import Definition
from couchreg.docstore.base import Change, Database, Row
from couchreg.wire import documents


async def shown(database: Database, change: Change, definition: Definition) -> bytes:
    """A document at its place in the changes."""
    members, rev = change.members or b"", change.revs[0]
    has_more = len(change.revs) > 1 or definition.local_seq
    if members and not (has_more or change.attachments):
        return documents.plain(change.id, rev, members)
    extras = await _extras(database, change, definition) if has_more else b""
    return documents.document(change.id, rev, False, members, change.attachments, extras)


def shown_alone(row: Row) -> bytes:
    """A document that has neither conflicts nor a place."""
    return documents.document(row.id, row.rev, False, row.members or b"", row.attachments)


async def _extras(database: Database, change: Change, definition: Definition) -> bytes:
    """What a document shows to maps beside itself: its conflicts, and where it stands, if asked for."""
    extras = b""
    if len(change.revs) > 1:
        tree = await database.tree(change.id)
        leafs = [leaf for leaf in (tree.leafs() if tree else ()) if leaf.rev != change.revs[0]]
        extras += documents.conflicts_member([leaf.rev for leaf in leafs if not leaf.deleted])
        extras += documents.deleted_conflicts_member([leaf.rev for leaf in leafs if leaf.deleted])
    if definition.local_seq:
        extras += documents.local_seq_member(change.seq.number)
    return extras
