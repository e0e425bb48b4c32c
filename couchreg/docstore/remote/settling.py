"""Edits of a cluster that were begun and of which nobody knows whether they were done.

An edit is written down, in the claim on its document, before it is sent. So whoever has that claim next knows
its revision, and makes certain of it before anything else is done to the document: where a copy has the
revision it may have been acknowledged, and a majority is given it. Where no copy of a majority has it, it was
not, and may still come, from a node that is away or a request that is late: so a revision is put *upon* it
that says again what was there before. When it comes then, it has been edited already, and nothing happens.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from couchreg.docstore.base import Attachment, Edit
from couchreg.docstore.remote import reading, writing
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.records import ReadDocument, body_of, read, write
from couchreg.docstore.remote.replicas import Replicas
from couchreg.errors import CouchregError, Failure, Unavailable, Unsure
from couchreg.model.revid import revision_id

HISTORY: Final = 100  # revisions that are sent with a new one
SENDING: Final = 10.0  # seconds for which it is tried to have a majority written
FIRST_REST, LONGEST_REST = 0.1, 1.0  # seconds between two attempts
AT_ONCE: Final = 8  # documents that are sent one by one

_rows: Final = msgspec.json.Decoder(list[writing.WrittenRow])


class Intent(msgspec.Struct, frozen=True):
    """An edit that is about to be sent. `revs` are the revision that it makes and those before it."""

    id: str
    revs: tuple[str, ...]

    @property
    def text(self) -> str:
        return msgspec.json.encode(self).decode()


_intents: Final = msgspec.json.Decoder(Intent)


class Settling:
    """Of one database. Whoever calls `settle` has the claim on the document."""

    def __init__(self, asking: DatabaseCalls, replicas: Replicas) -> None:
        self._asking = asking
        self._replicas = replicas

    async def settle(self, notes: Sequence[str]) -> None:
        """Raises Unavailable where too few nodes answer, NotFound where the database is gone."""
        for note in dict.fromkeys(notes):
            await self._settle(_intents.decode(note))

    async def _settle(self, intent: Intent) -> None:
        leafs = await self._leafs(intent.id)
        there = {doc.rev: text for text, doc in leafs if intent.revs[0] in doc.history}
        await self._sent_all(list(there.values()) or [_undoing(intent, leafs)])

    async def _leafs(self, doc_id: str) -> list[tuple[msgspec.Raw, ReadDocument]]:
        """Of all copies that answer."""

        async def ask(copy: DatabaseCalls) -> list[msgspec.Raw]:
            return await reading.raw_leafs_of(copy, doc_id, {"revs": "true"})

        return [(text, read(text)) for found in await self._replicas.answering(ask) for text in found]

    async def _sent_all(self, docs: Sequence[bytes | msgspec.Raw]) -> None:
        for outcome in await self.sent(docs):
            if outcome is not None:
                raise outcome

    # -- sending
    async def sent(
        self, docs: Sequence[bytes | msgspec.Raw], *, was_sent: bool = False
    ) -> list[CouchregError | None]:
        """Revisions with their histories are sent until a majority of the copies has them: None, or why that
        CouchDB does not take one. Raises Unsure, Unavailable where nothing has been sent, and what CouchDB
        refuses the whole request with. An answer that a node is away is Unsure: others may have taken it. So
        is a refusal of what was sent before (`was_sent`), and taken by fewer copies than a majority."""
        until, rest = time.monotonic() + SENDING, FIRST_REST
        while True:
            try:
                answer = await writing.send(self._asking, docs, new_edits=False)
            except Unavailable as error:
                if was_sent:
                    raise Unsure(error.reason, retry_after=error.retry_after) from error
                raise
            try:
                answer.check()
            except Unavailable as error:
                raise Unsure(error.reason, retry_after=error.retry_after) from error
            except CouchregError as error:
                if was_sent:  # some copies have taken what this one refuses now
                    raise Unsure(error.reason, retry_after=5) from error
                raise
            try:
                refused = [row for row in await self._asking.decoded(answer, _rows) if row.error]
            except Failure as error:
                raise Unsure(error.reason) from error
            if answer.status == 201 and not refused:
                return [None] * len(docs)
            if refused and len(docs) == 1:
                why = writing.problem(refused[0])
                if isinstance(why, Unavailable):
                    raise Unsure(why.reason, retry_after=why.retry_after)
                if was_sent:
                    raise Unsure(why.reason, retry_after=5) from why
                return [why]
            if refused:  # CouchDB says of which only where there is one
                return await self._one_by_one(docs, was_sent=was_sent)
            if time.monotonic() > until:
                raise Unsure(
                    "Too few nodes of the CouchDB behind this server have written this.", retry_after=5
                )
            was_sent = True
            await asyncio.sleep(rest)
            rest = min(rest * 2, LONGEST_REST)

    async def _one_by_one(
        self, docs: Sequence[bytes | msgspec.Raw], *, was_sent: bool
    ) -> list[CouchregError | None]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def send(doc: bytes | msgspec.Raw) -> CouchregError | None:
            async with turn:
                return (await self.sent([doc], was_sent=was_sent))[0]

        found = await asyncio.gather(*map(send, docs), return_exceptions=True)
        outcomes: list[CouchregError | None] = []
        for one in found:
            if isinstance(one, BaseException) and (
                not isinstance(one, CouchregError) or isinstance(one, Unavailable)
            ):
                if isinstance(one, Unavailable):
                    raise Unsure(one.reason, retry_after=one.retry_after) from one
                raise one
            outcomes.append(one)
        return outcomes


def _undoing(intent: Intent, leafs: Sequence[tuple[msgspec.Raw, ReadDocument]]) -> bytes:
    """Where what was edited is a leaf still it is said again."""
    docs = [doc for _, doc in leafs]
    old = None
    if docs and len(intent.revs) > 1 and reading.union(docs).is_leaf(intent.revs[1]):
        old = next(doc for doc in docs if doc.rev == intent.revs[1])
    return upon(intent, old)


def upon(intent: Intent, old: ReadDocument | None) -> bytes:
    """A revision upon that of an edit that is to have no effect: the old one again, or nothing."""
    was = None if old is None or old.deleted else old.revision()
    body, files = ({}, ()) if was is None else (was.body, was.attachments)
    made = revision_of(Edit(intent.id, intent.revs[0], was is None, body, files), intent.revs[1:])
    return write(made, files_of(made))


def revision_of(edit: Edit, before: Sequence[str] = ()) -> Edit:
    """The revision that an interactive edit with records of its files makes, to be sent as a replicated one.
    `before` are those before the one that it edits, newest first."""
    rev = revision_id(
        deleted=edit.deleted, parent=edit.rev, body=body_of(edit.body, files_of(edit)), attachments=()
    )
    revs = [rev, *([] if edit.rev is None else [edit.rev, *before])][:HISTORY]
    history = tuple([one.partition("-")[2] for one in revs])
    return Edit(edit.id, rev, edit.deleted, edit.body, edit.attachments, history)


def files_of(edit: Edit) -> list[Attachment]:
    return [one for one in edit.attachments if isinstance(one, Attachment)]
