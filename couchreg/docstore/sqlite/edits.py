"""What an edit does to a document: CouchDB's rules for interactive and for replicated writes.

Owns who conflicts with whom, which stubs resolve, and which arriving revisions are kept. Works on
`documents.Doc`; the rows are written by `documents.save`. See
https://docs.couchdb.org/en/stable/replication/conflicts.html
"""

from collections.abc import Collection, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import perf_counter

import apsw

from couchreg.docstore.base import Attachment, Edit, Outcome, Stub
from couchreg.docstore.sqlite import bodies, documents
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.documents import Doc
from couchreg.docstore.sqlite.sql import query
from couchreg.errors import Conflict, MissingStub, PartitionOverflow, TooLarge
from couchreg.model.json import members
from couchreg.model.partitions import partition_of
from couchreg.model.revid import revision_id
from couchreg.model.revtree import RevTree

SLICE = 50  # documents applied before the event loop gets a turn: one or two milliseconds
SECONDS = 0.005  # of a slice where one document gets many
FEW = 8  # edits of one document that are found their places one by one
MOST_LEAFS = 5_000
MOST_KNOWN = 50_000  # revisions
_DESIGNS = "SELECT body FROM docs WHERE id > '_design/' AND id < '_design0' AND NOT deleted"
_VALIDATES = """SELECT instr(members, CAST('"validate_doc_update":"' AS BLOB)) FROM bodies WHERE num = ?"""
LARGE = 100_000  # bytes of a document that is a slice of its own


@dataclass(slots=True)
class ValidatorCache:
    """Whether the next edits of a database are looked at before any is written.

    CouchDB does so where functions validate the documents of a database, and until it has found out which:
    with the first document written since the database was opened or a design document changed.
    """

    stale: bool = True
    validates: bool = False

    @property
    def is_careful(self) -> bool:
        return self.stale or self.validates

    def note(
        self, conn: apsw.Connection, edits: Sequence[Edit], outcomes: Sequence[Outcome]
    ) -> Generator[None, None, None]:
        written = {
            edit.id.startswith("_design/")
            for edit, outcome in zip(edits, outcomes, strict=True)
            if isinstance(outcome, str)
        }
        if written and True not in written and self.stale:
            self.validates = yield from _validates(conn)
        if written:
            self.stale = True in written


@dataclass(slots=True)
class Transaction:
    """Where edits are applied: an open transaction, its figures so far, and `_revs_limit`.

    `careful` where CouchDB looks at every document before it writes any: when `validators` says so, and
    with attachments or design documents among them. Otherwise it only merges: it takes bodies of
    revisions that are no leafs, and edits of revisions of documents that nobody has heard of. In partitions
    that are `full` interactive edits make no document larger.
    """

    conn: apsw.Connection
    counters: Counters
    revs_limit: int
    validators: ValidatorCache
    full: Collection[str] = ()
    careful: bool = False


def apply(
    tx: Transaction, edits: Sequence[Edit], *, new_edits: bool, together: bool = False
) -> Generator[None, None, list[Outcome]]:
    """Apply edits, yielding between slices. Raises MissingStub, and then nothing may be kept; with `together`
    the same for whatever else one of them is refused with.

    The edits of one document are taken together, as CouchDB does: each is judged by what stood
    there before the call as well as by the ones before it.
    """
    tx.careful = tx.validators.is_careful or any(map(_is_careful, edits))
    places = _by_document(edits)
    ids = list(places)
    outcomes: list[Outcome] = [""] * len(edits)
    change = _interactive if new_edits else _replicated
    for start in range(0, len(ids), SLICE):
        if start:
            yield
        docs: list[Doc] = []
        for doc in documents.load_all(tx.conn, ids[start : start + SLICE]):
            at = places[doc.id]
            told = yield from change(tx, doc, [edits[place] for place in at])
            for place, outcome in zip(at, told, strict=True):
                outcomes[place] = outcome
            docs.append(doc)
            if _is_large(doc):
                documents.save(tx.conn, tx.counters, docs)
                docs.clear()
                yield
        documents.save(tx.conn, tx.counters, docs)
    refused = next((outcome for outcome in outcomes if not isinstance(outcome, str)), None)
    if together and refused is not None:
        raise refused
    yield from tx.validators.note(tx.conn, edits, outcomes)
    return outcomes


def _validates(conn: apsw.Connection) -> Generator[None, None, bool]:
    """Whether a design document has such a function; they may be many, and long."""
    pace = EditPace()
    for (body,) in query(conn, _DESIGNS):
        if query(conn, _VALIDATES, (body,))[0][0]:
            return True
        if pace.is_over():
            yield
    return False


def _by_document(edits: Sequence[Edit]) -> dict[str, list[int]]:
    """The places of the edits of each document, in the order in which they come first."""
    places: dict[str, list[int]] = {}
    for place, edit in enumerate(edits):
        places.setdefault(edit.id, []).append(place)
    return places


def _is_large(doc: Doc) -> bool:
    """Whether this document alone has kept the loop long enough."""
    return any(len(body.members) >= LARGE for body in doc.added)


def _is_careful(edit: Edit) -> bool:
    return bool(edit.attachments) or edit.id.startswith("_design/")


# -- interactive
def _interactive(tx: Transaction, doc: Doc, edits: Sequence[Edit]) -> Generator[None, None, list[Outcome]]:
    several = len(edits) > 1 and tx.careful
    before = {leaf.rev for leaf in doc.tree.leafs()} if several and doc.seq else set()
    was_live = doc.live
    outcomes: list[Outcome] = []
    pace = EditPace()
    with _grown(doc, edits):
        for edit in edits:
            try:
                if several and (edit.rev not in before if edit.rev else was_live):
                    raise Conflict
                outcomes.append(_edit(tx, doc, edit))
            except (Conflict, PartitionOverflow) as refused:
                outcomes.append(refused)
            if pace.is_over():
                yield
    return outcomes


def _grown(doc: Doc, edits: Sequence[Edit]) -> AbstractContextManager[None]:
    return doc.tree.growing() if len(edits) > FEW else nullcontext()


class EditPace:
    """Of work that is done in slices of time."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends = perf_counter() + SECONDS

    def is_over(self) -> bool:
        """Whether others should get a turn; the next slice begins then."""
        now = perf_counter()
        if now < self._ends:
            return False
        self._ends = now + SECONDS
        return True


def _edit(tx: Transaction, doc: Doc, edit: Edit) -> str:
    """One edit; returns the new revision. Raises Conflict, MissingStub, PartitionOverflow."""
    parent = _parent(tx, doc, edit)
    atts = _attachments(tx, doc, edit, parent) if edit.attachments else ()
    rev = revision_id(
        deleted=edit.deleted,
        parent=parent,
        body=edit.body,
        attachments=[(att.name, att.content_type, att.digest) for att in atts],
    )
    if tx.full:
        _check_room(tx, doc, edit, atts, parent)
    path = (rev,) if parent is None else (rev, *_ancestors(doc, edit, parent))
    num = tx.counters.last_body + 1
    if doc.tree.merge(path, deleted=edit.deleted, body=num) != "new_leaf" and parent is not None:
        raise Conflict
    tx.counters.last_body = num
    doc.add(num, members(edit.body), atts)
    _stem(tx, doc, rev)
    doc.judge()
    return rev


def _check_room(
    tx: Transaction, doc: Doc, edit: Edit, atts: tuple[Attachment, ...], parent: str | None
) -> None:
    """Raises PartitionOverflow where the partition is full and the document would become larger."""
    if partition_of(edit.id) not in tx.full:
        return
    node = doc.tree.find(parent) if parent is not None else None
    before = bodies.size(tx.conn, [node.body]) if node is not None and node.body is not None else -1
    after = len(members(edit.body)) + bodies.attached(atts)
    if after > before and (after or not edit.deleted):
        raise PartitionOverflow(f"Partition limit exceeded due to update on '{edit.id}'")


def _parent(tx: Transaction, doc: Doc, edit: Edit) -> str | None:
    """What the edit extends. A deleted document takes only edits that name no revision, and no deletion."""
    if edit.rev is not None:
        known = doc.live and doc.tree.is_leaf(edit.rev)
        if not known and (doc.live is not None or tx.careful):
            if doc.live is None:
                _attachments(tx, doc, edit, None)  # a stub that refers to nothing is told first
            raise Conflict
        return edit.rev
    if doc.live or (doc.live is not None and edit.deleted):
        raise Conflict
    return None if doc.live is None else doc.tree.winner().rev


def _ancestors(doc: Doc, edit: Edit, parent: str) -> tuple[str, ...]:
    """The parent; for a document never heard of, with the history that the edit brings."""
    return _path(edit) if doc.live is None else (parent,)


def _attachments(tx: Transaction, doc: Doc, edit: Edit, parent: str | None) -> tuple[Attachment, ...]:
    known = {}
    if parent is not None and any(isinstance(att, Stub) for att in edit.attachments):
        known = _records(tx, doc, [parent])
    generation = 1 if parent is None else _generation(parent) + 1
    resolved = [_resolve(edit.id, att, known) for att in edit.attachments]
    return tuple([att if att.revpos else _with_revpos(att, generation) for att in resolved])


def _with_revpos(att: Attachment, revpos: int) -> Attachment:
    return Attachment(
        att.name,
        att.content_type,
        revpos,
        att.digest,
        att.length,
        att.stored_length,
        att.encoding,
        att.sha256,
        att.key,
    )


def _resolve(doc_id: str, att: Attachment | Stub, known: dict[str, Attachment]) -> Attachment:
    if isinstance(att, Attachment):
        return att
    record = known.get(att.name)
    if record is None or (att.revpos is not None and att.revpos != record.revpos):
        raise MissingStub(f"Invalid attachment stub in {doc_id} for {att.name}")
    return record


def _records(tx: Transaction, doc: Doc, path: Sequence[str]) -> dict[str, Attachment]:
    """The attachments, by name, of the first revision of the path that has a body."""
    for rev in path:
        node = doc.tree.find(rev)
        if node is not None and node.body is not None:
            return {att.name: att for att in doc.attachments(tx.conn, node.body)}
    return {}


# -- replicated
def _replicated(tx: Transaction, doc: Doc, edits: Sequence[Edit]) -> Generator[None, None, list[Outcome]]:
    """Merge revisions made elsewhere. A known one changes nothing and is a success."""
    if not doc.seq and len(edits) == 1:  # as nearly always while a database is filled
        return [_arrived(tx, doc, edits[0])]
    paths = [_path(edit) for edit in edits]
    before = doc.tree.encode() if doc.seq else b""
    welcome = (yield from _welcome(doc, paths)) if tx.careful else None
    outcomes: list[Outcome] = []
    room, pace = _BranchRoom(doc), EditPace()
    with _grown(doc, edits):
        for edit, path in zip(edits, paths, strict=True):
            refused = room.refuse(path)
            if refused is None and (welcome is None or path[0] in welcome):
                _merge(tx, doc, edit, path)
            outcomes.append(refused or path[0])
            if pace.is_over():
                yield
    if doc.seq and not doc.changed:
        doc.changed = doc.tree.encode() != before  # a longer history of a known leaf
    if doc.changed:
        doc.judge()
    return outcomes


class _BranchRoom:
    """How many more revisions a document may get from elsewhere. With every write its tree is read and
    written as a whole, so that one without bound would keep everybody waiting for whoever writes it."""

    def __init__(self, doc: Doc) -> None:
        self._doc = doc
        self._leafs, self._known = doc.tree.extent

    def refuse(self, path: Sequence[str]) -> TooLarge | None:
        """Why the document does not take this path, unless there is room."""
        self._leafs += 1
        self._known += len(path)
        if self._leafs <= MOST_LEAFS and self._known <= MOST_KNOWN:
            return None
        tree = self._doc.tree
        self._leafs, self._known = tree.extent  # what was known before has been counted twice
        has_room = self._leafs < MOST_LEAFS and self._known + len(path) <= MOST_KNOWN
        if has_room or tree.find(path[0]) is not None or any(map(tree.is_leaf, path[1:50])):
            return None  # what goes on with a branch, or ends one, has to come through
        return TooLarge(f"a document has at most {MOST_LEAFS} conflicts and {MOST_KNOWN} known revisions")


def _arrived(tx: Transaction, doc: Doc, edit: Edit) -> str:
    """The first revision of a document never heard of."""
    atts: tuple[Attachment, ...] = ()
    if edit.attachments:
        atts = tuple([_resolve(edit.id, att, {}) for att in edit.attachments])
    rev = edit.rev or ""
    tx.counters.last_body += 1
    num = tx.counters.last_body
    doc.tree = RevTree.arrived(rev, edit.history[1:], deleted=edit.deleted, body=num)
    doc.add(num, members(edit.body), atts)
    _stem(tx, doc, rev)
    doc.live = not edit.deleted
    return rev


def _path(edit: Edit) -> tuple[str, ...]:
    rev = edit.rev or ""
    if len(edit.history) <= 1:
        return (rev,)
    top = _generation(rev)
    return (rev, *[f"{top - depth}-{name}" for depth, name in enumerate(edit.history) if depth])


def _welcome(doc: Doc, paths: Sequence[tuple[str, ...]]) -> Generator[None, None, Collection[str] | None]:
    """The revisions that a known document takes in: leafs, once all have been merged. None: any."""
    if not doc.seq:
        return None
    if len(paths) == 1:
        rev = paths[0][0]
        return (rev,) if doc.tree.is_leaf(rev) or doc.tree.find(rev) is None else ()
    merged = RevTree.decode(doc.tree.encode())
    pace = EditPace()
    with merged.growing():
        for path in paths:
            merged.merge(path, deleted=False, body=None)
            if pace.is_over():
                yield
        return {path[0] for path in paths if merged.is_leaf(path[0])}


def _merge(tx: Transaction, doc: Doc, edit: Edit, path: tuple[str, ...]) -> None:
    node = doc.tree.find(path[0])
    if node is not None and node.body is not None:
        doc.tree.merge(path, deleted=node.deleted, body=node.body)
        return
    atts: tuple[Attachment, ...] = ()
    if edit.attachments:
        stubs = any(isinstance(att, Stub) for att in edit.attachments)
        known = _records(tx, doc, path[1:]) if stubs else {}
        atts = tuple([_resolve(edit.id, att, known) for att in edit.attachments])
    num = tx.counters.last_body + 1
    doc.tree.merge(path, deleted=edit.deleted, body=num)
    merged = doc.tree.find(path[0])
    if merged is not None and merged.body == num:  # not so for a tombstone whose body was dropped
        tx.counters.last_body = num
        doc.add(num, members(edit.body), atts)
        _stem(tx, doc, path[0])


def _stem(tx: Transaction, doc: Doc, rev: str) -> None:
    """Cut histories longer than `_revs_limit`; a tree is never deeper than its generations."""
    if _generation(rev) > tx.revs_limit:
        freed = set(doc.tree.stem(tx.revs_limit))
        kept = [body for body in doc.added if body.num not in freed]
        doc.freed += freed.difference(body.num for body in doc.added)
        doc.added = kept


def _generation(rev: str) -> int:
    return int(rev[: rev.index("-", 1)])
