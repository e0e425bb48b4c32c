"""`validate_doc_update`: no document enters a database that its design documents refuse.

It stands around the store, so that no way in passes it by: HTTP, bulk and replicated writes, attachments,
COPY, and the registry's own writes all end in `Database.update`. A database without such functions pays
one look into a dictionary.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from couchreg.designdocs.functions import Design, Functions, text_of
from couchreg.docstore.base import (
    Attachment,
    Database,
    Edit,
    Outcome,
    Range,
    Revision,
    Stub,
    Updated,
)
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import Conflict, CouchregError, MissingStub
from couchreg.model import json
from couchreg.model.revtree import RevTree
from couchreg.model.user import User
from couchreg.wire import documents

DESIGN = "_design/"
DESIGN_DOCUMENTS = Range(start=DESIGN, end="_design0", inclusive_end=False)
KNOWN = 1000  # databases whose functions are remembered


Holds = Callable[
    [str, str], bool
]  # whether the server holds the rules of this source in this database itself


def holds_none(database: str, source: str) -> bool:
    return False


class Validators:
    """The layer of a store whose design documents validate. Which do is read once, and again after they have
    changed; with `others_write`, which another process may do, before each write."""

    def __init__(
        self, functions: Functions, *, holds: Holds = holds_none, others_write: Callable[[], bool] = bool
    ) -> None:
        self.functions = functions
        self._holds = holds
        self.others_write = others_write
        self.known: dict[str, tuple[tuple[Design, str], ...]] = {}  # by the names of databases
        self._changes = 0

    async def of(self, database: Database) -> tuple[Design, ...]:
        """Those that have to be asked, in the order of their ids."""
        known = None if self.others_write() else self.known.get(database.name)
        if known is None:
            known = await self._read(database)
        # Asked each time: a setting may say that another database holds the users.
        return tuple([design for design, source in known if not self._holds(database.name, source)])

    async def _read(self, database: Database) -> tuple[tuple[Design, str], ...]:
        changes = self._changes
        found = []
        async for rows in database.all_docs(DESIGN_DOCUMENTS, bodies=True):
            for row in rows:
                source = row.body.get("validate_doc_update")
                if isinstance(source, str):
                    revision = Revision(row.id, row.rev, row.deleted, row.members or b"", row.attachments)
                    found.append((Design.of(database.name, revision), source))
        if changes == self._changes:
            if len(self.known) >= KNOWN:
                self.known.pop(next(iter(self.known)))
            self.known[database.name] = tuple(found)
        return tuple(found)

    def before(self, database: Database) -> Database:
        """See `docstore.layers.Layer`."""
        return ValidatedDatabase(database, self)

    def changed(self, name: str) -> None:
        """The design documents of this database may have changed."""
        self._changes += 1
        self.known.pop(name, None)


class ValidatedDatabase(DatabaseProxy):
    """A database that refuses what one of its design documents refuses."""

    def __init__(self, inner: Database, validators: Validators) -> None:
        self.inner, self.name = inner, inner.name
        self._validators = validators
        # What every request reads goes to the store without a detour: nothing is asked of readers here.
        self.revision = inner.revision  # type: ignore[method-assign]
        self.winners = inner.winners  # type: ignore[method-assign]
        self.update_seq = inner.update_seq  # type: ignore[method-assign]
        self.setting = inner.setting  # type: ignore[method-assign]

    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        validators = self._validators
        are_none = validators.known.get(self.name) == () and not validators.others_write()
        designs = () if are_none else await validators.of(self.inner)
        try:
            if not designs:
                return await self.inner.update(edits, new_edits=new_edits, user=user, together=together)
            refused = await self._refused(designs, edits, new_edits=new_edits, user=user)
            if together and refused:
                raise refused[min(refused)]
            written = [edit for place, edit in enumerate(edits) if place not in refused]
            if not written and edits:
                return Updated([refused[place] for place in range(len(edits))], await self.update_seq())
            updated = await self.inner.update(written, new_edits=new_edits, user=user, together=together)
        finally:
            if [True for edit in edits if edit.id.startswith(DESIGN)]:  # a generator costs each edit more
                self._validators.changed(self.name)
        outcomes = iter(updated.outcomes)
        merged: list[Outcome] = [
            refused[place] if place in refused else next(outcomes) for place in range(len(edits))
        ]
        return Updated(merged, updated.seq)

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        try:
            return await super().purge(wanted)
        finally:
            if any(doc_id.startswith(DESIGN) for doc_id in wanted):
                self._validators.changed(self.name)

    async def _refused(
        self, designs: Sequence[Design], edits: Sequence[Edit], *, new_edits: bool, user: User
    ) -> dict[int, CouchregError]:
        """What is refused, by its place among the edits. All functions must agree; the first that does not
        is the one that is heard."""
        context = json.encode({"db": self.name, "name": user.name, "roles": list(user.roles)})
        security = json.encode(await self.inner.setting("security") or {})
        cases: dict[int, list[bytes]] = {}
        refused: dict[int, CouchregError] = {}
        for place, edit in enumerate(edits):
            documents_ = None if edit.id.startswith(DESIGN) else await self._documents(edit, new_edits)
            if isinstance(documents_, CouchregError):
                refused[place] = documents_
            elif documents_ is not None:
                cases[place] = [*documents_, context, security]
        for design in designs:
            places = [place for place in cases if place not in refused]
            answers = await self._answers(design, [cases[place] for place in places])
            refused |= {
                place: answer for place, answer in zip(places, answers, strict=True) if answer is not None
            }
        return refused

    async def _answers(
        self, design: Design, cases: Sequence[Sequence[bytes]]
    ) -> Sequence[CouchregError | None]:
        """Whose function gives no answer has not agreed."""
        try:
            return await self._validators.functions.validate(design, cases) if cases else []
        except CouchregError as error:
            return [error] * len(cases)

    async def _documents(self, edit: Edit, new_edits: bool) -> tuple[bytes, bytes] | CouchregError | None:
        """The new document and the one it is an edit of (`null` without one). None where there is nothing to
        ask: the revision is there already. What is a conflict now is one, whatever comes before it is
        written: nobody has looked at it."""
        tree = await self.inner.tree(edit.id)
        if not new_edits:
            if tree is not None and edit.rev is not None and tree.find(edit.rev) is not None:
                return None
            old = await self._revision(edit.id, _ancestor(tree, edit))
            return _new(edit, edit.rev, edit.history, old), _text(old, tree)
        if edit.rev is not None if tree is None else _is_conflict(tree, edit):
            stub = next((one.name for one in edit.attachments if isinstance(one, Stub)), None)
            if tree is None and stub is not None:
                raise MissingStub(f"Invalid attachment stub in {edit.id} for {stub}")
            return Conflict()
        old = await self._revision(edit.id, edit.rev)
        history = tree.history(edit.rev) if tree is not None and edit.rev and old else ()
        ids = [rev.partition("-")[2] for rev in history]
        return _new(edit, edit.rev, ids, old), _text(old, tree)

    async def _revision(self, doc_id: str, rev: str | None) -> Revision | None:
        if rev is None:
            return None
        [found] = await self.inner.revisions(doc_id, [rev])
        return found


def _is_conflict(tree: RevTree, edit: Edit) -> bool:
    return not tree.is_leaf(edit.rev) if edit.rev is not None else tree.lives


def _ancestor(tree: RevTree | None, edit: Edit) -> str | None:
    """The nearest revision of an edit's history that is known here."""
    if tree is None or edit.rev is None:
        return None
    generation = int(edit.rev.partition("-")[0])
    revs = (f"{generation - place}-{rev}" for place, rev in enumerate(edit.history) if place)
    return next((rev for rev in revs if tree.find(rev) is not None), None)


def _text(old: Revision | None, tree: RevTree | None) -> bytes:
    if old is None or tree is None:
        return b"null"
    return text_of(old, documents.revisions_member(tree.history(old.rev)))


def _new(edit: Edit, rev: str | None, ids: Sequence[str], old: Revision | None) -> bytes:
    """The document as it would be stored; CouchDB shows the revision that it is an edit of."""
    members: dict[str, Any] = {"_id": edit.id}
    if rev is not None:
        members["_rev"] = rev
    start = int(rev.partition("-")[0]) if rev is not None else 0
    members |= edit.body
    if ids:  # a document that is new has no history to show
        members["_revisions"] = {"start": start, "ids": list(ids)}
    if edit.deleted:
        members["_deleted"] = True
    records = _attachments(edit, old)
    if records:
        shown = json.decode(documents.document(edit.id, "", False, b"", records))
        members["_attachments"] = shown["_attachments"]
    return json.encode(members)


def _attachments(edit: Edit, old: Revision | None) -> list[Attachment]:
    """Those that the new revision will have: new ones, and those it keeps from the old one."""
    kept = {record.name: record for record in old.attachments} if old else {}
    found: list[Attachment] = []
    for item in edit.attachments:
        if isinstance(item, Stub):
            found += [kept[item.name]] if item.name in kept else []
        else:
            found.append(item)
    return found
