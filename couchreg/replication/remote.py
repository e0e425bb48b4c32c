"""A database of another server, or one of this that was named by its URL: both ports over HTTP.

Speaks the replication protocol as CouchDB, PouchDB Server and couchreg know it:
https://docs.couchdb.org/en/stable/replication/protocol.html
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from couchreg.errors import BadRequest, Conflict, Forbidden, MissingStub, NotFound, Unauthorized
from couchreg.model import json
from couchreg.replication import documents_json
from couchreg.replication.calls import LARGEST, QUICK, Manners, PeerAnswer, PeerCalls, TooMuch
from couchreg.replication.files import Fetch, RelatedBody, path_of
from couchreg.replication.network import Networks
from couchreg.replication.options import Replication
from couchreg.replication.peers import (
    AttachedFile,
    Broken,
    Brought,
    ChangedDocument,
    ChangesPage,
    Document,
    Info,
    RefusedDocument,
    ReplicationCheckpoint,
    Source,
    WantedRevision,
)
from couchreg.turns import TimeSlice

BYTES = 1 << 20  # of one stretch of documents, as far as that can be told before
FIRST_STRETCH, LONGEST_STRETCH = 20, 500  # documents
LARGEST_STRETCH = 8 << 20  # bytes of an answer with several documents
HEARTBEAT = 10_000  # milliseconds
_ONE_BY_ONE = frozenset({400, 404, 405, 415, 501})  # what servers without _bulk_get answer


class RemoteDatabase:
    """One end of a replication, reached over HTTP."""

    def __init__(self, calls: PeerCalls, manners: Manners, replication: Replication, shown: str) -> None:
        self._calls = calls
        self._manners = manners
        self._replication = replication
        self._shown = shown
        self._bulk_get = replication.use_bulk_get
        self._stretch = FIRST_STRETCH
        self._largest_body = BYTES
        self.bulk_get_attempts = 0
        self.bulk_get_docs = 0

    @classmethod
    def of(
        cls, replication: Replication, networks: Networks, manners: Manners, *, target: bool
    ) -> "RemoteDatabase":
        endpoint = replication.target if target else replication.source
        return cls(PeerCalls(endpoint, networks, manners), manners, replication, endpoint.shown)

    async def close(self) -> None:
        await self._calls.close()

    # -- both ends
    async def info(self) -> Info:
        found = await self.greeting()
        return Info(str(found.get("instance_start_time", "0")), found.get("update_seq", 0))

    async def greeting(self) -> Mapping[str, Any]:
        """What is said of itself at this address. Raises NotFound, Unauthorized, Forbidden, Broken."""
        answer = await self._calls.ask("GET", "")
        if answer.status == 404:
            raise NotFound(f"could not open {self._shown}", error="db_not_found")
        self._check(answer)
        return self._object(answer)

    async def checkpoint(self, doc_id: str) -> ReplicationCheckpoint:
        answer = await self._calls.ask("GET", path_of(doc_id))
        if answer.status == 404:
            return ReplicationCheckpoint({}, None)
        self._check(answer)
        body = self._object(answer)
        rev = body.get("_rev")
        kept = {key: value for key, value in body.items() if key not in ("_id", "_rev")}
        return ReplicationCheckpoint(kept, rev if isinstance(rev, str) else None)

    async def write_checkpoint(self, doc_id: str, body: Mapping[str, Any], rev: str | None) -> str:
        value = {"_id": doc_id, **body} | ({"_rev": rev} if rev is not None else {})
        answer = await self._calls.ask("PUT", path_of(doc_id), value=value)
        if answer.status == 409:
            raise Conflict
        self._check(answer)
        return str(self._object(answer).get("rev"))

    async def commit(self) -> str:
        answer = await self._calls.ask("POST", "/_ensure_full_commit", value={})
        self._check(answer)
        return str(self._object(answer).get("instance_start_time", "0"))

    def _object(self, answer: PeerAnswer) -> Mapping[str, Any]:
        """Raises Broken."""
        found = answer.json()
        if not isinstance(found, dict):
            raise Broken(f"{self._shown} answers with something that is not a JSON object.")
        return found

    def _check(self, answer: PeerAnswer) -> None:
        """Raises what a status means for a whole replication."""
        if answer.status in (401, 403):
            kind = Unauthorized if answer.status == 401 else Forbidden
            raise kind(
                f"unauthorized to access or create database {self._shown} ({answer.reason})",
                error="unauthorized",
            )
        if answer.status >= 400:
            raise Broken(f"{self._shown}: {answer.reason}")

    # -- the source
    async def filter_text(self, design: str, name: str) -> str:
        answer = await self._calls.ask("GET", path_of(f"_design/{design}"))
        if answer.status == 404:
            reason = (
                f"Couldn't open document `_design/{design}` from source database `{self._shown}`: not_found"
            )
            raise NotFound(reason)
        self._check(answer)
        found = answer.json()
        filters = found.get("filters") if isinstance(found, dict) else None
        text = filters.get(name) if isinstance(filters, dict) else None
        if not isinstance(text, str):
            raise NotFound(f"missing json key: {name}")
        return text

    async def changes(self, since: Any, limit: int, *, wait: bool) -> ChangesPage:
        wanted, replication = self._replication.filter, self._replication
        query = {
            "feed": "longpoll" if wait else "normal",
            "style": "main_only" if replication.winning_revs_only else "all_docs",
            "since": since if isinstance(since, str) else json.encode(since).decode(),
            "limit": str(limit),
            "heartbeat": str(min(HEARTBEAT, max(1000, int(self._manners.timeout * 1000 / 3)))),
        }
        value: Any = None
        if wanted.kind == "doc_ids":
            query["filter"], value = "_doc_ids", {"doc_ids": list(wanted.doc_ids)}
        elif wanted.kind == "selector":
            query["filter"], value = "_selector", {"selector": dict(wanted.selector or {})}
        elif wanted.kind:
            query["filter"] = wanted.name
            query = {name: _parameter(given) for name, given in wanted.params.items()} | query
        try:
            method = "GET" if value is None else "POST"
            answer = await self._calls.ask(method, "/_changes", query=query, value=value)
        except TooMuch:
            if limit == 1:
                raise
            return await self.changes(since, limit // 2, wait=wait)
        if answer.status == 404:
            raise NotFound(f"could not open {self._shown} ({answer.reason})", error="db_not_found")
        self._check(answer)
        return _page(await answer.large_json())

    async def documents(self, wanted: Sequence[WantedRevision]) -> AsyncIterator[Sequence[Brought]]:
        left = deque(wanted)
        while left:
            batch = [left.popleft() for _ in range(min(len(left), self._stretch))]
            yield await self._documents(batch)

    async def _documents(self, wanted: Sequence[WantedRevision]) -> list[Brought]:
        """In halves, where one of them spoils the answer for all."""
        if not self._bulk_get:
            return await self._one_by_one(wanted)
        try:
            answer = await self._ask_bulk_get(wanted)
            rows = _rows(answer.data) if answer.status == 200 else ()
        except (Broken, TooMuch) as error:
            if isinstance(error, Broken):
                await self.info()  # raises where it is the server that is ill, and not the documents
            if len(wanted) == 1:
                return await self._one_by_one(wanted)
            self._stretch = max(1, self._stretch // 2)
            middle = len(wanted) // 2
            return [*await self._documents(wanted[:middle]), *await self._documents(wanted[middle:])]
        if answer.status in _ONE_BY_ONE:
            self._bulk_get = False
            return await self._one_by_one(wanted)
        self._check(answer)
        self._adapt(len(answer.data), len(wanted))
        return await self._read_rows(rows, wanted)

    async def _ask_bulk_get(self, wanted: Sequence[WantedRevision]) -> PeerAnswer:
        entries = [{"id": one.id, "rev": one.rev} for one in wanted]
        return await self._calls.ask(
            "POST",
            "/_bulk_get",
            query={"revs": "true", "latest": "true", "attachments": "false", "att_encoding_info": "true"},
            value={"docs": entries},
            retries=min(1, self._manners.retries),
            most=LARGEST_STRETCH if len(wanted) > 1 else LARGEST,
        )

    def _adapt(self, size: int, count: int) -> None:
        """So many documents next time that they have about `BYTES`, growing slowly."""
        fit = BYTES * count // max(size, 1)
        self._stretch = max(1, min(fit, 2 * self._stretch, LONGEST_STRETCH))

    async def _read_rows(self, rows: Sequence[bytes], wanted: Sequence[WantedRevision]) -> list[Brought]:
        """Rows belong to what was asked for by their place."""
        if len(rows) != len(wanted):
            return await self._one_by_one(wanted)
        self.bulk_get_attempts += len(wanted)
        found: list[Brought] = []
        again: list[WantedRevision] = []
        turn = TimeSlice()
        for text, one in zip(rows, wanted, strict=True):
            row = await _decoded(text)
            await turn.pass_on()
            docs = row.get("docs") if isinstance(row, dict) else None
            docs = docs if isinstance(docs, list) else []
            good = [doc["ok"] for doc in docs if isinstance(doc, dict) and "ok" in doc]
            if not good:
                again.append(one)
            for value in good:
                document = _read(value, one)
                found.append(document)
                self.bulk_get_docs += isinstance(document, Document) and not document.files
        return found + (await self._one_by_one(again) if again else [])

    async def _one_by_one(self, wanted: Sequence[WantedRevision]) -> list[Brought]:
        gate = asyncio.Semaphore(4)

        async def one(of: WantedRevision) -> list[Brought]:
            async with gate:
                return await self._one(of)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(of)) for of in wanted]
        return [document for task in tasks for document in task.result()]

    async def _one(self, wanted: WantedRevision) -> list[Brought]:
        query = {
            "open_revs": json.encode([wanted.rev]).decode(),
            "revs": "true",
            "latest": "true",
            "att_encoding_info": "true",
        }
        try:
            answer = await self._calls.ask("GET", path_of(wanted.id), query=query, most=LARGEST)
            rows = await answer.large_json() if answer.status == 200 else None
        except TooMuch:
            return [
                RefusedDocument(wanted.id, wanted.rev, 413, f"The document has more than {LARGEST} bytes.")
            ]
        except Broken as error:
            await self.info()
            return [RefusedDocument(wanted.id, wanted.rev, 502, error.reason)]
        if answer.status != 200:
            if answer.status == 401:
                self._check(answer)
            return [RefusedDocument(wanted.id, wanted.rev, answer.status, answer.reason)]
        rows = rows if isinstance(rows, list) else []
        found = [row["ok"] for row in rows if isinstance(row, dict) and "ok" in row]
        if not found:
            return [RefusedDocument(wanted.id, wanted.rev, 404, "The source has this revision no more.")]
        return [_read(value, wanted) for value in found]

    async def open(self, document: Document, file: AttachedFile) -> AsyncIterator[bytes]:
        async for chunk in Fetch(self._calls, self._manners, document, file).chunks():
            yield chunk

    # -- the target
    async def create(self, params: Mapping[str, Any]) -> None:
        query = {
            name: _parameter(value) for name, value in params.items() if name in ("q", "n", "partitioned")
        }
        answer = await self._calls.ask("PUT", "", query=query)
        if answer.status != 412:  # somebody else has made it
            self._check(answer)

    async def missing(
        self, revs: Mapping[str, Sequence[str]]
    ) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        answer = await self._calls.ask(
            "POST", "/_revs_diff", value={key: list(of) for key, of in revs.items()}
        )
        self._check(answer)
        found = documents_json.ids_of(await answer.large_json())
        return {
            doc_id: (_texts(row.get("missing")), _texts(row.get("possible_ancestors")))
            for doc_id, row in found.items()
            if doc_id in revs and isinstance(row, dict)
        }

    async def write(self, documents: Sequence[Document]) -> Sequence[RefusedDocument]:
        refused: list[RefusedDocument] = []
        batch: list[tuple[Document, bytes]] = []
        size = 0
        for document in documents:
            text = documents_json.write(document)
            if document.id.startswith("_design/"):  # one that is refused would take the others with it
                refused += await self._put(document, text)
                continue
            if batch and size + len(text) > self._largest_body:
                refused += await self._write(batch)
                batch, size = [], 0
            batch.append((document, text))
            size += len(text)
        return refused + (await self._write(batch) if batch else [])

    async def _write(self, batch: Sequence[tuple[Document, bytes]]) -> list[RefusedDocument]:
        body = b'{"new_edits":false,"docs":[%b]}' % b",".join(text for _, text in batch)
        headers = {"Content-Type": "application/json"}
        answer = await self._calls.ask("POST", "/_bulk_docs", body=body, headers=headers)
        if answer.status in (200, 201, 202):
            rows = documents_json.refusals(answer.json(), [document for document, _ in batch])
            return [RefusedDocument(*row) for row in rows]
        if answer.status in (401, 403, 404):
            self._check(answer)
        if len(batch) == 1:
            return [_refusal(batch[0][0], answer)]
        if answer.status == 413:
            self._largest_body = max(self._largest_body // 2, 64 << 10)
        middle = len(batch) // 2
        return [*await self._write(batch[:middle]), *await self._write(batch[middle:])]

    async def _put(self, document: Document, text: bytes) -> list[RefusedDocument]:
        headers = {"Content-Type": "application/json"}
        answer = await self._calls.ask(
            "PUT", path_of(document.id), query={"new_edits": "false"}, body=text, headers=headers
        )
        return [] if answer.status < 300 else [_refusal(document, answer)]

    async def write_with_files(self, document: Document, source: Source) -> RefusedDocument | None:
        body = RelatedBody(document, source)
        answer = await self._calls.ask(
            "PUT",
            path_of(document.id),
            query={"new_edits": "false"},
            body=body.pieces,
            headers=body.headers,
        )
        if answer.status < 300:
            return None
        if answer.status == 412 and document.known_revpos:
            raise MissingStub(answer.reason)
        if answer.status == 404:
            raise NotFound(f"could not open {self._shown}", error="db_not_found")
        return _refusal(document, answer)


def _refusal(document: Document, answer: PeerAnswer) -> RefusedDocument:
    return RefusedDocument(document.id, document.rev, answer.status, answer.reason)


def _read(value: Any, wanted: WantedRevision) -> Brought:
    try:
        return documents_json.read(value, wanted)
    except BadRequest as error:
        return RefusedDocument(wanted.id, wanted.rev, 502, error.reason)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple([one for one in value if isinstance(one, str)]) if isinstance(value, list) else ()


def _parameter(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()


def _rows(data: bytes) -> Sequence[bytes]:
    """The results of `_bulk_get`, still as text. Raises Broken."""
    try:
        return [bytes(row) for row in json.items(json.parts(data)["results"])]
    except (BadRequest, KeyError):
        raise Broken("The source's answer to _bulk_get cannot be read.") from None


async def _decoded(text: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.decode(text) if len(text) <= QUICK else await asyncio.to_thread(json.decode, text)
    except BadRequest:
        return None


def _page(found: Any) -> ChangesPage:
    """Raises Broken."""
    try:
        rows = [
            ChangedDocument(row["seq"], row["id"], tuple([change["rev"] for change in row["changes"]]))
            for row in found["results"]
        ]
        last = found["last_seq"]
        if not all(isinstance(text, str) for row in rows for text in (row.id, *row.revs)):
            raise TypeError
        pending = found.get("pending")
    except (TypeError, KeyError, AttributeError):
        raise Broken("The source's _changes cannot be read.") from None
    return ChangesPage(rows, last, pending if isinstance(pending, int) else None)
