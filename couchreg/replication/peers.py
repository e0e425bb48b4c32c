"""The ports of a replication: what its two ends can do, over HTTP (`remote.py`) or within this server
(`local.py`), and the shapes that pass between them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from couchreg.docstore.base import Attachment
from couchreg.errors import CouchregError

# Why a whole replication cannot go on are CouchregErrors. What only one document suffers from
# is a `RefusedDocument`.


class Broken(CouchregError):
    """An end that does not answer as it should; the replication is tried again later."""

    error = "http_request_failed"


class Unreadable(CouchregError):
    """The source does not give the bytes of an attachment, or not those that it should."""

    error = "attachment_unreadable"


class Info(NamedTuple):
    """`life` changes when a database is deleted and made again, as far as its server tells."""

    life: str
    update_seq: Any


class ChangedDocument(NamedTuple):
    """A row of `_changes` with the leaf revisions that passed the filter."""

    seq: Any
    id: str
    revs: tuple[str, ...]


class ChangesPage(NamedTuple):
    """A stretch of changes; `last_seq` is where the next begins. `pending` come after it, None if not
    known."""

    rows: Sequence[ChangedDocument]
    last_seq: Any
    pending: int | None


class WantedRevision(NamedTuple):
    """A revision that the target lacks; it has `ancestors`, of which the revision may be an edit."""

    id: str
    rev: str
    ancestors: tuple[str, ...]
    seq: Any


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An attachment. `digest` is "md5-…" of the stored bytes; `stored_length` their number, where it is
    known. `record` is set where the bytes lie in this server."""

    name: str
    content_type: str
    revpos: int
    digest: str | None
    length: int
    stored_length: int
    encoding: str = "identity"
    record: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """`history` are the hashes of its revisions, newest first, its own among them."""

    id: str
    rev: str
    deleted: bool
    body: Mapping[str, Any]
    history: tuple[str, ...]
    files: tuple[AttachedFile, ...] = ()
    known_revpos: int = 0  # files up to this generation are at the target already
    size: int | None = None  # bytes of its body as JSON, where they were seen

    @property
    def new_files(self) -> list[AttachedFile]:
        return [file for file in self.files if file.revpos > self.known_revpos]

    def with_all_files(self) -> "Document":
        """The same, for a target that has none of the files."""
        return replace(self, known_revpos=0)


class RefusedDocument(NamedTuple):
    """A revision that could not be read or written, and why."""

    id: str
    rev: str
    status: int
    reason: str


Brought = Document | RefusedDocument  # what comes of a revision that is wanted


class ReplicationCheckpoint(NamedTuple):
    """A `_local` document; `rev` None where there is none yet."""

    body: dict[str, Any]
    rev: str | None


class Peer(Protocol):
    """One end."""

    async def info(self) -> Info:
        """Raises NotFound (db_not_found), Unauthorized, Forbidden, Broken."""

    async def checkpoint(self, doc_id: str) -> ReplicationCheckpoint: ...

    async def write_checkpoint(self, doc_id: str, body: Mapping[str, Any], rev: str | None) -> str:
        """The new revision. Raises Forbidden, Unauthorized where that is not allowed, Conflict."""

    async def commit(self) -> str:
        """All that was written is on disk; the `life` of the database."""

    async def close(self) -> None: ...


class Source(Peer, Protocol):
    async def filter_text(self, design: str, name: str) -> str:
        """The text of a filter function. Raises NotFound."""

    async def changes(self, since: Any, limit: int, *, wait: bool) -> ChangesPage:
        """At most so many changes; with `wait` those that come, where there are none yet."""

    def documents(self, wanted: Sequence[WantedRevision]) -> AsyncIterator[Sequence[Brought]]:
        """The revisions and what was edited from them meanwhile, in stretches of a bounded size."""

    def open(self, document: Document, file: AttachedFile) -> AsyncIterator[bytes]:
        """The stored bytes, all of them and as their digest says. Raises Unreadable before the last of
        them."""


class Target(Peer, Protocol):
    async def create(self, params: Mapping[str, Any]) -> None:
        """Make the database unless it is there."""

    async def missing(
        self, revs: Mapping[str, Sequence[str]]
    ) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        """For each id what is missing, and what is there that the missing may be edits of."""

    async def write(self, documents: Sequence[Document]) -> Sequence[RefusedDocument]:
        """Write documents that have no new files; what was not written."""

    async def write_with_files(self, document: Document, source: Source) -> RefusedDocument | None:
        """Write one document with its files. Raises MissingStub where the target has not what it was said to
        have, Unreadable where the source gives no file."""


def known_revpos(rev: str, history: Sequence[str], ancestors: Sequence[str]) -> int:
    """The latest generation of a document's history that is among these; 0 where there is none."""
    generation = int(rev.partition("-")[0])
    known = set(ancestors)
    own = (f"{generation - place}-{name}" for place, name in enumerate(history))
    return next((int(found.partition("-")[0]) for found in own if found in known), 0)
