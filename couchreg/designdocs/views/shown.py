"""Documents as maps are shown them: JSON text."""

from collections.abc import Sequence

from couchreg.designdocs.views.definition import Definition
from couchreg.docstore.base import Change, Database, Row
from couchreg.wire import documents


async def shown(database: Database, changes: Sequence[Change], definition: Definition) -> list[bytes]:
    """Documents at their places in the changes."""
    if definition.local_seq or not all(map(_is_plain, changes)):
        return [await _shown(database, change, definition) for change in changes]
    return documents.plain([(change.id, change.revs[0], change.members or b"") for change in changes])


def _is_plain(change: Change) -> bool:
    _, _, revs, _, members, attachments = change
    return bool(members) and len(revs) == 1 and not attachments


async def _shown(database: Database, change: Change, definition: Definition) -> bytes:
    has_more = len(change.revs) > 1 or definition.local_seq
    extras = await _extras(database, change, definition) if has_more else b""
    rev, members = change.revs[0], change.members or b""
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
