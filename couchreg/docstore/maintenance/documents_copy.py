"""All documents of one store written into another one, with equal revisions.

Owns which parts of a store make a registry: databases with their revisions, histories, conflicts and
deletions, settings, configuration, tokens, groups. What followers have noted is left behind, since they begin
again in another life of a database; so are local documents, and a replication goes on from what both ends
have. Bytes are not copied.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from couchreg.docstore.base import BEGINNING, Change, Database, Edit, Opened, Setting, Store
from couchreg.errors import Conflict, FileExists, Unavailable
from couchreg.model.user import SYSTEM

TOGETHER = 50  # documents of one write


class Adopting(Store, Protocol):
    """A store that can become another registry."""

    async def adopt(self, uuid: str) -> None:
        """Be the registry of this identity from now on."""


KEPT: Sequence[Setting] = ("security", "revs_limit", "purged_infos_limit")
# What the names of notes that are copied begin with.
NOTES = ("tokens:", "group:", "trust:", "trust-account:", "trust-exchanged")


@dataclass
class CopiedDocuments:
    """How much there was."""

    databases: int = 0
    documents: int = 0
    revisions: int = 0


async def copy_documents(source: Store, target: Store) -> CopiedDocuments:
    """To be run again where it was broken off: what is there stays. Nobody else may write either of them.

    Raises NotImplementedHere where the target cannot have such databases, Unavailable where afterwards the
    numbers are not equal.
    """
    done = CopiedDocuments()
    for section, values in (await source.read_config()).items():
        for key, value in values.items():
            await target.set_config(section, key, value)
    for name in await source.names():
        database = await source.open(name)
        copy = await _made(target, name, database)
        async for edits in _edits(database):
            (await copy.update(edits, new_edits=False, user=SYSTEM)).check()
            done.revisions += len(edits)
            done.documents += len({edit.id for edit in edits})
        await _copy_notes(source, target, name)
        await _compare(database, copy)
        done.databases += 1
    return done


async def _made(target: Store, name: str, database: Database) -> Database:
    settings = {key: value for key in KEPT if (value := await database.setting(key)) is not None}
    made = {**settings, "partitioned": True} if await database.setting("partitioned") else settings
    try:
        return await target.create(name, made)
    except FileExists:
        copy = await target.open(name)
        for key, value in settings.items():
            await copy.set_setting(key, value)
        return copy


async def _edits(database: Database) -> AsyncIterator[list[Edit]]:
    """Every leaf of every document, with its history."""
    async for stretch in database.changes(BEGINNING, all_leafs=True):
        left = stretch.results
        while left:
            wanted = [(change.id, change.revs) for change in left[:TOGETHER]]
            found = await database.open_revs(wanted, histories=True)
            yield [
                _edit(change, opened)
                for change, leafs in zip(left, found, strict=False)
                for opened in leafs
                if opened.revision is not None
            ]
            left = left[len(found) :]


def _edit(change: Change, opened: Opened) -> Edit:
    assert opened.revision is not None
    revision = opened.revision
    history = tuple([rev.partition("-")[2] for rev in opened.history])
    return Edit(change.id, revision.rev, revision.deleted, revision.body, revision.attachments, history)


async def _copy_notes(source: Store, target: Store, name: str) -> None:
    notes, copy = await source.notes(name), await target.notes(name)
    for front in NOTES:
        for note in await notes.names(front):
            await copy.write(note, await notes.read(note))


async def _compare(database: Database, copy: Database) -> None:
    here, there = await database.info(), await copy.info()
    counts = (here.doc_count, here.doc_del_count)
    if counts != (there.doc_count, there.doc_del_count):
        raise Unavailable(
            f"The copy of {database.name} has {there.doc_count} documents and {there.doc_del_count} deleted"
            f" ones, where there are {counts[0]} and {counts[1]}: somebody has written meanwhile."
        )


async def move_documents(source: Adopting, target: Adopting) -> CopiedDocuments | None:
    """Copy all documents, then let the target be that registry in place of the source: as long as both were,
    one that is served would remove the files which the other one knows. Run it again where it was broken off;
    None when only that last step was left. Raises as `copy_documents`, and Conflict where there is another
    registry."""
    if target.uuid == source.uuid:
        await source.adopt(secrets.token_hex(16))
        return None
    half = hashlib.sha256(b"copy of " + source.uuid.encode()).hexdigest()[:32]  # no datastore is this one's
    if target.uuid != half:
        if await target.names():
            raise Conflict("There is another registry already: choose an empty place to copy to.")
        await target.adopt(half)
    done = await copy_documents(source, target)
    await target.adopt(source.uuid)
    await source.adopt(secrets.token_hex(16))
    return done
