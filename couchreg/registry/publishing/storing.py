"""Putting the files of a publish: from the spool, or from where equal bytes lie already."""

import asyncio
from collections.abc import Iterator, Mapping

from couchreg.blobstore.base import BlobStore
from couchreg.docstore.attachments.upload import Upload
from couchreg.docstore.base import Attachment
from couchreg.errors import DigestMismatch, NotFound
from couchreg.registry.publishing.held import Held
from couchreg.registry.publishing.intake import Intake, Received

AT_ONCE = 8  # files put at the same time
LARGE = 8 << 20  # bytes from which on a bucket copies faster than it is sent to

Sources = Mapping[str, Attachment]  # by path


async def sources(held: Held, blobs: BlobStore, intake: Intake) -> Sources:
    """Files of published versions that have the same bytes as those of a publish."""
    wanted = {path: file.spooled for path, file in intake.files.items() if file.spooled.length}
    found = await held.find({spooled.sha256 for spooled in wanted.values()})
    same = {
        path: found[spooled.sha256]
        for path, spooled in wanted.items()
        if spooled.sha256 in found and found[spooled.sha256].stored_length == spooled.length
    }
    return {path: file for path, file in same.items() if _is_worth_it(blobs, file)}


def _is_worth_it(blobs: BlobStore, file: Attachment) -> bool:
    """A link always is. In a bucket a small object is sent as fast as it is copied."""
    return file.stored_length >= LARGE or blobs.local_path(file.key) is not None


async def store(upload: Upload, doc_id: str, intake: Intake, found: Sources) -> tuple[Attachment, ...]:
    """Put the files, several at a time, because most of it is waiting for the disk.

    All of a batch have ended when this raises, so that the upload knows what to take back.
    """
    stored: list[Attachment] = []
    first: dict[str, Received] = {}  # of files with the same bytes
    for batch in _batches(list(intake.files.items())):
        jobs = [
            _stored(
                upload,
                doc_id,
                path,
                _from(first.setdefault(file.spooled.sha256, file), file),
                found.get(path),
            )
            for path, file in batch
        ]
        for outcome in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            stored.append(outcome)
    return tuple(stored)


async def _stored(
    upload: Upload, doc_id: str, path: str, file: Received, source: Attachment | None
) -> Attachment:
    """From a file of a published version, while it is there; else as it arrived."""
    if source is not None:
        try:
            await upload.keep(source)
            return await upload.store(doc_id, path, file.content_type, file.spooled._replace(kept=source.key))
        except (NotFound, DigestMismatch):
            pass  # it has been deleted in this moment
    try:
        return await upload.store(doc_id, path, file.content_type, file.spooled)
    except (NotFound, DigestMismatch):
        if file.spooled.kept is None or not file.local:
            raise
        return await upload.store(doc_id, path, file.content_type, file.spooled._replace(kept=None))


def _from(first: Received, file: Received) -> Received:
    """A file, with the bytes of another one that has the same."""
    return file._replace(spooled=first.spooled)


def _batches(files: list[tuple[str, Received]]) -> Iterator[list[tuple[str, Received]]]:
    return (files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE))
