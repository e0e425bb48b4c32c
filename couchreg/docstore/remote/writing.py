"""What an edit becomes on its way to a CouchDB, and what that made of it.

Stubs of attachments are replaced here by the records of the ancestor, since CouchDB knows of no attachments.
Who conflicts with whom is CouchDB's to say.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from couchreg.docstore.base import Attachment, Edit, Outcome, Row, Stub
from couchreg.docstore.remote import reading
from couchreg.docstore.remote.asking import LARGE, DatabaseCalls
from couchreg.docstore.remote.calls import CouchAnswer, told
from couchreg.docstore.remote.records import RECORDS, write
from couchreg.errors import Conflict, CouchregError, DocValidation, Failure, MissingStub, Unavailable, Unsure
from couchreg.model import json

FIRST_ANCESTORS: Final = 20  # revisions that are asked for at once
ROUNDS: Final = 5  # attempts to have enough copies of what one node has taken
WAIT: Final = 0.2  # seconds before the first of them

Prepared = bytes | CouchregError


class WrittenRow(msgspec.Struct):
    """A row of `_bulk_docs`."""

    id: str = ""
    rev: str = ""
    error: str = ""
    reason: Any = ""
    accepted: bool = False


rows_of: Final = msgspec.json.Decoder(list[WrittenRow])


async def prepared(asking: DatabaseCalls, edits: Sequence[Edit], *, new_edits: bool) -> list[Prepared]:
    """The text of each document, or why there is none. Raises MissingStub: then nothing is to be written."""
    found: list[Prepared] = []
    for edit in edits:
        if RECORDS in edit.body:
            found.append(DocValidation(f"Bad special document member: {RECORDS}"))
            continue
        attachments: Sequence[Attachment] | None = ()
        if edit.attachments:
            attachments = await (_kept(asking, edit) if new_edits else _replicated(asking, edit))
        if attachments is None:
            found.append(Conflict())
            continue
        text = write(edit, attachments)
        found.append(text)
        if len(text) >= LARGE:
            await asyncio.sleep(0)
    return found


async def _kept(asking: DatabaseCalls, edit: Edit) -> Sequence[Attachment] | None:
    """Of an interactive edit; None where what it edits is not there."""
    if not any(isinstance(one, Stub) for one in edit.attachments):
        return resolved(edit, ())
    if edit.rev is not None:
        [parent] = await reading.revisions(asking, edit.id, [edit.rev])
        if parent is None:
            return None
        return resolved(edit, parent.attachments)
    [row] = await reading.winners(asking, [edit.id], bodies=True)
    return resolved(edit, () if row is None else row.attachments)


async def _replicated(asking: DatabaseCalls, edit: Edit) -> Sequence[Attachment]:
    """Stubs are those of the nearest ancestor that is stored."""
    known: tuple[Attachment, ...] = ()
    if any(isinstance(one, Stub) for one in edit.attachments):
        path, step = _ancestors(edit), FIRST_ANCESTORS
        for start in range(0, len(path), step):
            stored = await reading.revisions(asking, edit.id, path[start : start + step])
            nearest = next((one for one in stored if one is not None), None)
            if nearest is not None:
                known = nearest.attachments
                break
    return resolved(edit, known)


def _ancestors(edit: Edit) -> list[str]:
    rev = edit.rev or ""
    top = int(rev[: rev.index("-", 1)])
    return [f"{top - depth}-{name}" for depth, name in enumerate(edit.history) if depth]


def resolved(edit: Edit, known: Sequence[Attachment]) -> list[Attachment]:
    """Raises MissingStub."""
    by_name = {one.name: one for one in known}
    found = []
    for one in edit.attachments:
        if isinstance(one, Attachment):
            found.append(one)
            continue
        record = by_name.get(one.name)
        if record is None or (one.revpos is not None and one.revpos != record.revpos):
            raise MissingStub(f"Invalid attachment stub in {edit.id} for {one.name}")
        found.append(record)
    return found


# -- sending
async def written(
    asking: DatabaseCalls, edits: Sequence[Edit], texts: Sequence[Prepared], *, new_edits: bool
) -> list[Outcome]:
    """Send what can be sent. Raises what the whole call is refused with, Unavailable, Unsure."""
    places = [place for place, text in enumerate(texts) if isinstance(text, bytes)]
    outcomes: list[Outcome] = [text if isinstance(text, CouchregError) else "" for text in texts]
    if not places:
        return outcomes
    docs = [text for text in texts if isinstance(text, bytes)]
    answer = await send(asking, docs, new_edits=new_edits)
    try:
        answer.check()
    except Unavailable as error:  # a node is away: others may have taken it, or an attempt before this one
        raise Unsure(error.reason, retry_after=error.retry_after) from error
    sent = [edits[place] for place in places]
    try:  # from here on it has been written, whatever comes
        rows = await asking.decoded(answer, rows_of)
        found = _outcomes(rows, len(sent)) if new_edits else _refused(rows, sent)
        if answer.status == 202:
            await _settle(asking, sent, found, docs, new_edits=new_edits)
    except Unsure:
        raise
    except CouchregError as error:
        raise Unsure(f"Written, but nobody knows on how many nodes: {error.reason}") from error
    for place, outcome in zip(places, found, strict=True):
        outcomes[place] = outcome
    return outcomes


async def send(asking: DatabaseCalls, docs: Sequence[bytes | msgspec.Raw], *, new_edits: bool) -> CouchAnswer:
    """Replicated documents may be sent twice; of an edit the second time would be a conflict with itself. It
    is 202 where a cluster has fewer copies written than a majority."""
    body = b'{"docs":[%b],"new_edits":%b}' % (b",".join(map(bytes, docs)), b"true" if new_edits else b"false")
    return await asking.ask("POST", "/_bulk_docs", body=body, repeat=not new_edits)


def _outcomes(rows: Sequence[WrittenRow], count: int) -> list[Outcome]:
    if len(rows) != count:
        raise Unsure("The CouchDB behind this server did not say what became of each document.")
    return [problem(row) if row.error else row.rev for row in rows]


def _refused(rows: Sequence[WrittenRow], sent: Sequence[Edit]) -> list[Outcome]:
    """Of replicated documents only those are listed that were not taken."""
    problems = {(row.id, row.rev): problem(row) for row in rows if row.error}
    by_id = {row.id: problem(row) for row in rows if row.error and not row.rev}
    return [
        problems.get((edit.id, edit.rev or "")) or by_id.get(edit.id) or (edit.rev or "") for edit in sent
    ]


def problem(row: WrittenRow) -> CouchregError:
    reason = row.reason if isinstance(row.reason, str) else json.brief(row.reason, 1000)
    if row.error == "conflict":
        return Conflict()
    found = told(row.error, reason)
    return found if not isinstance(found, Failure) else Failure(reason or row.error, error=row.error)


async def _settle(
    asking: DatabaseCalls,
    sent: Sequence[Edit],
    outcomes: Sequence[Outcome],
    docs: Sequence[bytes],
    *,
    new_edits: bool,
) -> None:
    """Fewer copies than wanted have been written (202), which is no acknowledgement: the same revisions
    are sent again, as replicated ones, until a majority has them. Raises Unsure if it never does."""
    wait = WAIT
    for _ in range(ROUNDS):
        await asyncio.sleep(wait)
        wait *= 2
        again: Sequence[bytes | msgspec.Raw] = docs
        if new_edits:
            wanted = [
                (edit.id, [outcome])
                for edit, outcome in zip(sent, outcomes, strict=True)
                if isinstance(outcome, str)
            ]
            again = await reading.raw_revisions(asking, wanted)
            if len(again) < len(wanted):
                continue
        answer = await send(asking, again, new_edits=False)
        answer.check()
        if answer.status == 201:
            return
    raise Unsure("Too few nodes of the CouchDB behind this server have written this.", retry_after=5)


async def together(
    asking: DatabaseCalls, edits: Sequence[Edit], texts: Sequence[Prepared], *, new_edits: bool
) -> list[Outcome]:
    """One after the other; where one is refused, those before it are taken back, and it raises."""
    before = await reading.winners(asking, [edit.id for edit in edits[:-1]], bodies=True)
    outcomes: list[Outcome] = []
    for edit, text in zip(edits, texts, strict=True):
        try:
            [outcome] = await written(asking, [edit], [text], new_edits=new_edits)
            if isinstance(outcome, CouchregError):
                raise outcome
        except CouchregError as error:
            if not isinstance(error, Unsure):
                for done, old, rev in list(zip(edits, before, outcomes, strict=False))[::-1]:
                    try:
                        await _take_back(asking, done.id, str(rev), old)
                    except CouchregError as failed:
                        raise Unsure(f"Written in part, and not taken back: {failed.reason}") from failed
            raise
        outcomes.append(outcome)
    return outcomes


async def _take_back(asking: DatabaseCalls, doc_id: str, rev: str, old: Row | None) -> None:
    """A document that there was not is forgotten. One that there was becomes again what it was, by an edit:
    to forget the last revision would forget all before it as well."""
    if old is None:
        answer = await asking.ask("POST", "/_purge", value={doc_id: [rev]})
        answer.check()
        return
    text = write(Edit(doc_id, rev, old.deleted, old.body), old.attachments)
    rows = await asking.decoded(await send(asking, [text], new_edits=True), rows_of)
    [outcome] = _outcomes(rows, 1)
    if isinstance(outcome, CouchregError):
        raise outcome
