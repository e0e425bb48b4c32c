"""The registry's database made again from the blob store alone.

First every recorded revision is written as it was, with its history: versions, owners, tombstones, and
revision ids equal to the old ones. Then packages that have no record (folders that somebody copied
into the store) become versions of their own. Between the two, packages whose own record is lost are closed
(`rights`). What is there already is passed over, so an attempt that was cut off goes on where it ended.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from couchreg.blobstore.base import BlobInfo, BlobStore, Damaged
from couchreg.blobstore.digests import digests_of
from couchreg.docstore.base import Attachment, Database, Edit
from couchreg.docstore.maintenance import recorded
from couchreg.errors import BadRequest, CouchregError, Failure, NotFound
from couchreg.model import json
from couchreg.model.user import SYSTEM
from couchreg.package.descriptor import document_of
from couchreg.package.formats import mediatype
from couchreg.package.layout import RECORDS, is_descriptor, package_key, parse_record_key, record_key
from couchreg.package.names import is_package_name, split_version_id, version_id
from couchreg.package.paths import DESCRIPTOR
from couchreg.registry.rebuild.rights import Unknown, UnknownRights, above, place

BATCH = 100  # documents of one transaction
LARGEST_RECORD = 256 << 20  # bytes
REMEDY = "Put it back from a backup and rebuild again, or remove it."


@dataclass
class Rebuilt:
    """What has been done so far; `problems` are sentences, first those that say who may read what."""

    records: int = 0  # looked at
    written: int = 0  # revisions
    imported: int = 0  # versions without a record
    differing: int = 0  # revisions whose id does not follow from their content: made by other software
    problems: list[str] = field(default_factory=list)


Progress = Callable[[Rebuilt], None]


class Rebuild:
    """One rebuild: `await Rebuild(database, blobs).run()`. `unknown` says what becomes of packages of which
    it is not known any more who may read them."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        progress: Progress = lambda done: None,
        *,
        unknown: Unknown = "close",
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._progress = progress
        self._damaged: dict[str, set[str]] = {}  # document -> revisions whose records cannot be read
        self._rights = UnknownRights(database, unknown, self._damaged)
        self.done = Rebuilt()

    async def run(self) -> Rebuilt:
        """Raises Unavailable when the store does not answer; run it again then."""
        async for batch in _batches(self._blobs.keys(RECORDS)):
            await self._restore(batch)
            self._progress(self.done)
        self.done.problems[:0] = await self._rights.settle()
        async for key in self._unrecorded():
            await self._import(key)
            self._progress(self.done)
        return self.done

    # -- recorded revisions
    async def _restore(self, batch: Sequence[BlobInfo]) -> None:
        self.done.records += len(batch)
        edits = [edit for blob in batch if (edit := await self._recorded(blob)) is not None]
        wanted: dict[str, list[str]] = {}
        for edit in edits:
            wanted.setdefault(edit.id, []).append(edit.rev or "")
        missing = await self._database.missing_revs(wanted)
        new = [edit for edit in edits if edit.rev in missing.get(edit.id, ((), ()))[0]]
        outcomes = (await self._database.update(new, new_edits=False, user=SYSTEM)).outcomes
        for edit, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, CouchregError):
                self.done.problems.append(f"{edit.id} {edit.rev}: {outcome.reason}")
            else:
                self.done.written += 1

    async def _recorded(self, blob: BlobInfo) -> Edit | None:
        self._rights.saw(blob.key)
        try:
            edit, is_sealed = await self._read(blob)
        except (Failure, NotFound, Damaged) as error:
            self.done.problems.append(f"{blob.key}: {error.reason} {REMEDY}")
            doc_id, rev = parse_record_key(blob.key) or (None, "")
            if doc_id is not None:
                self._damaged.setdefault(doc_id, set()).add(rev)
            return None
        if recorded.follows(edit) is False:
            self.done.differing += 1
            if not is_sealed:
                self._rights.may_be_altered(edit)
        return edit

    async def _read(self, blob: BlobInfo) -> tuple[Edit, bool]:
        """A record, and whether it is sealed. Raises Failure, NotFound and Damaged for what is none, and
        Unavailable."""
        if blob.length > LARGEST_RECORD:
            raise Failure("It is too large to be a record.")
        data = await _whole(self._blobs, blob.key)
        is_sealed, edit = recorded.is_sealed(data), recorded.decode(data)
        if record_key(edit.id, edit.rev or "") != blob.key:
            raise Failure("It is the record of another document or revision than its name says.")
        return edit, is_sealed

    # -- packages without a record
    async def _unrecorded(self) -> AsyncIterator[str]:
        """The keys of descriptors whose versions no document speaks of."""
        async for batch in _batches(self._blobs.keys()):
            keys = [blob.key for blob in batch if is_descriptor(blob.key)]
            trees = [await self._database.tree(_id_of(key)) for key in keys]
            for key, tree in zip(keys, trees, strict=True):
                if tree is None:
                    yield key

    async def _import(self, key: str) -> None:
        """A version out of a folder: its descriptor and its files, hashed."""
        doc_id = _id_of(key)
        try:
            if split_version_id(doc_id) is None or package_key(doc_id, "data") is None:
                raise BadRequest("its folders are not a package's name and a version")
            members = _described(await _whole(self._blobs, key), doc_id)
        except BadRequest as error:
            self.done.problems.append(f"{key} was not imported: {error.reason}.")
            return
        attachments = [file async for file in self._files(key.removesuffix(DESCRIPTOR))]
        info = await self._blobs.info(key)
        moment = datetime.fromtimestamp(info.modified if info else 0, UTC)
        own = {
            "published": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "hashes": {file.name: f"sha256:{file.sha256}" for file in attachments},
        }
        edits = [Edit(doc_id, None, False, document_of(members, own), tuple(attachments))]
        name, lost = doc_id.partition("@")[0], self._damaged.get(doc_id)
        if lost:  # an ancestor then, and nothing that the database lacks; its package is there, or closed
            edits = [above(max(lost, key=place), edits[0])]
        elif await self._database.tree(name) is None:
            edits.append(Edit(name, None, False, {"name": name, "owners": [], "created": own["published"]}))
        for outcome in (await self._database.update(edits, new_edits=not lost, user=SYSTEM)).outcomes:
            if isinstance(outcome, CouchregError):
                self.done.problems.append(f"{key} was not imported: {outcome.reason}")
                return
        self.done.imported += 1

    async def _files(self, folder: str) -> AsyncIterator[Attachment]:
        """The files of a version. The descriptor comes as an attachment by content where it was published."""
        blobs = [blob async for blob in self._blobs.keys(folder) if not is_descriptor(blob.key)]
        for blob in sorted(blobs):
            name = blob.key.removeprefix(folder)
            if not name.startswith("_"):
                found = await digests_of(self._blobs, blob.key)
                sizes = blob.length, blob.length
                yield Attachment(
                    name, mediatype(name), 0, found.md5, *sizes, "identity", found.sha256, blob.key
                )


def _described(data: bytes, doc_id: str) -> dict[str, Any]:
    """The members of a descriptor, with the name and version of its folders. Raises BadRequest."""
    name, _, version = doc_id.partition("@")
    members = json.decode(data)
    if not isinstance(members, dict) or not is_package_name(name):
        raise BadRequest("the descriptor is not a JSON object")
    stated: Mapping[str, Any] = {"name": name, "version": version}
    for member, value in stated.items():
        found = members.setdefault(member, value)
        if value not in (found, json.brief(found)):  # a version may be written as a number
            raise BadRequest(f"the descriptor's {member} is {json.brief(found)}")
    return {key: value for key, value in members.items() if not key.startswith("_")}


def _id_of(key: str) -> str:
    name, version, _ = key.split("/")
    return version_id(name, version)


async def _whole(blobs: BlobStore, key: str) -> bytes:
    async with aclosing(blobs.open(key)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def _batches(blobs: AsyncIterator[BlobInfo]) -> AsyncIterator[list[BlobInfo]]:
    batch: list[BlobInfo] = []
    async for blob in blobs:
        batch.append(blob)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
