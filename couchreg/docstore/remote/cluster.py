"""One database in a cluster of CouchDB nodes: what is asked, written and waited for otherwise there."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from couchreg.blobstore.claims import Claims
from couchreg.docstore.base import (
    DatabaseInfo,
    Edit,
    LocalDocument,
    Outcome,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
    Updated,
)
from couchreg.docstore.remote import listing, writing
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.certain import CertainReads
from couchreg.docstore.remote.clustered import ClusterEdits
from couchreg.docstore.remote.copies import Copies, FollowedCopy
from couchreg.docstore.remote.database import CouchDatabase, check_local, written_already
from couchreg.docstore.remote.needed import NeededOfCopies
from couchreg.docstore.remote.notes import SharedNotes
from couchreg.docstore.remote.replicas import Replicas
from couchreg.errors import BadRequest, Forbidden, NotFound
from couchreg.model import json
from couchreg.model.revtree import RevTree

SECURITY: Final = "security"
_LOCAL: Final = re.compile(r"0-([0-9]{1,18})\Z", re.ASCII)
_FOLLOWED: Final = "followed"


class _Agreement:
    """Which copy is followed, in a note."""

    def __init__(self, notes: SharedNotes, life: str) -> None:
        self._notes = notes
        self._beside = f"{life}-copies"

    async def read(self) -> FollowedCopy | None:
        _, found = await self._notes.read(self._beside, _FOLLOWED)
        return None if found is None else msgspec.convert(found, FollowedCopy)

    async def propose(self, followed: FollowedCopy) -> FollowedCopy:
        def change(old: Any) -> Any:
            is_later = old is not None and old["turn"] >= followed.turn
            return old if is_later else msgspec.to_builtins(followed)

        return msgspec.convert(await self._notes.change(self._beside, _FOLLOWED, change, None), FollowedCopy)


class ClusterDatabase(CouchDatabase):
    """By `claims` one process at a time edits a document; `notes` have what a single node keeps in local
    documents, of all databases but those which are the server's own."""

    def __init__(
        self, name: str, asking: DatabaseCalls, life: str, claims: Claims, notes: SharedNotes | None = None
    ) -> None:
        super().__init__(name, asking, life)
        self.replicas = Replicas(asking)
        self._copies = Copies(
            asking, life, None if notes is None else _Agreement(notes, life), self.replicas.is_silent
        )
        self._order = self._copies
        self._edited = ClusterEdits(asking, claims, self.replicas)
        self._files = NeededOfCopies(self.replicas)
        self._certain = CertainReads(asking, self.replicas, self._copies)
        self._notes = notes

    async def close(self) -> None:
        await super().close()
        await self._copies.close()
        await self._edited.close()

    # -- sequences
    async def update_seq(self) -> Seq:
        self._check_life()
        return await self._copies.now()

    async def _place_of(self, told: Any) -> Seq:
        return await self.update_seq()

    async def pending(self, since: Seq) -> int:
        await self._copies.now()
        return await super().pending(since)

    # -- reads
    async def info(self) -> DatabaseInfo:
        """Counts are those of the followed copy."""
        found = await super().info()
        count, deleted = await self._certain.counts()
        return replace(found, doc_count=count, doc_del_count=deleted)

    async def tree(self, doc_id: str) -> RevTree | None:
        return await self._certain.tree(doc_id)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        if rev is not None:
            return await super().revision(doc_id, rev)
        return await self._certain.revision(doc_id)

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        return await self._certain.winners(ids, bodies=bodies)

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        followed = await self._certain.followed()
        async for rows in listing.all_docs(followed.asking, wanted, bodies=bodies):
            yield rows

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        return await self.replicas.missing(wanted)

    async def referred(self, keys: Collection[str]) -> set[str]:
        """All of them also for a while after a node was away, since nobody can see what it has."""
        if not await self._asking.calls.is_whole():
            self._asking.calls.doubt()
        if self._asking.calls.in_doubt:
            return set(keys)
        return await self._files.among(keys)

    # -- writes
    async def _update(self, edits: Sequence[Edit], *, new_edits: bool, together: bool) -> Updated:
        """It is done when a majority of the copies has it, and the followed one shows it."""
        known = () if new_edits else await self._known(edits)
        await self._copies.now()
        with self._copies.awaiting([edit.id for edit in edits]) as seen:
            if new_edits:
                outcomes = await self._edited.update(edits, together=together)
            else:
                outcomes = await self._replicated(edits, together=together)
            written = [
                (edit.id, outcome)
                for edit, outcome in zip(edits, outcomes, strict=True)
                if isinstance(outcome, str) and (edit.id, outcome) not in known
            ]
            with written_already():
                return Updated(outcomes, await self._copies.shown(written, seen))

    async def _replicated(self, edits: Sequence[Edit], *, together: bool) -> list[Outcome]:
        texts = await writing.prepared(self._asking, edits, new_edits=False)
        if not together or len(edits) == 1:
            outcomes = await self._edited.replicated(edits, texts)
        else:
            outcomes = await writing.together(self._asking, edits, texts, new_edits=False)
        if together:
            Updated(outcomes, self._stamp("0")).check()
        return outcomes

    async def _known(self, edits: Sequence[Edit]) -> Collection[tuple[str, str]]:
        """Replicated revisions that are there already: no feed will show them again."""
        wanted: dict[str, list[str]] = {}
        for edit in edits:
            wanted.setdefault(edit.id, []).append(edit.rev or "")
        missing = await self.missing_revs(wanted)
        return {(i, rev) for i, revs in wanted.items() for rev in revs if rev not in missing.get(i, ([],))[0]}

    # -- local documents
    async def local(self, doc_id: str) -> LocalDocument:
        check_local(doc_id, NotFound("missing"))
        if self._notes is None:
            return await super().local(doc_id)
        found = await self._notes.read(self._beside, f"local:{doc_id}")
        if found[1] is None:
            (await self._asking.ask("GET", "")).check()  # where the database is gone this says so
            raise NotFound("missing")
        return LocalDocument(doc_id, str(found[1]["rev"]), json.members(found[1]["body"]))

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        """As in a CouchDB the revision is counted from what is given, and compared with nothing."""
        check_local(doc_id, Forbidden("This document is the server's own."))
        if self._notes is None:
            return await super().update_local(doc_id, body, rev)
        (await self._asking.ask("GET", "")).check()
        found = _LOCAL.match(rev or "0-0")
        if found is None:
            raise BadRequest("Invalid rev format")
        made = "0-0" if body is None else f"0-{int(found[1]) + 1}"

        def change(old: Any) -> Any:
            if body is None and old is None:
                raise NotFound("missing")
            return None if body is None else {"rev": made, "body": body}

        await self._notes.change(self._beside, f"local:{doc_id}", change, None)
        return made

    @property
    def _beside(self) -> str:
        """Apart from the notes of this life."""
        return f"{self.life}-local"

    # -- settings
    async def _read_setting(self, name: Setting) -> Any:
        if name != SECURITY or self._notes is None:
            return await super()._read_setting(name)
        is_there, value = await self._notes.read(f"{self.life}-setting", name)
        return value if is_there else await super()._read_setting(name)

    async def set_setting(self, name: Setting, value: Any) -> None:
        if name != SECURITY or self._notes is None:
            await super().set_setting(name, value)
            return
        (await self._asking.ask("GET", "")).check()
        await self._notes.change(f"{self.life}-setting", name, lambda old: value, None)
        self._settings.pop(name, None)
