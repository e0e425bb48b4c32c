"""Short ways to write to and to read from a database in tests."""

from typing import Any

from couchreg.docstore.base import Attachment, Change, Database, Edit, Outcome, Range, Row, Seq, Stub
from couchreg.model.user import SYSTEM


def edit(
    doc_id: str,
    rev: str | None = None,
    /,
    *,
    deleted: bool = False,
    attachments: tuple[Attachment | Stub, ...] = (),
    **body: Any,
) -> Edit:
    return Edit(doc_id, rev, deleted, body, attachments)


def replica(
    doc_id: str,
    path: str,
    /,
    *,
    deleted: bool = False,
    attachments: tuple[Attachment | Stub, ...] = (),
    **body: Any,
) -> Edit:
    """`path` is `"3-c b a"`: the revision, then the hashes of its ancestors."""
    rev, *older = path.split()
    return Edit(doc_id, rev, deleted, body, attachments, (rev.partition("-")[2], *older))


async def put(db: Database, *edits: Edit) -> list[Outcome]:
    return (await db.update(edits, new_edits=True, user=SYSTEM)).outcomes


async def put_one(db: Database, wanted: Edit) -> str:
    """The new revision; raises what stood in its way."""
    [outcome] = await put(db, wanted)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def replicate(db: Database, *edits: Edit) -> list[Outcome]:
    return (await db.update(edits, new_edits=False, user=SYSTEM)).outcomes


async def at(db: Database, number: int) -> Seq:
    """The place of the update with this number."""
    return await db.parse_since(str(number))


async def changes(db: Database, since: int = 0, **how: Any) -> list[Change]:
    found = db.changes(await at(db, since), **how)
    return [change async for chunk in found for change in chunk.results]


async def pending(db: Database, since: int) -> int:
    return await db.pending(await at(db, since))


async def rows(db: Database, *, bodies: bool = False, **wanted: Any) -> list[Row]:
    return [row async for chunk in db.all_docs(Range(**wanted), bodies=bodies) for row in chunk]


async def ids(db: Database, **wanted: Any) -> list[str]:
    return [row.id for row in await rows(db, **wanted)]


async def leafs(db: Database, doc_id: str) -> list[str]:
    tree = await db.tree(doc_id)
    return [leaf.rev for leaf in tree.leafs()] if tree is not None else []


def attachment(name: str, *, revpos: int = 0, key: str = "_blobs/aa/aa") -> Attachment:
    return Attachment(name, "text/plain", revpos, b"m" * 16, 3, 3, "identity", "aa" * 32, key)
