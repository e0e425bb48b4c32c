"""A database of this server as one end of a replication: both ports without HTTP.

Everything goes through the store that the doors use, so validating functions and guards decide about
writes, in the name of the user whose replication it is.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.upload import BodyDetails, Upload
from couchreg.docstore.base import (
    Attachment,
    Change,
    ConfiguredStore,
    Database,
    Edit,
    Opened,
    Revision,
    Setting,
    Stub,
)
from couchreg.errors import CouchregError, FileExists, MissingStub, NotFound, TooLarge
from couchreg.model import document as documents
from couchreg.model import json, selector
from couchreg.model.user import User
from couchreg.replication.endpoints import Endpoint
from couchreg.replication.options import Replication, ReplicationFilter
from couchreg.replication.peers import (
    AttachedFile,
    Brought,
    ChangedDocument,
    ChangesPage,
    Document,
    Info,
    RefusedDocument,
    ReplicationCheckpoint,
    Source,
    Unreadable,
    WantedRevision,
    known_revpos,
)
from couchreg.turns import TimeSlice
from couchreg.wire.documents import digest_text
from couchreg.wire.status import status_of

DESIGN = "_design/"
_TOGETHER = 100  # documents of one stretch
_LARGEST_DOCUMENT = 8_000_000

Judge = Callable[[Sequence[Revision]], Awaitable[list[bool]]]


class DesignRules(Protocol):
    """What design documents do about replications; the room of design documents is not known here."""

    async def judge(self, db: Database, wanted: ReplicationFilter, user: User) -> Judge:
        """What a filter function, or a view's, says of revisions. Raises NotFound, BadRequest."""

    async def check_design(self, db: Database, body: Mapping[str, Any]) -> None:
        """Raises BadRequest for a design document that may not be stored."""


class Reached(NamedTuple):
    """A database of this server, and who comes to it."""

    database: str
    user: User


class OwnUrls(Protocol):
    """Which URLs lead to this very server; what it listens on is not known here."""

    async def reached(self, end: Endpoint) -> Reached | None: ...


@dataclass(frozen=True, slots=True)
class Here:
    """This server."""

    store: ConfiguredStore
    attachments: Attachments
    functions: DesignRules
    own_urls: OwnUrls | None = None


class LocalDatabase:
    """One end of a replication in this server, as `user` sees it."""

    def __init__(self, here: Here, name: str, replication: Replication, user: User) -> None:
        self._here = here
        self._name = name
        self._replication = replication
        self._user = user
        self._judge: Judge | None = None
        self.bulk_get_attempts = 0
        self.bulk_get_docs = 0

    async def close(self) -> None:
        """Nothing is held open."""

    async def _open(self) -> Database:
        try:
            return await self._here.store.open(self._name)
        except NotFound:
            raise NotFound(f"could not open {self._name}", error="db_not_found") from None

    # -- both ends
    async def info(self) -> Info:
        seq = await (await self._open()).update_seq()
        return Info(seq.incarnation, seq.text)

    async def checkpoint(self, doc_id: str) -> ReplicationCheckpoint:
        try:
            found = await (await self._open()).local(doc_id)
        except NotFound as error:
            if error.error == "db_not_found":
                raise
            return ReplicationCheckpoint({}, None)
        return ReplicationCheckpoint(found.body, found.rev)

    async def write_checkpoint(self, doc_id: str, body: Mapping[str, Any], rev: str | None) -> str:
        return await (await self._open()).update_local(doc_id, dict(body), rev)

    async def commit(self) -> str:
        return (await self.info()).life

    # -- the source
    async def filter_text(self, design: str, name: str) -> str:
        found = (await (await self._open()).revision(DESIGN + design)).body.get("filters")
        text = found.get(name) if isinstance(found, dict) else None
        if not isinstance(text, str):
            raise NotFound(f"missing json key: {name}")
        return text

    async def changes(self, since: Any, limit: int, *, wait: bool) -> ChangesPage:
        db, wanted = await self._open(), self._replication.filter
        place = await db.parse_since(since if isinstance(since, str) else json.encode(since).decode())
        rows: list[ChangedDocument] = []
        bodies = wanted.kind == "selector"
        while True:
            last = place
            async for stretch in db.changes(
                place,
                limit=limit,
                bodies=bodies,
                all_leafs=not self._replication.winning_revs_only,
                ids=wanted.doc_ids if wanted.kind == "doc_ids" else None,
            ):
                rows += await self._passed(db, stretch.results)
                last = stretch.last_seq
            if rows or not wait:
                return ChangesPage(rows, last.text, await db.pending(last))
            if last == place:
                await db.wait(place)
            place = last

    async def _passed(self, db: Database, changes: Sequence[Change]) -> list[ChangedDocument]:
        wanted = self._replication.filter
        if wanted.kind in ("", "doc_ids"):
            return [ChangedDocument(change.seq.text, change.id, change.revs) for change in changes]
        matches = await self._matcher(db)
        found, turn = [], TimeSlice()
        for change in changes:
            revisions = [one for one in await db.revisions(change.id, change.revs) if one is not None]
            passed = [one.rev for one, fits in zip(revisions, await matches(revisions), strict=True) if fits]
            if passed:
                found.append(ChangedDocument(change.seq.text, change.id, tuple(passed)))
            await turn.pass_on()
        return found

    async def _matcher(self, db: Database) -> Judge:
        if self._judge is None:
            wanted = self._replication.filter
            if wanted.kind == "selector":
                self._judge = _selecting(wanted.selector or {})
            elif wanted.name == "_design":
                self._judge = _designs
            else:
                self._judge = await self._here.functions.judge(db, wanted, self._user)
        return self._judge

    async def documents(self, wanted: Sequence[WantedRevision]) -> AsyncIterator[Sequence[Brought]]:
        db, left, turn = await self._open(), list(wanted), TimeSlice()
        while left:
            batch = left[:_TOGETHER]
            rows = await db.open_revs([(one.id, [one.rev]) for one in batch], latest=True, histories=True)
            found: list[Brought] = []
            for one, opened in zip(batch, rows, strict=False):
                found += [_document(one, item) for item in opened]
                await turn.pass_on()
            left = left[max(len(rows), 1) :]
            if self._replication.use_bulk_get:  # many are read at once here, too
                self.bulk_get_attempts += len(rows)
                self.bulk_get_docs += sum(isinstance(one, Document) and not one.files for one in found)
            yield found

    async def open(self, document: Document, file: AttachedFile) -> AsyncIterator[bytes]:
        assert file.record is not None
        try:
            async for chunk in self._here.attachments.open(file.record, encoded=True):
                yield chunk
        except NotFound:
            raise Unreadable(f"The bytes of the attachment {file.name} are lost.") from None

    # -- the target
    async def create(self, params: Mapping[str, Any]) -> None:
        settings: dict[Setting, Any] = {}
        for name in ("q", "n"):
            if isinstance(params.get(name), int):
                settings[name] = params[name]
        try:
            await self._here.store.create(self._name, settings)
        except FileExists:
            return

    async def missing(
        self, revs: Mapping[str, Sequence[str]]
    ) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        return await (await self._open()).missing_revs(revs)

    async def write(self, documents: Sequence[Document]) -> Sequence[RefusedDocument]:
        db = await self._open()
        problems, edits, turn = [], [], TimeSlice()
        for document in documents:
            try:
                edits.append(await self._check(db, document))
            except CouchregError as error:
                problems.append(refused(document, error))
            await turn.pass_on()
        return problems + await self._update(db, edits)

    async def _update(self, db: Database, edits: Sequence[Edit]) -> list[RefusedDocument]:
        if not edits:
            return []
        outcomes = (await db.update(edits, new_edits=False, user=self._user)).outcomes
        return [
            RefusedDocument(
                edit.id, edit.rev or "", status_of(outcome), f"{outcome.error}: {outcome.shown}"[:500]
            )
            for edit, outcome in zip(edits, outcomes, strict=True)
            if isinstance(outcome, CouchregError)
        ]

    async def write_with_files(self, document: Document, source: Source) -> RefusedDocument | None:
        db = await self._open()
        try:
            edit = await self._check(db, document)
            async with self._here.attachments.upload(db.name) as upload:
                files = [await self._received(upload, document, file, source) for file in document.files]
                edit = msgspec.structs.replace(edit, attachments=tuple(files))
                (await db.update([edit], new_edits=False, user=self._user)).check()
        except MissingStub:
            if document.known_revpos:
                raise
            return RefusedDocument(document.id, document.rev, 412, "missing_stub")
        except CouchregError as error:
            if isinstance(error, Unreadable):
                raise
            return refused(document, error)
        return None

    async def _received(
        self, upload: Upload, document: Document, file: AttachedFile, source: Source
    ) -> Attachment | Stub:
        if file.revpos <= document.known_revpos:
            return Stub(file.name, file.revpos, file.digest)
        if file.record is not None:
            await upload.keep(file.record)
            return file.record
        details = BodyDetails(file.encoding, file.stored_length, file.length, file.digest)
        chunks = source.open(document, file)
        return await upload.receive(
            document.id, file.name, file.content_type, chunks, details, revpos=file.revpos
        )

    async def _check(self, db: Database, document: Document) -> Edit:
        """What the doors check of a document that comes in, as an edit. Raises CouchregError."""
        parsed = documents.parse(_value(document), new_edits=False)
        documents.check_docid(document.id, longest=self._limit("max_document_id_length", None))
        most = self._limit("max_document_size", _LARGEST_DOCUMENT)
        # Who has seen the text need not make it again; written otherwise it may be longer, not by so much.
        may_be_larger = most is not None and (document.size is None or document.size * 4 > most)
        if most is not None and may_be_larger and len(json.encode(parsed.body)) > most:
            raise TooLarge(document.id, error="document_too_large")
        if document.id.startswith(DESIGN) and not document.deleted:
            await self._here.functions.check_design(db, parsed.body)
        kept = tuple([Stub(file.name, file.revpos, file.digest) for file in document.files])
        return Edit(document.id, parsed.rev, parsed.deleted, parsed.body, kept, parsed.history)

    def _limit(self, name: str, usual: int | None) -> int | None:
        text = self._here.store.config().get("couchdb", {}).get(name, "")
        return int(text) if text.isdigit() else usual


def _selecting(wanted: Mapping[str, Any]) -> Judge:
    matches = selector.compile(dict(wanted))

    async def judge(revisions: Sequence[Revision]) -> list[bool]:
        return [matches(_whole(revision)) for revision in revisions]

    return judge


def _whole(revision: Revision) -> dict[str, Any]:
    found = {"_id": revision.id, "_rev": revision.rev, **revision.body}
    return {**found, "_deleted": True} if revision.deleted else found


async def _designs(revisions: Sequence[Revision]) -> list[bool]:
    return [revision.id.startswith(DESIGN) for revision in revisions]


def _document(wanted: WantedRevision, opened: Opened) -> Brought:
    revision = opened.revision
    if revision is None:
        return RefusedDocument(wanted.id, wanted.rev, 404, "The source has this revision no more.")
    history = tuple([rev.partition("-")[2] for rev in opened.history])
    files = tuple([_file(record) for record in revision.attachments])
    known = known_revpos(revision.rev, history, wanted.ancestors)
    size = len(revision.members)
    return Document(revision.id, revision.rev, revision.deleted, revision.body, history, files, known, size)


def _file(record: Attachment) -> AttachedFile:
    return AttachedFile(
        record.name,
        record.content_type,
        record.revpos,
        f"md5-{digest_text(record).decode()}",
        record.length,
        record.stored_length,
        record.encoding,
        record,
    )


def _value(document: Document) -> dict[str, Any]:
    """The document as it would have come in, but for its attachments."""
    start = int(document.rev.partition("-")[0])
    value = {"_id": document.id, **document.body, "_deleted": document.deleted}
    return {**value, "_revisions": {"start": start, "ids": list(document.history)}}


def refused(document: Document, error: CouchregError) -> RefusedDocument:
    """A document that was not written, and why."""
    return RefusedDocument(document.id, document.rev, status_of(error), f"{error.error}: {error.shown}"[:500])
