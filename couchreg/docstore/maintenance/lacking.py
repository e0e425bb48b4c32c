"""Whether the databases lack what the blob store says that they had: an older copy was put back, or none.

Then bytes to which no document refers may be all that is left of something that was acknowledged.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from couchreg.blobstore.base import BlobStore
from couchreg.docstore.base import Database, Store
from couchreg.docstore.maintenance import recorded
from couchreg.errors import Conflict, Failure, NotFound, NotImplementedHere
from couchreg.package.layout import RECORDS, parse_record_key, record_folder

log = logging.getLogger(__name__)

_TOGETHER: Final = 500  # records that are asked for at a time

ADVICE: Final = (
    "The datastore has records of revisions that the databases lack ({}): are these an older copy? "
    "Nothing is removed; couchreg rebuild takes in what is missing. If that is gone on purpose, remove its "
    "records."
)


async def first_unknown(store: Store, name: str, blobs: BlobStore) -> str | None:
    """The key of a record whose revision the database of this name does not know; None where it knows all."""
    try:
        database = await store.open(name)
    except NotFound:
        return await some_record(blobs)
    batch: list[str] = []
    async for blob in blobs.keys(RECORDS):
        batch.append(blob.key)
        if len(batch) == _TOGETHER:
            found = await _unknown(database, blobs, batch)
            if found is not None:
                return found
            batch.clear()
    return await _unknown(database, blobs, batch)


async def refuse_unknown(database: Database, blobs: BlobStore, doc_id: str) -> None:
    """Raises Conflict where there is a record of this document whose revision the database does not know."""
    unknown = await _unknown(database, blobs, [blob.key async for blob in blobs.keys(record_folder(doc_id))])
    if unknown is not None:
        raise Conflict(ADVICE.format(unknown))


async def some_record(blobs: BlobStore) -> str | None:
    """The key of some record, if there is any."""
    async with aclosing(_keys(blobs)) as keys:
        return await anext(keys, None)


async def _keys(blobs: BlobStore) -> AsyncGenerator[str]:
    async for blob in blobs.keys(RECORDS):
        yield blob.key


async def _unknown(database: Database, blobs: BlobStore, keys: Sequence[str]) -> str | None:
    told = [(key, revision) for key in keys if (revision := await _revision(blobs, key)) is not None]
    wanted: dict[str, list[str]] = {}
    for _, (doc_id, rev) in told:
        wanted.setdefault(doc_id, []).append(rev)
    missing = await database.missing_revs(wanted) if wanted else {}
    for key, (doc_id, rev) in told:
        lacking = missing.get(doc_id, ((), ()))[0]
        # One whose document has been purged meanwhile has gone as well, or may be left where other revisions
        # of the document are there.
        if rev in lacking and not await _is_purged(database, doc_id) and await blobs.info(key) is not None:
            return key
    return None


async def has_purged(database: Database) -> bool:
    """Whether something has ever been purged."""
    try:
        return (await database.info()).purge_seq != await database.parse_since("0")
    except NotImplementedHere:
        return False


async def _is_purged(database: Database, doc_id: str) -> bool:
    """Whether what the database lacks of this document may have been purged."""
    return await database.tree(doc_id) is not None and await has_purged(database)


async def _revision(blobs: BlobStore, key: str) -> tuple[str, str] | None:
    """Document and revision, from the key where that says it; None where it is gone."""
    found = parse_record_key(key)
    if found is not None:
        return found
    try:
        async with aclosing(blobs.open(key)) as chunks:
            record = recorded.decode(b"".join([chunk async for chunk in chunks]))
    except NotFound:
        return None
    except Failure as error:  # it says nothing of any document, and rebuild tells of it
        log.warning("%s is no record of a revision: %s", key, error.reason)
        return None
    return record.id, record.rev or ""
