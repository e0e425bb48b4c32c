"""Deleted versions that may be brought back for some time: what they were, and links to their files.

    _deleted/gdp/2026/3f…/version.json   the document as it was, who deleted it and what was said of it
    _deleted/gdp/2026/3f…/0              its files, in the order of that

A folder has a name that nobody guesses, so that a bucket whose objects are public does not go on giving the
files to whoever knew them. `version.json` is put first and goes last; its age is that of the deletion. What
is older than versions are kept is removed by the sweep (`docstore/maintenance/deleted.py`).
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import BlobInfo, Spooled
from couchreg.blobstore.spool import once
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment, Edit, Revision
from couchreg.docstore.maintenance import deleted, recorded
from couchreg.errors import BadRequest, CouchregError, DigestMismatch, Failure, NotFound, Unavailable
from couchreg.model import json
from couchreg.package.layout import DELETED_RECORD, deleted_folder
from couchreg.package.moments import moment_text, utc_now

log = logging.getLogger(__name__)

AT_ONCE = 8  # files that are linked, or copied by the bucket, at the same time
DAY = 86_400.0
LARGEST = 256 << 20  # bytes of a document that is kept


@dataclass(frozen=True, slots=True)
class Kept:
    """A deleted version: where it is kept (the prefix of its keys), whose it was (the owners of its package
    then, and who deleted it), and what its package's document said of it."""

    folder: str
    owners: frozenset[str]
    said: Mapping[str, Any]
    edit: Edit


class Trash:
    """What is kept in one blob store, for `days`; with 0 nothing is."""

    def __init__(self, attachments: Attachments, days: int) -> None:
        self._attachments = attachments
        self._seconds = days * DAY

    @property
    def seconds(self) -> float:
        """For how long a version is kept; 0: not at all."""
        return self._seconds

    def until(self) -> str | None:
        """Until when a version that is deleted now can be brought back; None where nothing is kept."""
        return moment_text(utc_now() + timedelta(seconds=self._seconds)) if self._seconds else None

    async def keep(
        self,
        name: str,
        version: str,
        revision: Revision,
        said: Mapping[str, Any],
        *,
        by: str | None,
        owners: Sequence[str],
    ) -> bool:
        """Keep a version that is about to be deleted by somebody, of a package that is of these owners; False
        for one whose files are not all there.
        Raises Unavailable, with nothing left behind."""
        folder = f"{deleted_folder(name, version)}{secrets.token_hex(16)}/"
        head = json.encode({"by": by, "owners": list(owners), "said": dict(said)})
        record = head[:-1] + b',"record":' + recorded.encode(revision, (revision.rev,)) + b"}"
        try:
            if len(record) > LARGEST:
                raise NotFound("its document is too large")
            await self._put(folder + DELETED_RECORD, record)
            await self._link(folder, revision.attachments)
        except (NotFound, DigestMismatch) as error:
            log.warning("%s cannot be brought back once it is deleted: %s", revision.id, error)
        except CouchregError:
            await deleted.remove(self._attachments.blobs, folder)
            raise
        else:
            return True
        await deleted.remove(self._attachments.blobs, folder)
        return False

    async def _put(self, key: str, data: bytes) -> None:
        chunks = once(data)
        if not await self._attachments.spool.put(
            self._attachments.blobs, key, chunks, content_type="application/json"
        ):
            raise Unavailable(f"{key} is taken.")

    async def _link(self, folder: str, files: Sequence[Attachment]) -> None:
        """All of a batch have ended when this raises."""
        blobs = self._attachments.blobs
        for start in range(0, len(files), AT_ONCE):
            jobs = [
                blobs.adopt(file.key, f"{folder}{start + place}", spooled_of(file))
                for place, file in enumerate(files[start : start + AT_ONCE])
            ]
            for outcome in await asyncio.gather(*jobs, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                if not outcome:
                    raise NotFound("one of its files could not be put aside")

    async def find(self, name: str, version: str) -> Kept | None:
        """What is kept of a version, the last that was deleted of it; None for nothing."""
        found = [blob async for blob in self._records(deleted_folder(name, version))]
        if not found:
            return None
        return await self._read(max(found, key=lambda blob: blob.modified))

    async def versions(self, name: str) -> list[str]:
        """The versions of a package of which something is kept, in no order."""
        found = self._records(deleted_folder(name))
        return list({blob.key.removeprefix(deleted_folder(name)).partition("/")[0] async for blob in found})

    async def _records(self, prefix: str) -> AsyncIterator[BlobInfo]:
        async for blob in self._attachments.blobs.keys(prefix):
            if blob.key.endswith("/" + DELETED_RECORD):
                yield blob

    async def _read(self, blob: BlobInfo) -> Kept | None:
        """None for what has gone in this moment. Raises Failure for what cannot be read."""
        try:
            async with aclosing(self._attachments.blobs.open(blob.key)) as chunks:
                data = b"".join([chunk async for chunk in chunks])
        except NotFound:
            return None
        folder = blob.key.removesuffix(DELETED_RECORD)
        return await asyncio.to_thread(_decoded, folder, data)

    async def clear(self, name: str, version: str) -> None:
        """Keep nothing of a version: it has been brought back, or is to go for good."""
        await deleted.remove(self._attachments.blobs, deleted_folder(name, version))


def _decoded(folder: str, data: bytes) -> Kept:
    """What says nothing of owners was deleted before they were written down: it is of who deleted it."""
    try:
        members = json.decode(data)
        owners = frozenset(filter(None, [members["by"], *members.get("owners", ())]))
        return Kept(folder, owners, dict(members["said"]), recorded.decode(json.encode(members["record"])))
    except (BadRequest, KeyError, TypeError, ValueError) as error:
        raise Failure(f"What is kept of a deleted version cannot be read: {error!r}.") from error


def spooled_of(file: Attachment, kept: str | None = None) -> Spooled:
    """The bytes of a file that lie in the blob store, under the key `kept`."""
    return Spooled(Path(file.name), file.stored_length, file.digest, file.sha256, kept)
