"""The port between the doors and the engines: what a document store can do.

Doors, the registry and the followers know this module (and what stands beside it), never an engine: `sqlite`,
or `remote` with a CouchDB behind it, so whatever a network could answer is asynchronous. Revisions travel as
text, `"3-917fa23…"`; a sequence is a `Seq`, made by engines; others only keep, compare and show it.

Stored bodies travel as *members*: the JSON text of a document's own members without the braces and without
the `_` members, ready to be sent (`"a":1,"b":[]`, or nothing at all); `body` decodes them, each time.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, get_args

import msgspec

from couchreg.docstore.notes import Notes
from couchreg.errors import CouchregError
from couchreg.model import json
from couchreg.model.revtree import RevTree
from couchreg.model.user import User


class Seq(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place in the changes of a database: ordered within one of its lives, and otherwise opaque.

    Engines make them (`update_seq`, `parse_since`, each change has one). `text` is what clients are given and
    give back; `number` grows with every update, is there to be compared and shown, and nobody counts with it:
    a store may leave out numbers. `incarnation` names the life of the database: one that is deleted and made
    again begins at its beginning, and a sequence of its life before is no place in it.
    """

    number: int
    text: str
    incarnation: str


BEGINNING = Seq(0, "0", "")  # before every change, in every life of every database


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """The record of an attachment whose bytes lie in the blob store.

    `digest` is the MD5 (16 bytes) of the bytes as stored, `stored_length` their number; with
    `encoding == "gzip"` those are gzip bytes and `length` counts the bytes before gzip. `sha256`
    (hex) is of the stored bytes.
    """

    name: str
    content_type: str
    revpos: int
    digest: bytes
    length: int
    stored_length: int
    encoding: str  # "identity" or "gzip"
    sha256: str
    key: str  # of the blob store


class Stub(msgspec.Struct, frozen=True):
    """An attachment that an edit keeps from an ancestor: the engine replaces it by the record."""

    name: str
    revpos: int | None = None
    digest: str | None = None  # "md5-…" as the client sent it


class Edit(msgspec.Struct, frozen=True):
    """One document of a write.

    Interactive (`new_edits=True`): `rev` is the parent or None, and `history` is empty, except where
    the document may be one never heard of: then it begins with this history (the parent's hash,
    first, and those before it) or with `rev` alone, or the edit is a conflict: CouchDB does either.
    Replicated (`new_edits=False`): `rev` is the revision itself, and `history` its hashes, newest
    first, the revision's own among them.
    """

    id: str
    rev: str | None
    deleted: bool
    body: dict[str, Any]  # own members, in the order received
    attachments: tuple[Attachment | Stub, ...] = ()  # in the order received
    history: tuple[str, ...] = ()


class Revision(msgspec.Struct, frozen=True):
    """One stored revision of a document, ready to send."""

    id: str
    rev: str
    deleted: bool
    members: bytes
    attachments: tuple[Attachment, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        return json.body(self.members)


class Row(NamedTuple):
    """A row of `_all_docs`: the winner of one document."""

    id: str
    rev: str
    deleted: bool
    members: bytes | None  # None unless bodies were asked for
    attachments: tuple[Attachment, ...]

    @property
    def body(self) -> dict[str, Any]:
        """The members, decoded each time; empty unless bodies were asked for."""
        return json.body(self.members)


class Change(NamedTuple):
    """A row of `_changes`: a document at the place of its latest update."""

    seq: Seq
    id: str
    revs: tuple[str, ...]  # the winner; with all leafs, the winner first and then as CouchDB orders them
    deleted: bool  # of the winner
    members: bytes | None  # the winner's, None unless bodies were asked for
    attachments: tuple[Attachment, ...]


class Changes(NamedTuple):
    """A stretch of `_changes`. Everything up to `last_seq` is in it or was before it: there a reader goes on,
    but not between one that `goes_on` and the next. In a listing that goes backwards it ends there."""

    results: list[Change]
    last_seq: Seq
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Which ids, in which order (ids compare as UTF-8 bytes). `start`/`end` are in reading order."""

    start: str | None = None
    end: str | None = None
    inclusive_end: bool = True
    descending: bool = False
    skip: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """Counters of a database. Sizes are bytes: the file, the live data, the bodies as JSON."""

    doc_count: int
    doc_del_count: int
    update_seq: Seq
    purge_seq: Seq
    size_file: int
    size_active: int
    size_external: int
    created: float  # Unix time
    compact_running: bool = False


class LocalDocument(NamedTuple):
    """A `_local/` document: not replicated, no revision tree; `rev` counts up as `0-N`."""

    id: str  # with the "_local/"
    rev: str
    members: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.body(self.members)


class Opened(NamedTuple):
    """One revision that somebody asked for by `Database.open_revs`."""

    rev: str
    revision: Revision | None  # None: missing
    history: tuple[str, ...] = ()  # if asked for: newest first, with `rev`, `_revs_limit` at most


Outcome = str | CouchregError  # the new revision, or why there is none


class Updated(NamedTuple):
    """What came of a write: an outcome for each edit, in order, and the sequence to settle on: whoever has
    seen the changes up to it has seen all that was written here."""

    outcomes: list[Outcome]
    seq: Seq

    def check(self) -> None:
        """Raises the first of what stood in the way of an edit."""
        for outcome in self.outcomes:
            if isinstance(outcome, CouchregError):
                raise outcome

    @property
    def rev(self) -> str:
        """The new revision, where there was one edit. Raises what stood in its way."""
        [outcome] = self.outcomes
        if isinstance(outcome, CouchregError):
            raise outcome
        return outcome


# What CouchDB keeps for a database beside its documents. "q", "n" are only told, "partitioned" never changes.
Setting = Literal["security", "revs_limit", "purged_infos_limit", "q", "n", "partitioned"]
SETTINGS: Final = frozenset(get_args(Setting))


class Database(Protocol):
    """One database: the core that every store has. What only some have is in `optional.py`.

    Reads see every write acknowledged before they began.
    """

    name: str

    # -- sequences
    async def update_seq(self) -> Seq:
        """That of the last committed update, the beginning for a new database."""

    async def parse_since(self, since: str) -> Seq:
        """A client's `since`: "0", "now", a number, or the text of a sequence (the beginning, if it is of
        another life of the database). Raises BadRequest for what is none of these.
        """

    async def wait(self, since: Seq) -> None:
        """Return once `update_seq` is beyond; raises NotFound when the database is deleted meanwhile."""

    # -- reads
    async def info(self) -> DatabaseInfo: ...

    async def tree(self, doc_id: str) -> RevTree | None:
        """The revision tree, None for a document never heard of."""

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        """The winner, or one stored revision. Raises NotFound("missing"), and NotFound("deleted")
        when the winner was asked for and is a deletion."""

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        """Several stored revisions of one document in one read, None for what is not stored."""

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        """Certain revisions (None: all leafs) of many documents in one read, a list for each in order.
        Where bodies are large only for the first documents, one at least: ask again for the others.

        What is found comes first, by generation and id, then what is missing; a revision asked for
        twice comes once. With `latest` a revision that has been edited stands for the leafs that
        came of it. Nothing at all for all leafs of a document never heard of.
        """

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        """The winners of these documents, in order, deleted ones too; None for unknown ids."""

    def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        """The live documents of a range, in chunks."""

    def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        """The changes after `since` (up to and with `until`), in stretches; ends at the present.

        The last stretch says where that is, and may say nothing else. `since` of another life of the database
        counts as the beginning.
        """

    async def pending(self, since: Seq) -> int:
        """How many changes there are after `since`."""

    # -- writes
    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        """Write documents; returns when they are on disk. `together`: all or none, and it raises."""

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        """For `_revs_diff`: id -> (missing revisions, possible ancestors); absent if none is missing."""

    # -- local documents
    async def local(self, doc_id: str) -> LocalDocument:
        """Raises NotFound("missing")."""

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        """Write (None: delete) a local document, last writer wins; returns its revision.

        As in CouchDB the client counts: after the `0-N` it gave comes `0-(N+1)`, whatever is stored,
        without one `0-1`, and a deletion is `0-0`. Raises BadRequest for a `rev` of another form.
        """

    # -- settings
    async def setting(self, name: Setting) -> Any:
        """A stored JSON value; None if never set."""

    async def set_setting(self, name: Setting, value: Any) -> None: ...


class DatabaseEvent(NamedTuple):
    """A line of `_db_updates`."""

    seq: Seq
    name: str
    type: str  # "created", "updated", "deleted"


class DatabaseEvents(NamedTuple):
    """What happened to databases, each at its latest place, up to and with `last_seq`."""

    results: list[DatabaseEvent]
    last_seq: Seq


Config = Mapping[str, Mapping[str, str]]  # [section] key = text, as CouchDB's


class Store(Protocol):
    """The databases of one server."""

    uuid: str

    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> Database:
        """A database that has these settings from its beginning. Raises FileExists: whoever is told so can
        use it. The name has been checked (`model/names.py`)."""

    async def delete(self, name: str) -> None:
        """Raises NotFound."""

    async def open(self, name: str) -> Database:
        """Raises NotFound("Database does not exist."). Asked once a request, at the door, and passed down."""

    async def names(self) -> list[str]:
        """All databases, in byte order."""

    async def missing(self) -> Sequence[str]:
        """Files of databases that somebody has moved away: what they need of other stores is not known."""

    async def notes(self, name: str) -> Notes:
        """Those beside a database as it is now. Raises NotFound."""

    # -- server-wide settings, kept through restarts
    async def read_config(self) -> Config:
        """As it is stored now. Whoever needs it often holds a `ConfiguredStore`."""

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        """None removes the key."""

    def heed(self, config: Config) -> None: ...  # it counts now: `[couchdb] max_partition_size`, in bytes

    # -- the feed behind _db_updates
    async def parse_events_since(self, since: str) -> Seq:
        """A client's `since`, as `Database.parse_since`; the beginning for one that another server gave."""

    async def events(self, since: Seq) -> DatabaseEvents:
        """What happened after `since`, oldest first."""

    async def wait_event(self, since: Seq) -> None:
        """Return once something has happened after `since`."""

    async def close(self) -> None: ...


class ConfiguredStore(Store, Protocol):
    """A store with its configuration at hand (`cached_config.py`)."""

    def config(self) -> Config:
        """The latest snapshot, with what was changed through this store."""

    async def set_config(self, section: str, key: str, value: str | None, *, persist: bool = True) -> None:
        """Without `persist` for this run alone. Raises BadRequest for more of those than are kept."""

    async def forget_config(self) -> None: ...  # what did not persist
    async def refresh_config(self) -> None: ...  # somebody else may have changed what is stored
