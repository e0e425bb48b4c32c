"""Interactive edits in a cluster of CouchDB nodes: which of them are conflicts, and when one is done.

Nodes judge an edit each by what it has itself, so a cluster may refuse an edit and keep it all the same. So
edits are judged here. Each is made a certain revision, which is written down in a claim on its document, in
the bucket. Who has the claim asks a majority of the copies whether what is edited is a leaf, and sends the
revision as a replicated one, as often as it takes, until a majority has it: then it is acknowledged. Where
that cannot be had in time the claim is kept, and nothing else is done to the document before it is certain
what became of the edit (`settling.py`).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from couchreg.blobstore.claims import Claims, HeldClaim
from couchreg.docstore.base import Attachment, Edit, Outcome, Row
from couchreg.docstore.remote import reading, writing
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.records import RECORDS, ReadDocument, write
from couchreg.docstore.remote.replicas import Replicas
from couchreg.docstore.remote.settling import Intent, Settling, files_of, revision_of, upon
from couchreg.errors import (
    BadRequest,
    Conflict,
    CouchregError,
    DocValidation,
    IllegalDocid,
    NotFound,
    TooLarge,
    Unavailable,
    Unsure,
)

log = logging.getLogger(__name__)

UNSETTLED: Final = 1000  # documents of which it may be unknown at once what became of an edit
ATTEMPTS: Final = 5
LEFT: Final = 100  # edits that are still made though whoever asked for them has left
FIRST_REST, LONGEST_REST = 1.0, 30.0  # seconds between two attempts to find out
JUDGED: Final = 8  # documents whose trees are read at once
_REFUSED = (BadRequest, DocValidation, IllegalDocid, TooLarge)  # by a node that has given it to no copy


class _Wanted(NamedTuple):
    """An interactive edit, and the revision that it makes."""

    asked: Edit
    made: Edit
    parent: ReadDocument | None

    @property
    def intent(self) -> Intent:
        assert self.made.rev is not None
        top = int(self.made.rev.partition("-")[0])
        revs = tuple([f"{top - depth}-{name}" for depth, name in enumerate(self.made.history)])
        return Intent(self.made.id, revs)

    @property
    def text(self) -> bytes:
        return write(self.made, files_of(self.made))


_Found = _Wanted | CouchregError


class ClusterEdits:
    """Of one database."""

    def __init__(self, asking: DatabaseCalls, claims: Claims, replicas: Replicas) -> None:
        self._asking = asking
        self._claims = claims
        self._replicas = replicas
        self._settling = Settling(asking, replicas)
        self._unsettled: dict[str, asyncio.Task[None]] = {}  # by id
        self._left: set[asyncio.Task[list[Outcome]]] = set()  # nobody waits for them any more
        self._is_closed = False

    async def close(self) -> None:
        """What is not certain stays so for whoever has the claim next."""
        self._is_closed = True
        tasks = [*self._left, *self._unsettled.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def update(self, edits: Sequence[Edit], *, together: bool) -> list[Outcome]:
        """Goes on to its end when whoever asks for it leaves. Raises MissingStub, Unavailable, Unsure, and
        with `together` what one of them is refused with."""
        work = asyncio.create_task(self._update(edits, together=together), name="edits in a cluster")
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if len(self._left) >= LEFT:
                work.cancel()
            if not work.done():
                self._left.add(work)
                work.add_done_callback(self._has_ended)
            raise

    def _has_ended(self, work: "asyncio.Task[list[Outcome]]") -> None:
        self._left.discard(work)
        if not work.cancelled() and (error := work.exception()) is not None:
            log.info("An edit that nobody waits for any more has failed: %s", error)

    async def _update(self, edits: Sequence[Edit], *, together: bool) -> list[Outcome]:
        if len(self._unsettled) >= UNSETTLED:
            raise Unavailable("Of too many edits it is not known what became of them.", retry_after=30)
        for _ in range(ATTEMPTS):
            outcomes = await self._attempt(edits, together=together)
            if outcomes is not None:
                return outcomes
        raise Unavailable("What became of edits of a document has to be found out again and again.")

    async def _attempt(self, edits: Sequence[Edit], *, together: bool) -> list[Outcome] | None:
        """None where there was something to settle first: what is edited has changed by that."""
        wanted = await self._wanted(edits)
        if together:
            _check(wanted)
        notes: dict[str, list[str]] = {}
        for one in wanted:
            if isinstance(one, _Wanted):
                notes.setdefault(one.made.id, []).append(one.intent.text)
        async with AsyncExitStack() as stack:
            held: dict[str, HeldClaim] = {}
            for doc_id in sorted(notes):
                claim = self._claims.held(self._name(doc_id), notes[doc_id])
                held[doc_id] = await stack.enter_async_context(claim)
            try:
                if any([await self._settle(claim) for claim in held.values()]):
                    return None
                judged = await self._judged(wanted)
                if together:
                    _check(judged)
                return await self._sent(judged, held, together=together)
            finally:
                for doc_id in [name for name, claim in held.items() if claim.is_kept]:
                    self._settle_later(doc_id)

    async def replicated(self, edits: Sequence[Edit], texts: Sequence[writing.Prepared]) -> list[Outcome]:
        """Revisions that others have made: they may conflict, and are no conflict with one another."""
        there = [text for text in texts if isinstance(text, bytes)]
        refused = iter(await self._settling.sent(there) if there else ())
        return [
            text if isinstance(text, CouchregError) else next(refused) or edit.rev or ""
            for edit, text in zip(edits, texts, strict=True)
        ]

    def _name(self, doc_id: str) -> str:
        return f"{self._asking.path}/{doc_id}"

    # -- what an edit makes
    async def _wanted(self, edits: Sequence[Edit]) -> list[_Found]:
        """By what is read now; it is judged when the claims are there."""
        bare = list(dict.fromkeys(edit.id for edit in edits if edit.rev is None))
        winners = dict(zip(bare, await reading.winners(self._asking, bare, bodies=False), strict=True))
        over = {doc_id: row.rev for doc_id, row in winners.items() if row is not None}
        asked = list(dict.fromkeys([(one.id, rev) for one in edits if (rev := one.rev or over.get(one.id))]))
        parents = await reading.documents(self._asking, asked)
        found, taken = list[_Found](), set[str]()
        for edit in edits:
            rev = edit.rev or over.get(edit.id)
            parent = parents.get((edit.id, rev or ""))
            row = winners.get(edit.id)
            if RECORDS in edit.body:
                found.append(DocValidation(f"Bad special document member: {RECORDS}"))
            elif edit.id in taken or (rev is not None and parent is None) or _is_taken(edit, row):
                found.append(Conflict())
            else:
                taken.add(edit.id)
                found.append(_made(edit, parent))
                await asyncio.sleep(0)
        return found

    # -- under the claims
    async def _settle(self, held: HeldClaim) -> bool:
        """Whether there was something to settle."""
        if held.left:
            await self._settling.settle(held.left)
            held.is_kept = False
        return bool(held.left)

    async def _judged(self, wanted: Sequence[_Found]) -> list[_Found]:
        """Where a majority shows what is edited as the winner it is a leaf; else the trees tell."""
        ids = [one.made.id for one in wanted if isinstance(one, _Wanted)]
        if not ids:
            return list(wanted)
        copies = await self._replicas.majority(lambda copy: reading.winners(copy, ids, bodies=False))
        shown = {
            doc_id: {None if row is None else (row.rev, row.deleted) for row in rows}
            for doc_id, *rows in zip(ids, *copies, strict=True)
        }
        turn = asyncio.Semaphore(JUDGED)

        async def judge(one: _Found) -> _Found:
            if isinstance(one, CouchregError):
                return one
            parent = None if one.parent is None else (one.parent.rev, one.parent.deleted)
            if shown[one.made.id] == {parent} and (one.asked.rev is None or (parent and not parent[1])):
                return one
            async with turn:
                return one if await self._is_edit_of_leaf(one) else Conflict()

        return list(await asyncio.gather(*map(judge, wanted)))

    async def _is_edit_of_leaf(self, wanted: _Wanted) -> bool:
        doc_id, rev = wanted.made.id, None if wanted.parent is None else wanted.parent.rev

        async def ask(copy: DatabaseCalls) -> list[ReadDocument]:
            return await reading.leafs_of(copy, doc_id, {"revs": "true"})

        docs = [doc for found in await self._replicas.majority(ask) for doc in found]
        if rev is None or not docs:
            return rev is None and not docs
        tree = reading.union(docs)
        if wanted.asked.rev is None:
            return tree.winner().rev == rev and not tree.lives
        return tree.lives and tree.is_leaf(rev)

    async def _sent(
        self, judged: Sequence[_Found], held: Mapping[str, HeldClaim], *, together: bool
    ) -> list[Outcome]:
        sent = [one for one in judged if isinstance(one, _Wanted)]
        refused: Sequence[CouchregError | None] = ()
        if sent:
            _keep([held[one.made.id] for one in sent], is_kept=True)
            try:
                refused = await self._settling.sent([one.text for one in sent])
                if together and any(refused):
                    await self._take_back(sent, refused)
                self._check_gate()
            except Unsure:
                raise
            except (Unavailable, *_REFUSED):  # nothing has been given to any copy: else it is Unsure
                _keep([held[one.made.id] for one in sent], is_kept=False)
                raise
            _keep([held[one.made.id] for one in sent], is_kept=False)
        outcomes = iter([why or one.made.rev or "" for one, why in zip(sent, refused, strict=True)])
        found = [one if isinstance(one, CouchregError) else next(outcomes) for one in judged]
        if together:
            _check(found)
        return found

    def _check_gate(self) -> None:
        """Others may have settled what was not there yet, where they take this process for dead. Raises
        Unsure."""
        try:
            self._asking.calls.gate()
        except Unavailable as error:
            raise Unsure(error.reason, retry_after=error.retry_after) from error

    async def _take_back(self, sent: Sequence[_Wanted], refused: Sequence[CouchregError | None]) -> None:
        """Those that were taken, since one of them was not."""
        done = [one for one, why in zip(sent, refused, strict=True) if why is None]
        if not done:
            return
        try:
            failed = next(
                filter(None, await self._settling.sent([upon(one.intent, one.parent) for one in done])), None
            )
        except CouchregError as error:
            failed = error
        if failed is not None:
            raise Unsure(f"Written in part, and not taken back: {failed.reason}") from failed

    # -- what is not certain
    def _settle_later(self, doc_id: str) -> None:
        if doc_id in self._unsettled or self._is_closed:
            return
        task = asyncio.create_task(self._settle_at_last(doc_id), name="what became of an edit")
        self._unsettled[doc_id] = task
        task.add_done_callback(lambda _: self._unsettled.pop(doc_id, None))

    async def _settle_at_last(self, doc_id: str) -> None:
        """So that other processes do not wait for this one for ever."""
        rest = FIRST_REST
        while True:
            try:
                async with self._claims.held(self._name(doc_id)) as held:
                    await self._settle(held)
            except NotFound:  # with its database
                return
            except CouchregError as error:
                log.warning("It is not known yet what became of an edit: %s", error.reason)
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
            else:
                return


def _made(edit: Edit, parent: ReadDocument | None) -> _Wanted:
    """Raises MissingStub."""
    files: Sequence[Attachment] = ()
    if edit.attachments:
        files = writing.resolved(edit, () if parent is None else parent.revision().attachments)
    over = Edit(edit.id, None if parent is None else parent.rev, edit.deleted, edit.body, tuple(files))
    return _Wanted(edit, revision_of(over, () if parent is None else parent.history[1:]), parent)


def _is_taken(edit: Edit, row: Row | None) -> bool:
    """Whether an edit that names no revision is one of a document that there is."""
    return edit.rev is None and row is not None and (edit.deleted or not row.deleted)


def _keep(claims: Sequence[HeldClaim], *, is_kept: bool) -> None:
    for claim in claims:
        claim.is_kept = is_kept


def _check(found: Sequence[object]) -> None:
    """Of edits that are made together all are refused where one is."""
    for one in found:
        if isinstance(one, CouchregError):
            raise one
